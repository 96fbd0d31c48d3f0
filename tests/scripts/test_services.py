"""``make services`` and ``make services-stop``, in another folder and with other ports than a developer's."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.services.__main__ import COMPOSE, main
from scripts.services.processes import Process
from tests.backing import absent
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
NAMES = ("postgres", "redis", "elasticsearch")
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="module")
def services(folder: Path) -> Iterator[Command]:
    """What the two targets of the Makefile run."""
    first_port = free_port()

    def run(action: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "scripts.services", action, "--folder", folder, "--first-port", first_port]
        return subprocess.run(
            [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
        )

    yield run
    run("stop")


@pytest.fixture(scope="module")
def started(services: Command) -> "subprocess.CompletedProcess[str]":
    done = services("start")
    if COMPOSE in done.stderr:
        absent(done.stderr)
    return done


def taken(other: socket.socket, port: int) -> None:
    """Bind as soon as the one that was killed has let go."""
    for _ in range(100):
        try:
            return other.bind(("127.0.0.1", port))
        except OSError:
            time.sleep(0.05)
    raise AssertionError(port)


def pids(folder: Path) -> dict[str, int]:
    processes = {name: Process.remembered(folder / name / "process.json") for name in NAMES}
    return {name: process.pid for name, process in processes.items() if process is not None and process.is_alive()}


def test_starting_gives_three_servers_and_the_settings_for_them(
    started: "subprocess.CompletedProcess[str]", folder: Path
) -> None:
    assert started.returncode == 0, started.stderr
    for title in ("PostgreSQL 1[5-9]", "Redis [78]", "Elasticsearch 9"):
        assert re.search(rf"^  {title}\.[\d.]+: ready in [\d.]+ s \(127\.0\.0\.1:\d+\)$", started.stdout, re.MULTILINE)
    assert set(pids(folder)) == set(NAMES)

    script = '. "$1" && env | grep ^PROMPTUARY_ | sort'
    sourced = subprocess.run(["sh", "-c", script, "sh", folder / "env"], capture_output=True, text=True, check=True)
    ports = {name: (folder / name / "port").read_text().strip() for name in NAMES}
    patterns = [
        rf"PROMPTUARY_DATABASE_URL=postgresql://promptuary:\w{{32}}@127\.0\.0\.1:{ports['postgres']}/promptuary",
        rf"PROMPTUARY_ELASTICSEARCH_URL=http://127\.0\.0\.1:{ports['elasticsearch']}",
        rf"PROMPTUARY_REDIS_URL=redis://:\w{{32}}@127\.0\.0\.1:{ports['redis']}/0",
    ]
    lines = [line for line in sourced.stdout.splitlines() if re.fullmatch("|".join(patterns), line)]
    assert len(lines) == 3, sourced.stdout
    assert (folder / "env").stat().st_mode & 0o077 == 0, "it holds passwords"


@pytest.mark.usefixtures("started")
def test_starting_again_finds_them(services: Command, folder: Path) -> None:
    before, env = pids(folder), (folder / "env").read_text()
    again = services("start")
    assert (again.returncode, again.stdout.count("was running")) == (0, 3), again.stdout + again.stderr
    assert pids(folder) == before
    assert (folder / "env").read_text() == env


@pytest.mark.usefixtures("started")
def test_one_that_died_or_hangs_is_started_anew_and_others_are_left_alone(services: Command, folder: Path) -> None:
    before = pids(folder)
    os.kill(before["redis"], signal.SIGKILL)
    os.kill(before["postgres"], signal.SIGSTOP)
    again = services("start")
    assert again.returncode == 0, again.stderr
    after = pids(folder)
    assert after["elasticsearch"] == before["elasticsearch"]
    assert after["redis"] != before["redis"]
    assert after["postgres"] != before["postgres"]


@pytest.mark.usefixtures("started")
def test_a_port_that_another_has_taken_is_left_to_it(services: Command, folder: Path) -> None:
    port = int((folder / "redis/port").read_text())
    process = Process.remembered(folder / "redis/process.json")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken(other, port)
        other.listen()
        again = services("start")
    assert again.returncode == 0, again.stderr
    moved = int((folder / "redis/port").read_text())
    assert moved > port
    assert f":{moved}/0" in (folder / "env").read_text()


@pytest.mark.usefixtures("started")
def test_stopping_ends_what_was_started_and_nothing_else(services: Command, folder: Path) -> None:
    running = pids(folder)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        # As if the machine had given the id of a dead server to another process.
        os.kill(running["redis"], signal.SIGKILL)
        Process(stranger.pid, "another birth").remember(folder / "redis/process.json")
        stopped = services("stop")
        assert stopped.returncode == 0, stopped.stderr
        assert stopped.stdout.splitlines() == [
            "  PostgreSQL: stopped",
            "  Redis: was not running",
            "  Elasticsearch: stopped",
        ]
        assert stranger.poll() is None
        stranger.kill()
    assert pids(folder) == {}
    assert not (folder / "env").exists()
    assert services("stop").stdout.count("was not running") == 3


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any of the programs, whose user may not install one."""
    for name in [name for name in os.environ if name.startswith("PROMPTUARY_")]:  # noqa: TID251
        monkeypatch.delenv(name)
    for name in ("JAVA_HOME", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("scripts.services.postgres._DEBIAN", tmp_path)
    monkeypatch.setattr("scripts.services.elasticsearch_jars._JVMS", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path / "services"


def test_where_none_can_be_had_the_way_out_is_named(bare_machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "--folder", str(bare_machine)]) == 1
    said = capsys.readouterr().err
    assert said.count("docker compose up -d postgres redis elasticsearch") == 3
    assert "There is no PostgreSQL of version 15 or newer here" in said
    assert "a JDK of version 21 or newer" in said


def test_root_without_a_network_is_told_the_same(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("scripts.services.programs._POLICY", tmp_path / "policy")
    monkeypatch.setattr("scripts.services.__main__.FOLDER", tmp_path)  # where jars are kept
    program(tmp_path / "env", 'shift; exec "$@"')
    program(tmp_path / "apt-get", "echo E: Unable to fetch some archives; exit 100")
    program(tmp_path / "redis-server", "echo Redis server v=6.0.16 sha=00000000:0 bits=64")
    program(tmp_path / "mvn", "echo Could not transfer artifact; exit 1")
    program(tmp_path / "jdk/bin/javac", "exit 0")
    (tmp_path / "jdk/release").write_text('JAVA_VERSION="25.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    monkeypatch.setenv("PROMPTUARY_DATABASE_URL", "postgresql://db.example/promptuary")
    assert main(["start", "--folder", str(bare_machine)]) == 1
    heard = capsys.readouterr()
    assert "PostgreSQL: the one that PROMPTUARY_DATABASE_URL names" in heard.out
    assert heard.err.count("docker compose up -d postgres redis elasticsearch") == 2
    for words in ("no redis-server of version 7", "Unable to fetch some archives", "Could not transfer artifact"):
        assert words in heard.err, heard.err


def program(path: Path, script: str) -> None:
    """A program of a line of shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_tests_are_left_out_without_servers_but_not_in_ci(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["start", "--tests", "--folder", str(bare_machine)]) == 0
    assert "left out" in capsys.readouterr().err
    monkeypatch.setenv("CI", "true")
    assert main(["start", "--tests", "--folder", str(bare_machine)]) == 1


def test_servers_that_the_environment_names_are_used_where_none_can_be_had(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMPTUARY_DATABASE_URL", "postgresql://db.example/it's")
    monkeypatch.setenv("PROMPTUARY_REDIS_URL", "redis://cache.example")
    monkeypatch.setenv("PROMPTUARY_TEST_ELASTICSEARCH_URL", "http://search.example")
    assert main(["start", "--tests", "--folder", str(bare_machine)]) == 0
    script = (
        '. "$1" && printf "%s\n" "$PROMPTUARY_DATABASE_URL" "$PROMPTUARY_REDIS_URL" "$PROMPTUARY_ELASTICSEARCH_URL"'
    )
    sourced = subprocess.run(
        ["/bin/sh", "-c", script, "sh", bare_machine / "env"], capture_output=True, text=True, check=True
    )
    assert sourced.stdout.splitlines() == ["postgresql://db.example/it's", "redis://cache.example", ""]
