"""What ``docker compose up`` starts, started without containers by the same command lines, behind a real nginx."""

import json
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backing import elasticsearch_url, redis_url
from tests.databases import address_of, own_database
from tests.deploy.composed import image_check, image_settings, is_healthy, running_nginx, services
from tests.indexes import forget_indexes
from tests.running import REPOSITORY, NoAnswer, Running, commit, git, run_git, template_path, text_template

pytestmark = pytest.mark.e2e


@dataclass
class Composition:
    """The processes by the names of their services, and the way in that clients use."""

    processes: dict[str, Running]
    entrance: Running


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    folder = tmp_path_factory.mktemp("composed")
    with own_database() as database:
        addresses = {
            "PROMPTUARY_DATABASE_URL": address_of(database),
            "PROMPTUARY_REDIS_URL": redis_url(),
            "PROMPTUARY_ELASTICSEARCH_URL": elasticsearch_url(),
            "PROMPTUARY_NAMESPACE": f"composed-{secrets.token_hex(4)}",
        }
        processes = {name: composed_process(name, folder, addresses) for name in ("git", "api-1", "api-2")}
        replicas = services()["indexer"]["deploy"]["replicas"]
        for number in range(1, replicas + 1):
            processes[f"indexer-{number}"] = composed_process("indexer", folder, addresses, f"indexer-{number}")
        git_url = f"http://127.0.0.1:{processes['git'].port}"
        for name in ("api-1", "api-2"):
            processes[name].settings = {**processes[name].settings, "PROMPTUARY_GIT_URL": git_url}
        try:
            start(processes)
            with running_nginx([processes["api-1"].port, processes["api-2"].port]) as port:
                entrance = Running(folder / "none", folder / "none.log", port=port, key=processes["git"].key)
                yield Composition(processes, entrance)
        finally:
            for each in reversed(processes.values()):
                each.stop()
            forget_indexes(addresses["PROMPTUARY_ELASTICSEARCH_URL"], addresses["PROMPTUARY_NAMESPACE"])


def composed_process(name: str, folder: Path, addresses: dict[str, str], log: str = "") -> Running:
    """A service of the composition: its command and its settings, with the addresses that servers have here."""
    service = services()[name]
    settings = {**image_settings(), **service["environment"]}
    kept = {key: value for key, value in settings.items() if key.startswith("PROMPTUARY_") and key not in NOT_HERE}
    has_disk = "git:/data" in service.get("volumes", [])
    assert settings["PROMPTUARY_DATA"] == "/data"
    data = folder / ("git" if has_disk else f"{name}-empty")
    return Running(data, folder / f"{log or name}.log", settings=kept | addresses, command_line=service["command"])


NOT_HERE = {"PROMPTUARY_PORT", "PROMPTUARY_DATA", "PROMPTUARY_HOST"}
"""Each container has its own network and disk; processes of one machine need ports and folders that differ."""


def start(processes: dict[str, Running]) -> None:
    """As ``depends_on`` says: replicas wait until the Git node is healthy."""
    assert list(services()["api-1"]["depends_on"]) == ["git"]
    disk = [each for name, each in processes.items() if not name.startswith("api")]
    for each in disk:
        each.begin()
    for each in disk:
        each.wait_until_ready()
    replicas = [each for name, each in processes.items() if name.startswith("api")]
    for each in replicas:
        each.begin()
    for each in replicas:
        each.wait_until_ready()
    key = (processes["git"].data / "admin-key").read_text().strip()
    for each in processes.values():
        each.key = key


