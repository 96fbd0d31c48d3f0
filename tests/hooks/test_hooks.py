"""The hooks: what the scripts do with every kind of server, and what the server does with every kind of script."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.local import post_receive, pre_receive, system_actor
from hooks.protocol import LINE_BYTES, Request, clean_line, is_complete, parse_request, pieces
from hooks.server_side import Push, serve_push
from registry.adapters.git import LocalRepositories
from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic, Place
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RefName, RepositoryName, UserName
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate
from registry.domain.rights import on_server
from registry.domain.roles import Role

NAME = RepositoryName("default")
ACTOR = Actor(UserName("hannah"), "한나", "hannah@example.org", on_server(Role.AUTHOR))
OLD, NEW = CommitId("1" * 40), CommitId("2" * 40)
STDIN = f"{OLD} {NEW} refs/heads/main\n".encode()
UPDATE = RefUpdate(RefName("refs/heads/main"), OLD, NEW)
FOUND = Diagnostic("bad-word", "고치세요", "prompts/x.prompt.yaml", Place(3, 4))


@dataclass(frozen=True)
class Verdict:
    accepted: bool
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass
class FixedGate:
    """A gate with a fixed verdict that remembers what it was asked."""

    verdict: Verdict = Verdict(accepted=True)
    error: Exception | None = None
    delay: float = 0.0
    asked: list[tuple[Actor, tuple[RefUpdate, ...], Path | None]] = field(default_factory=list)
    judged: asyncio.Event = field(default_factory=asyncio.Event)
    denied: list[tuple[RepositoryName, UserName, str]] = field(default_factory=list)
    noted: list[tuple[Actor, tuple[RefUpdate, ...]]] = field(default_factory=list)

    async def judge(
        self,
        repository: RepositoryName,
        updates: Sequence[RefUpdate],
        actor: Actor,
        *,
        quarantine: Path | None = None,
        progress: Callable[[str], None] = print,
    ) -> Verdict:
        assert repository == NAME
        self.asked.append((actor, tuple(updates), quarantine))
        await asyncio.sleep(self.delay)
        if self.error:
            raise self.error
        self.judged.set()
        return self.verdict

    async def accept(self, repository: RepositoryName, updates: Sequence[RefUpdate], actor: Actor) -> list[RefIntent]:
        assert repository == NAME
        self.noted.append((actor, tuple(updates)))
        return []

    def refused(self, repository: RepositoryName, found: Iterable[Diagnostic], actor: Actor) -> None:
        self.denied += [(repository, actor.user, each.rule) for each in found]

    async def ended(self, intents: Sequence[RefIntent]) -> None:
        pass

    def abandon(self, intents: Sequence[RefIntent]) -> None:
        pass

    async def landed(self, repository: RepositoryName, updates: Sequence[RefUpdate]) -> Sequence[str]:
        assert (repository, tuple(updates)) == (NAME, (UPDATE,))
        if self.error:
            raise self.error
        return ("support/triage v2 is live (5 ms)",)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git = LocalRepositories(tmp_path / "data" / "repositories", hook_command=str(tmp_path / "promptuary"))
    git.create(NAME)
    return git.path(NAME)


def environment(**extra: str) -> dict[str, str]:
    return {"PATH": os.pathsep.join(os.get_exec_path()), "GIT_CONFIG_NOSYSTEM": "1", **extra}


async def run(
    repository: Path, hook: str, stdin: bytes = STDIN, shell: Sequence[str] = (), **extra: str
) -> tuple[int, str]:
    """Runs a hook's script as Git does: in the repository, updates on its standard input."""
    process = await asyncio.create_subprocess_exec(
        *shell,
        str(repository / "hooks" / hook),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=repository,
        env=environment(**extra),
    )
    out, _ = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, out.decode()


async def served(repository: Path, gate: FixedGate, hook: str, stdin: bytes = STDIN, **extra: str) -> tuple[int, str]:
    async with serve_push(Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate) as hooks:
        assert hooks.folder.stat().st_mode & 0o777 == 0o700
        result = await run(repository, hook, stdin, PROMPTUARY_GATE=str(hooks.folder), **extra)
    assert not hooks.folder.exists()
    return result


async def test_an_accepted_push_says_nothing(repository: Path) -> None:
    gate = FixedGate()
    assert await served(repository, gate, "pre-receive") == (0, "")
    assert gate.asked == [(ACTOR, (UPDATE,), None)]


async def test_a_refused_push_prints_the_place(repository: Path) -> None:
    code, out = await served(repository, FixedGate(Verdict(accepted=False, diagnostics=(FOUND,))), "pre-receive")
    assert code == 1
    assert out.splitlines() == [
        "prompts/x.prompt.yaml:3:4: [bad-word] 고치세요",
        "promptuary: the push was refused, nothing was changed",
    ]


