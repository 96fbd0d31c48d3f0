"""The README's tour works as printed: its commands are taken from the page and run against a real server."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Check = Callable[["Ran"], None]
OUTCOMES: list[Check] = []


@dataclass(frozen=True)
class Ran:
    """What one block of commands printed, and the status of its last command."""

    output: str
    status: int

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The JSON objects that the block printed, in order."""
        found, decoder, position = [], json.JSONDecoder(), self.output.find('{"')
        while position >= 0:
            value, end = decoder.raw_decode(self.output, position)
            found.append(value)
            position = self.output.find('{"', end)
        return found


def outcome(check: Check) -> Check:
    """What the next block of the tour has to come to."""
    OUTCOMES.append(check)
    return check


def read_tour(page: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


class Shell:
    """One shell in which the blocks run one after the other, as in a reader's terminal."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, block: str) -> Ran:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{block}\nprintf '\\n<<block ended %s>>\\n' $?\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if ended := re.fullmatch(r"<<block ended (\d+)>>\n", line):
                return Ran("".join(lines), int(ended[1]))
            lines.append(line)
        raise AssertionError(f"the shell ended early:\n{''.join(lines)}")

    def close(self) -> None:
        self._process.communicate(timeout=10)


@outcome
def the_clone_has_the_history(ran: Ran) -> None:
    assert "Promote triage 4 to staging and production" in ran.output
    assert "고객지원 프롬프트를 저장소로 옮김" in ran.output


@outcome
def a_broken_push_is_refused_with_reason_and_place(ran: Ran) -> None:
    assert ran.status != 0
    assert re.search(
        r"^remote: prompts/support/triage\.prompt\.yaml:\d+:\d+: \[[a-z-]+\] .*tiket", ran.output, re.MULTILINE
    )
    shown = re.findall(r"^(remote: .+?) \.\.\.$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert shown
    assert all(line in ran.output for line in shown), "the README shows another refusal than the real one"
    assert "(pre-receive hook declined)" in ran.output


@outcome
def the_mended_push_is_live_as_a_version_of_its_own(ran: Ran) -> None:
    assert "main -> main" in ran.output
    assert re.search(r"^remote: support/triage v5 is live", ran.output, re.MULTILINE)


@outcome
def production_is_read_apart_from_the_newest(ran: Ran) -> None:
    production, newest = [line for line in ran.output.splitlines() if line]
    assert production.startswith('{"name":"support/triage","version":4,')
    assert '"labels":["production"' in production
    assert newest.startswith('{"name":"support/triage","version":5,')
    assert '"labels":[]' in newest


@outcome
def it_is_rendered_and_a_missing_variable_is_named(ran: Ran) -> None:
    rendered, problem = ran.answers
    assert "My card was charged twice." in rendered["messages"][-1]["content"]
    assert problem["status"] == 422
    assert "ticket" in json.dumps(problem)


@outcome
def korean_is_found_without_the_particle(ran: Ran) -> None:
    names = ran.output.split()
    assert names[0] in {"고객지원/환불-안내", "partials/환불-기준"}
    assert {"고객지원/환불-안내", "partials/환불-기준"} <= set(names)


@outcome
def a_write_over_rest_is_a_commit_that_can_be_pulled(ran: Ran) -> None:
    written = ran.answers[0]
    assert re.fullmatch(r"[0-9a-f]{40}", written["commit"])
    assert written["version"] == 1
    assert 'text: "Good morning, {{ name }}."' in ran.output


@outcome
def production_moves_and_rolls_back_by_commits(ran: Ran) -> None:
    moved, back = ran.answers
    assert (moved["version"], moved["previous"]) == (5, 4)
    assert (back["version"], back["previous"]) == (4, 5)
    log = [line for line in ran.output.splitlines() if re.match(r"[0-9a-f]{7,} ", line)]
    assert len(log) == 3


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("perl") is None, reason="the tour uses curl and perl")
def test_every_block_of_the_tour(serve: Callable[..., Any], tmp_path: Path, git_environment: dict[str, str]) -> None:
    server = serve()
    shell = Shell(tmp_path, git_environment)
    try:
        blocks = read_tour("README.md")
        assert not any(place in block for block in blocks[1:] for place in ("8000", ".data")), "said once, at the top"
        blocks[0] = blocks[0].replace("http://127.0.0.1:8000\n", f"{server.url}\n", 1)
        for block, check in zip(blocks, OUTCOMES, strict=True):
            ran = shell.run(block)
            print(f"$ {block}{ran.output}")  # noqa: T201 - shown where the check fails
            check(ran)
            assert server.key not in ran.output
    finally:
        shell.close()
    assert server.key not in server.log.read_text()