def until(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_health_checks_tell_the_living_from_the_dead(composition: Composition) -> None:
    for name, process in composition.processes.items():
        check = services()[name.rstrip("-12") if name.startswith("indexer") else name]["healthcheck"]["test"]
        assert is_healthy(check[1:], process.port), name
        assert is_healthy(image_check(), process.port), name
    nobody = Running(Path(), Path()).port
    assert not is_healthy(check[1:], nobody)
    assert not is_healthy(image_check(), nobody)


def test_clients_write_read_search_and_push_through_nginx(composition: Composition, tmp_path: Path) -> None:
    entrance = composition.entrance
    status, _, answer = entrance.put("deploy/written", text_template("a heron in the reeds"), If_None_Match="*")
    assert status == 201, answer
    assert "heron" in entrance.read("deploy/written", min_commit=answer["commit"])["source"]
    until(lambda: "deploy/written" in entrance.search("heron"), "it is found")

    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--bare", entrance.git_url, str(clone))
    tip = git(clone, "rev-parse", "main").strip()
    made = commit(clone, tip, {"prompts/deploy/pushed.prompt.yaml": text_template("a kingfisher")})
    pushed = run_git(clone, "push", entrance.git_url, f"{made}:refs/heads/main")
    assert pushed.returncode == 0, pushed.stderr
    assert "kingfisher" in entrance.read("deploy/pushed")["source"]
    assert entrance.call("GET", "/metrics")[0] == 404


@contextmanager
def following(server: Running, heard: Path, *, query: str = "", header: str = "") -> Iterator[Callable[[], str]]:
    """A client that follows the events of a server: what it has heard so far."""
    address = f"http://127.0.0.1:{server.port}/api/v1/repositories/{REPOSITORY}/events{query}"
    config = heard.with_suffix(".curl")
    headers = "".join(f'header = "{each}"\n' for each in (f"Authorization: Bearer {server.key}", header) if each)
    config.write_text(f'{headers}no-buffer\nsilent\nurl = "{address}"\n')
    with heard.open("wb") as output, subprocess.Popen(["curl", "--config", config], stdout=output) as listener:
        try:
            until(lambda: heard.stat().st_size > 0, "the stream begins")
            yield heard.read_text
        finally:
            listener.kill()


def test_events_come_through_nginx_as_they_happen(composition: Composition, tmp_path: Path) -> None:
    entrance = composition.entrance
    with following(entrance, tmp_path / "heard") as heard:
        status, _, answer = entrance.put("deploy/heard", text_template("an owl"), If_None_Match="*")
        assert status == 201, answer
        until(lambda: "deploy/heard" in heard(), "the event arrives", 10)


def events_in(text: str) -> list[tuple[str, str, str | None]]:
    """Id, type and name of the events of a stream that came whole."""
    found = []
    for frame in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in frame.split("\n") if ": " in line)
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])["name"]))
    return found


def test_a_stream_goes_on_at_the_other_replica(composition: Composition, tmp_path: Path) -> None:
    """While somebody writes all the time a client goes from one to the other and back; it misses nothing."""
    one, other = composition.processes["api-1"], composition.processes["api-2"]
    told: list[tuple[str, str, str | None]] = []

    def follow(replica: Running, more: int, *, query: str = "", header: str = "") -> str:
        """Until so many more versions were told, at least: the id of the last event."""
        with following(replica, tmp_path / "heard", query=query, header=header) as heard:
            streaming.set()
            until(lambda: len(names_in(events_in(heard()))) >= more, "versions are told")
        events = events_in((tmp_path / "heard").read_text())
        told.extend(events)
        return events[-1][0]

    streaming = threading.Event()
    with writing(composition.entrance, streaming) as names:
        last = follow(one, 5)
        last = follow(other, 5, header=f"Last-Event-ID: {last}")
    for name in ("deploy/away-1", "deploy/away-2"):
        names.append(name)
        assert composition.entrance.put(name, text_template(name), If_None_Match="*")[0] == 201
    follow(one, len(names) - len(names_in(told)), query=f"?after={last}")
    assert names_in(told) == names
    assert len({(place, kind) for place, kind, _ in told}) == len(told), "something was told twice"
    assert {kind for _, kind, _ in told} == {"template_changed", "ref_projected"}


def names_in(events: list[tuple[str, str, str | None]]) -> list[str | None]:
    """The templates that have a new version."""
    return [name for _, kind, name in events if kind == "template_changed"]