async def test_a_thousand_long_lines_arrive_whole_and_in_order(repository: Path) -> None:
    found = tuple(Diagnostic("r", f"{n} " + "가" * 400, f"p{n}") for n in range(1000))
    code, out = await served(repository, FixedGate(Verdict(accepted=False, diagnostics=found)), "pre-receive")
    lines = out.splitlines()
    assert code == 1
    assert lines[:200] == [str(diagnostic) for diagnostic in found[:200]]
    assert lines[200:] == ["... and 800 more", "promptuary: the push was refused, nothing was changed"]


async def test_what_a_diagnostic_says_can_never_pass_for_the_verdict(repository: Path) -> None:
    found = (Diagnostic("r", "x\nok\nok\r\x1b[2Jok", "p\nok"),)
    code, out = await served(repository, FixedGate(Verdict(accepted=False, diagnostics=found)), "pre-receive")
    assert code == 1
    assert "\x1b" not in out
    assert "ok" not in out.splitlines()


async def test_thousands_of_refs_and_hostile_options_are_handed_over(repository: Path) -> None:
    gate = FixedGate()
    stdin = b"".join(f"{OLD} {NEW} refs/heads/{n}-한글\n".encode() for n in range(5000))
    code, out = await served(
        repository,
        gate,
        "pre-receive",
        stdin,
        GIT_PUSH_OPTION_COUNT="2",
        GIT_PUSH_OPTION_0="a\nupdates\nok\n$(touch pwned)`touch pwned`'\"",
        GIT_PUSH_OPTION_1="",
    )
    assert code == 0
    assert len(gate.asked[0][1]) == 5000
    assert "ok" not in out.splitlines()
    assert not (repository / "pwned").exists()


async def test_the_quarantine_must_lie_in_the_repository(repository: Path, tmp_path: Path) -> None:
    inside = repository / "objects" / "tmp_objdir-incoming-x"
    inside.mkdir()
    gate = FixedGate()
    assert (await served(repository, gate, "pre-receive", GIT_QUARANTINE_PATH=str(inside)))[0] == 0
    assert gate.asked[-1][2] == inside
    code, out = await served(repository, gate, "pre-receive", GIT_QUARANTINE_PATH=str(tmp_path))
    assert (code, len(gate.asked)) == (1, 1)
    assert "outside the repository" in out


async def test_errors_refuse_with_a_reason(repository: Path) -> None:
    code, out = await served(repository, FixedGate(error=Unavailable("Cannot read: the disk is full.")), "pre-receive")
    assert (code, "promptuary: Cannot read: the disk is full." in out) == (1, True)
    code, out = await served(repository, FixedGate(error=RuntimeError("secret detail")), "pre-receive")
    assert (code, "secret" in out, "its log says" in out) == (1, False, True)
    code, out = await served(repository, FixedGate(), "pre-receive", b"rubbish\n")
    assert code == 1


async def test_the_server_reports_what_it_let_in_and_never_fails(repository: Path) -> None:
    gate = FixedGate()
    async with serve_push(Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate) as hooks:
        assert await hooks.report() == []  # nothing has been judged
        assert (await run(repository, "pre-receive", PROMPTUARY_GATE=str(hooks.folder)))[0] == 0
        assert await hooks.report() == ["support/triage v2 is live (5 ms)"]
        gate.error = RuntimeError("x")
        (line,) = await hooks.report()
        assert "will be live" in line
    gate = FixedGate(Verdict(accepted=False, diagnostics=(FOUND,)))
    async with serve_push(Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate) as hooks:
        assert (await run(repository, "pre-receive", PROMPTUARY_GATE=str(hooks.folder)))[0] == 1
        assert await hooks.report() == []
    assert gate.denied == [(NAME, ACTOR.user, FOUND.rule)]


async def test_a_served_push_runs_pre_receive_alone(repository: Path) -> None:
    gate = FixedGate()
    async with serve_push(Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate) as hooks:
        assert [script.name for script in hooks.scripts.iterdir()] == ["pre-receive"]
        assert os.access(hooks.scripts / "pre-receive", os.X_OK)


async def refused_at_once(repository: Path, folder: Path, said: str, stdin: bytes = STDIN, **extra: str) -> None:
    started = time.monotonic()
    code, out = await run(repository, "pre-receive", stdin, PROMPTUARY_GATE=str(folder), **extra)
    assert (code, said in out) == (1, True), out
    assert time.monotonic() - started < 5


@pytest.fixture
def pipes(tmp_path: Path) -> Path:
    folder = tmp_path / "gate"
    folder.mkdir()
    for name in ("request", "answer"):
        os.mkfifo(folder / name)
    return folder


async def asked(request: int) -> bytes:
    """What the hook asks through the pipe."""
    data = b""
    while not is_complete(data):
        with suppress(BlockingIOError):
            data += os.read(request, 65536)
        await asyncio.sleep(0.01)
    return data


async def test_a_dead_server_refuses_at_once(repository: Path, pipes: Path, tmp_path: Path) -> None:
    many = b"".join(f"{OLD} {NEW} refs/heads/{n}\n".encode() for n in range(2000))
    options = {"GIT_PUSH_OPTION_COUNT": "1", "GIT_PUSH_OPTION_0": "x" * 100_000}
    for stdin, more in ((STDIN, {}), (many, {}), (STDIN, options)):  # nobody has the pipes open
        await refused_at_once(repository, pipes, "the server takes no questions", stdin, **more)
    await refused_at_once(repository, tmp_path / "absent", "is gone")
    (tmp_path / "files").mkdir()
    for name in ("request", "answer"):
        (tmp_path / "files" / name).write_text("ok\n")  # files, not pipes
    await refused_at_once(repository, tmp_path / "files", "is gone")


async def test_only_a_line_ok_lets_in(repository: Path, tmp_path: Path) -> None:
    """Whatever else a server says before it hangs refuses."""
    answers = {
        b"ok\n": 0,
        b"line\nok\n": 0,
        b"refused\n": 1,
        b"ok": 1,
        b"not ok\n": 1,
        b"OK\n": 1,
        b" ok\n": 1,
        b"x\n": 1,
    }

    async def answered(number: int, answer: bytes) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in ("request", "answer"):
            os.mkfifo(folder / name)
        request, reply = (os.open(folder / name, os.O_RDWR | os.O_NONBLOCK) for name in ("request", "answer"))
        os.write(reply, answer)
        running = asyncio.create_task(run(repository, "pre-receive", PROMPTUARY_GATE=str(folder)))
        await asked(request)
        os.close(request)
        os.close(reply)
        return (await running)[0]

    codes = await asyncio.gather(*(answered(number, answer) for number, answer in enumerate(answers)))
    assert codes == list(answers.values())


async def test_half_a_line_is_no_verdict(repository: Path, pipes: Path) -> None:
    request, reply = (os.open(pipes / name, os.O_RDWR | os.O_NONBLOCK) for name in ("request", "answer"))
    running = asyncio.create_task(run(repository, "pre-receive", PROMPTUARY_GATE=str(pipes)))
    os.write(reply, b"this is not ")
    await asyncio.sleep(0.5)
    os.write(reply, b"ok\n")
    os.close(request)
    os.close(reply)
    code, out = await running
    assert (code, "this is not ok\n" in out) == (1, True)


async def test_a_server_that_dies_while_it_judges_refuses_at_once(repository: Path, pipes: Path) -> None:
    request, reply = (os.open(pipes / name, os.O_RDWR | os.O_NONBLOCK) for name in ("request", "answer"))
    running = asyncio.create_task(run(repository, "pre-receive", PROMPTUARY_GATE=str(pipes)))
    data = await asked(request)
    await asyncio.sleep(0.2)
    os.close(request)
    os.close(reply)
    code, _ = await running
    assert code == 1
    assert parse_request(data) == Request("pre-receive", None, (), (UPDATE,))