@contextmanager
def writing(entrance: Running, begin: threading.Event) -> Iterator[list[str | None]]:
    """Somebody writes templates all the time, from a moment on: their names in order."""
    names: list[str | None] = []
    statuses: set[int] = set()
    done = threading.Event()

    def write() -> None:
        begin.wait()
        while not done.is_set():
            names.append(f"deploy/told-{len(names)}")
            statuses.add(entrance.put(str(names[-1]), text_template("told"), If_None_Match="*")[0])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield names
    finally:
        begin.set()
        done.set()
        writer.join()
    assert statuses == {201}


@contextmanager
def reading(entrance: Running) -> Iterator[list[int | str]]:
    """Four clients that read one template or render it all the time: what each of these came to."""
    answers: list[int | str] = []
    done = threading.Event()

    rendering = f"/api/v1/repositories/{REPOSITORY}/render/deploy/steady"

    def read(turn: int) -> None:
        while not done.is_set():
            try:
                if turn % 2:
                    answers.append(entrance.call("GET", template_path("deploy/steady"))[0])
                else:
                    answers.append(entrance.call("POST", rendering, "{}", {"Content-Type": "application/json"})[0])
            except NoAnswer as lost:
                answers.append(str(lost))

    entrance.put("deploy/steady", text_template("steady"), If_None_Match="*")
    readers = [threading.Thread(target=read, args=(turn,)) for turn in range(4)]
    for reader in readers:
        reader.start()
    try:
        until(lambda: len(answers) > 100, "reads are answered")
        yield answers
    finally:
        done.set()
        for reader in readers:
            reader.join()


def test_a_replica_that_hangs_fails_no_read(composition: Composition) -> None:
    process = composition.processes["api-1"].process
    assert process is not None
    with reading(composition.entrance) as answers:
        process.send_signal(signal.SIGSTOP)
        try:
            before = len(answers)
            until(lambda: len(answers) > before + 200, "reads go on")
        finally:
            process.send_signal(signal.SIGCONT)
    assert {answer for answer in answers if answer != 200} == set()


def test_a_killed_replica_fails_no_read_and_both_killed_are_told_of(composition: Composition, tmp_path: Path) -> None:
    entrance, (one, other) = composition.entrance, (composition.processes["api-1"], composition.processes["api-2"])
    with reading(entrance) as answers:
        one.kill()
        before = len(answers)
        until(lambda: len(answers) > before + 300, "reads go on")
    assert {answer for answer in answers if answer != 200} == set()
    assert entrance.put("deploy/written-meanwhile", text_template("b"), If_None_Match="*")[0] == 201

    other.kill()
    until(lambda: entrance.call("GET", "/livez")[0] == 503, "workers end with their parent")
    status, headers, problem = entrance.call("GET", template_path("deploy/steady"))
    assert (status, headers["content-type"], problem["type"]) == (
        503,
        "application/problem+json",
        "/docs/errors#unavailable",
    )
    assert headers["retry-after"] == "1"
    status, headers, problem = entrance.put("deploy/steady", text_template("c"), If_Match="*")
    assert (status, "not known whether" in problem["detail"]) == (503, True)
    listed = run_git(tmp_path, "ls-remote", entrance.git_url)
    assert (listed.returncode, b"No API process answered" in listed.stderr) == (128, True), listed.stderr

    for each in (one, other):
        each.begin()
        each.wait_until_ready()
    until(lambda: entrance.call("GET", template_path("deploy/steady"))[0] == 200, "nginx finds them again", 10)


def test_replicas_write_nothing_to_their_disk(composition: Composition) -> None:
    """In their containers it is read-only; here it would be made where they asked for it."""
    for name in ("api-1", "api-2"):
        process = composition.processes[name]
        assert process.call("GET", template_path("deploy/steady"))[0] == 200
        assert services()[name]["read_only"] is True
        assert not process.data.exists(), name