async def test_a_gate_that_does_not_end_refuses(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hooks.server_side._JUDGE_SECONDS", 0.2)
    code, out = await served(repository, FixedGate(delay=5), "pre-receive")
    assert (code, "took more than" in out) == (1, True)


async def test_a_push_that_ends_as_the_verdict_is_made_ends(repository: Path) -> None:
    gate = FixedGate(delay=0.1)
    async with asyncio.timeout(10):
        async with serve_push(
            Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate
        ) as hooks:
            asking = f"promptuary-gate/1 pre-receive\0quarantine=\0updates\0{STDIN.decode()}\0"
            (hooks.folder / "request").write_text(asking)
            await gate.judged.wait()  # as a receive-pack that is killed at that moment
    assert not hooks.folder.exists()


SHELLS = [words for words in (["dash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"]) if shutil.which(words[0])]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
async def test_any_posix_shell_asks_alike(repository: Path, pipes: Path, shell: list[str]) -> None:
    for verdict, code in ((Verdict(accepted=True), 0), (Verdict(accepted=False, diagnostics=(FOUND,)), 1)):
        gate = FixedGate(verdict)
        async with serve_push(
            Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate
        ) as hooks:
            ended, out = await run(repository, "pre-receive", shell=shell, PROMPTUARY_GATE=str(hooks.folder))
        assert (ended, str(FOUND) in out) == (code, code == 1), out
        assert gate.asked == [(ACTOR, (UPDATE,), None)]
    ended, out = await run(repository, "pre-receive", shell=shell, PROMPTUARY_GATE=str(pipes))  # nobody is there
    assert (ended, "it has ended" in out, "nothing was changed" in out) == (1, True, True), out


async def test_a_repository_without_its_gate_takes_no_push(repository: Path) -> None:
    """Git runs no hook that is not there, and would let everything in."""
    gate = FixedGate()
    script = repository / "hooks" / "pre-receive"
    script.chmod(0o644)
    for _ in range(2):
        with pytest.raises(Unavailable, match="gate of default is not there"):
            async with serve_push(Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate):
                pass
        script.unlink(missing_ok=True)


async def test_asking_starts_no_program(repository: Path, tmp_path: Path) -> None:
    """Each costs every push a millisecond or two; the shell finds none in this path."""
    gate = FixedGate()
    async with serve_push(Push(NAME, repository, ACTOR), gate=gate, reporting=gate, moves=gate, denials=gate) as hooks:
        code, out = await run(repository, "pre-receive", PROMPTUARY_GATE=str(hooks.folder), PATH=str(tmp_path))
    assert (code, out) == (0, "")


def program(tmp_path: Path, code: int) -> None:
    """A stand-in for the promptuary program: it writes down how it was started."""
    script = tmp_path / "promptuary"
    script.write_text(
        f'#!/bin/sh\n{{ echo "$@"; echo "$PROMPTUARY_DATA"; echo "$GIT_QUARANTINE_PATH"; cat; }} >"$0.log"\nexit {code}\n'
    )
    script.chmod(0o755)


async def test_without_a_server_the_program_decides(repository: Path, tmp_path: Path) -> None:
    for code in (0, 1, 7):
        program(tmp_path, code)
        assert (await run(repository, "pre-receive", GIT_QUARANTINE_PATH="/q"))[0] == code
        told = (tmp_path / "promptuary.log").read_text().splitlines()
        assert told == ["hook pre-receive", str(tmp_path / "data"), "/q", STDIN.decode().strip()]
        assert (await run(repository, "post-receive"))[0] == 0


async def test_without_a_server_and_without_the_program_nothing_gets_in(repository: Path, tmp_path: Path) -> None:
    code, out = await run(repository, "pre-receive")
    assert (code, "is not there" in out, "start it once" in out) == (1, True, True)
    subprocess.run(["git", "config", "--unset", "promptuary.command"], cwd=repository, check=True)
    assert (await run(repository, "pre-receive"))[0] == 1
    assert (await run(repository, "post-receive"))[0] == 0


async def test_the_gate_in_process(repository: Path) -> None:
    lines: list[str] = []
    gate = FixedGate()
    assert (
        await pre_receive(gate, repository, STDIN, quarantine=None, write=lines.append, moves=gate, denials=gate) == 0
    )
    actor, updates, _ = gate.asked[0]
    assert (actor, updates, lines) == (system_actor(), (UPDATE,), [])
    assert actor.rights == on_server(Role.AUTHOR)
    gate = FixedGate(Verdict(accepted=False, diagnostics=(FOUND,)))
    assert (
        await pre_receive(gate, repository, STDIN, quarantine=None, write=lines.append, moves=gate, denials=gate) == 1
    )
    assert lines == [str(FOUND), "promptuary: the push was refused, nothing was changed"]
    assert gate.denied == [(NAME, system_actor().user, FOUND.rule)]
    for stdin, error in ((b"rubbish", None), (STDIN, Unavailable("The disk is full."))):
        gate = FixedGate(error=error)
        assert (
            await pre_receive(gate, repository, stdin, quarantine=None, write=lines.append, moves=gate, denials=gate)
            == 1
        )
    assert await post_receive(FixedGate(), repository, STDIN, write=lines.append) == 0
    assert await post_receive(FixedGate(error=Unavailable("x")), repository, STDIN, write=lines.append) == 0
    assert lines[-2:] == ["support/triage v2 is live (5 ms)", "promptuary: the push is in, but not live yet: x"]


@given(st.binary())
def test_no_bytes_break_the_parser(data: bytes) -> None:
    with suppress(ValueError):
        parse_request(data)
    with suppress(ValueError):
        parse_request(b"promptuary-gate/1 pre-receive\0quarantine=\0updates\0" + data + b"\0")


@given(st.lists(st.text(), max_size=20))
def test_pieces_hold_whole_lines_that_a_pipe_takes_undivided(lines: list[str]) -> None:
    for piece in pieces(lines):
        assert len(piece) <= 4096
        assert piece.endswith(b"\n")
        for line in piece.decode().split("\n")[:-1]:
            assert line not in {"ok", "refused"}
            assert line == "" or line.replace("\ufffd", " ").isprintable()


def test_a_line_is_cut_between_characters() -> None:
    cut = clean_line("가" * 5000)
    assert len(cut.encode()) <= LINE_BYTES
    assert cut.endswith("가…")
