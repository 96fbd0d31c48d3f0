"""``promptuary login``, ``logout``, ``whoami`` and ``credential``, against a real server and with real git."""

import http.client
import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from api.commands.logins import FORMAT, LoginFile, StoredLogin, server_address
from api.commands.token_server import TokenServer
from api.commands.transport import NoAnswer
from tests.cli.conftest import Done, Run, environment, url_of
from tests.cli.remote import on_a_terminal
from tests.running import PROGRAM, Running, clean_environment
from tests.warm import WarmProcess

pytestmark = pytest.mark.e2e

PASSWORD = "열쇠 구멍 달빛 1001"
CODE = re.compile(r"^ +([B-Z]{4}-[B-Z]{4})$", re.MULTILINE)


class Person:
    """The administrator in a browser."""

    def __init__(self, server: Running) -> None:
        self.server = server
        given = (
            (server.data / "admin-password").read_text().strip() if (server.data / "admin-password").exists() else ""
        )
        self.cookie = ""
        if given:
            self.post("/api/v1/sign-in", {"user": "admin", "password": given}, as_json=True)
            changed = {"present": given, "new": PASSWORD}
            assert self.post("/api/v1/password", changed, as_json=True, method="PUT")[0] == 200
        else:
            assert self.post("/api/v1/sign-in", {"user": "admin", "password": PASSWORD}, as_json=True)[0] == 200

    def post(
        self, path: str, fields: dict[str, str], *, as_json: bool = False, method: str = "POST"
    ) -> tuple[int, str]:
        kind = "application/json" if as_json else "application/x-www-form-urlencoded"
        body = json.dumps(fields) if as_json else urlencode(fields)
        headers = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin", "Cookie": self.cookie}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request(method, path, body.encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if cookie := answer.getheader("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        connection.close()
        return answer.status, text

    def let_in(self, code: str, decision: str = "allow") -> None:
        status, text = self.post("/device", {"user_code": code, "decision": decision})
        assert status == 200, text


@pytest.fixture(scope="module")
def person(server: Running) -> Person:
    return Person(server)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.fixture
def file(home: Path) -> Path:
    return home / "promptuary" / "credentials.json"


def settings(server: Running, home: Path) -> dict[str, str]:
    return {"PROMPTUARY_URL": url_of(server), "XDG_CONFIG_HOME": str(home)}


@contextmanager
def logging_in(server: Running, home: Path, *options: str) -> Iterator[tuple[WarmProcess, str]]:
    """``promptuary login`` as a process, and the code that it shows."""
    process = WarmProcess(
        ["login", *options],
        env=environment(PYTHONUNBUFFERED="1", **settings(server, home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = b""
    while not (found := CODE.search(said.decode())):
        piece = os.read(process.stdout.fileno(), 65_536)
        assert piece, said.decode()
        said += piece
    yield process, found[1]
    process.kill()
    process.wait(10)
    process.stdout.close()


def log_in(server: Running, person: Person, home: Path, *options: str, decision: str = "allow") -> tuple[int, str]:
    with logging_in(server, home, *options) as (process, code):
        person.let_in(code, decision)
        assert process.stdout is not None
        text = process.stdout.read().decode()
        return process.wait(30), text


@pytest.fixture
def logged_in(server: Running, person: Person, file: Path) -> None:
    """The login that the command gets, without its waiting."""
    program = TokenServer(url_of(server))
    asked = program.begin("write").json()
    person.let_in(asked["user_code"])
    logins = LoginFile(file)
    with logins.locked():
        logins.put(url_of(server), StoredLogin.of(program.redeem(asked["device_code"]), time.time()))


@pytest.fixture
def signed(run: Run, server: Running) -> Callable[..., Done]:
    """Runs a command against the server, without a key."""

    def call(*arguments: str, **more: Any) -> Done:
        return run(*arguments, **{"PROMPTUARY_URL": url_of(server), **more})

    return call


def stored(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    (login,) = found["logins"].values()
    assert isinstance(login, dict)
    return login


def change(file: Path, **fields: Any) -> None:
    found = json.loads(file.read_text())
    for login in found["logins"].values():
        login.update(fields)
    file.write_text(json.dumps(found))


def test_a_person_signs_in_and_commands_ask_as_him(
    signed: Callable[..., Done], person: Person, home: Path, file: Path, server: Running
) -> None:
    status, text = log_in(server, person, home)
    assert (status, "as admin, for scope write" in text) == (0, True), text
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert list(json.loads(file.read_text())["logins"]) == [url_of(server)]
    who = signed("whoami")
    assert who.out == f"admin (Administrator) at {url_of(server)}, by a login, for scope write\n"
    assert signed("list").code == 0
    assert signed("label", "set", "canary", "support/triage", "1").code == 0
    key = signed("whoami", "--json", PROMPTUARY_KEY=server.key)
    assert key.json["scope"] == "admin", "a key that is set wins"
    assert signed("list", PROMPTUARY_KEY="pmt_wrong").code == 1


def test_a_token_that_ends_is_renewed(signed: Callable[..., Done], logged_in: None, file: Path) -> None:
    before = stored(file)
    assert signed("list").code == 0
    assert stored(file) == before, "it holds for ten minutes"
    change(file, expires_at=time.time() + 5)
    assert signed("list").code == 0
    after = stored(file)
    assert after["refresh_token"] != before["refresh_token"]
    assert after["access_token"] != before["access_token"]
    assert after["expires_at"] > time.time() + 500
    assert [each.name for each in file.parent.iterdir() if each.name not in {file.name, f"{file.name}.lock"}] == []


def test_many_processes_renew_it_together(logged_in: None, file: Path, server: Running, home: Path) -> None:
    """Without the lock the second one would bring a used refresh token, and the family would end."""
    before = stored(file)
    change(file, expires_at=0.0)

    def ask(_: int) -> int:
        done = subprocess.run(
            [*PROGRAM, "whoami"], env=environment(**settings(server, home)), capture_output=True, check=False
        )
        return done.returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [0] * 4
    assert stored(file)["refresh_token"] != before["refresh_token"]


def test_a_stolen_file_is_found_out(signed: Callable[..., Done], logged_in: None, file: Path) -> None:
    """A thief renews twice what he copied; the owner's next command ends both."""
    copied = file.read_text()
    for _ in range(2):
        change(file, expires_at=0.0)
        assert signed("list").code == 0
    thief = file.read_text()
    file.write_text(copied)
    change(file, expires_at=0.0)
    ended = signed("list")
    assert (ended.code, "somebody may have copied it" in ended.err) == (2, True)
    assert "promptuary login" in signed("list").err, "it is forgotten"
    file.write_text(thief)
    time.sleep(2.1)  # for how long a checked token is believed
    refused = signed("list")
    assert (refused.code, "ended" in refused.err) == (1, True)


def test_the_doctor_looks_at_the_login(
    signed: Callable[..., Done], logged_in: None, file: Path, server: Running
) -> None:
    found = signed("doctor", "--json", "--url", url_of(server))
    keys = [each for each in found.json["findings"] if each["check"] == "key"]
    assert [each["found"] for each in keys] == ["it is admin's, of scope write"]
    change(file, refresh_token="pmr_wrong", expires_at=0.0)
    found = signed("doctor", "--json", "--url", url_of(server))
    (key,) = [each for each in found.json["findings"] if each["check"] == "key"]
    assert (key["grade"], key["command"] or key["remedy"]) == ("problem", "promptuary login")


def test_signing_out_ends_it_there_and_here(signed: Callable[..., Done], logged_in: None, file: Path) -> None:
    kept = file.read_text()
    out = signed("logout")
    assert (out.code, out.out.startswith("Signed out of")) == (0, True)
    assert json.loads(file.read_text())["logins"] == {}
    assert signed("logout").code == 1
    assert "promptuary login signs in there" in signed("whoami").err
    file.write_text(kept)
    change(file, expires_at=0.0)
    assert "does not hold here" in signed("list").err


def test_signing_out_of_a_server_that_is_away(run: Run, logged_in: None, file: Path, server: Running) -> None:
    away = "http://127.0.0.1:9"
    file.write_text(file.read_text().replace(url_of(server), away))
    out = run("logout", "--url", away)
    assert (out.code, "could not be told" in out.err) == (0, True)
    assert json.loads(file.read_text())["logins"] == {}


def test_who_is_turned_away(server: Running, person: Person, home: Path, file: Path) -> None:
    status, text = log_in(server, person, home, decision="deny")
    assert (status, "The sign-in was denied" in text) == (1, True)
    assert not file.exists()


def test_signing_in_again_ends_the_login_before(
    signed: Callable[..., Done], logged_in: None, file: Path, server: Running, person: Person, home: Path
) -> None:
    before = stored(file)
    status, text = log_in(server, person, home, "--scope", "read")
    assert (status, "for scope read" in text) == (0, True)
    assert signed("label", "set", "canary", "support/triage", "1").code == 1
    change(file, refresh_token=before["refresh_token"], expires_at=0.0)
    assert "does not hold here" in signed("list").err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": "x"}',
        f'{{"format": "{FORMAT}", "logins": {{"a": {{}}}}}}',
        "\xff",
        "[" * 5_000,
    ],
)
def test_a_damaged_file_is_told(signed: Callable[..., Done], file: Path, text: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode("latin-1"))
    file.chmod(0o600)
    for command in ("list", "whoami", "logout"):
        done = signed(command)
        assert (done.code, "credentials.json is damaged" in done.err) == (2, True), done.err


def test_a_file_that_others_can_read_is_not_used(signed: Callable[..., Done], logged_in: None, file: Path) -> None:
    file.chmod(0o644)
    done = signed("list")
    assert (done.code, "chmod 600" in done.err) == (2, True)


def test_no_token_is_shown(signed: Callable[..., Done], logged_in: None, file: Path, server: Running) -> None:
    login = stored(file)
    for done in (signed("whoami"), signed("list"), signed("doctor", "--url", url_of(server))):
        for secret in (login["access_token"], login["refresh_token"]):
            assert secret not in done.out + done.err
    assert login["refresh_token"] not in server.log.read_text()
    assert login["access_token"] not in server.log.read_text()


def test_a_terminal_shows_the_code(server: Running, home: Path) -> None:
    """What is asked there can be ended with Ctrl-C."""
    code, screen = on_a_terminal(server, "login", "--url", "http://127.0.0.1:9", columns=100, XDG_CONFIG_HOME=str(home))
    assert (code, "cannot be asked" in screen) == (2, True)


@pytest.mark.parametrize("url", ["nothing", "ftp://x", "http://127.0.0.1:99999"])
def test_addresses_that_are_none(run: Run, url: str) -> None:
    for command in ("login", "logout", "whoami"):
        done = run(command, "--url", url)
        assert done.code == 2
        assert done.err.startswith("promptuary: ")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://HOST:80/", "http://host"),
        ("https://host:443", "https://host/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
        (" http://host/a/ ", "http://host/a"),
    ],
)
def test_spellings_of_an_address(one: str, other: str) -> None:
    assert server_address(one) == server_address(other)


def test_addresses_that_differ() -> None:
    found = {server_address(f"{each}") for each in ("http://h", "https://h", "http://h:81", "http://h.x", "http://h/a")}
    assert len(found) == 5
    with pytest.raises(NoAnswer):
        server_address("http://h:x")


# Git


@pytest.fixture
def git(server: Running, home: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Plain git with the helper, and no other way to get a password."""
    program = tmp_path / "promptuary"
    program.write_text(f'#!/bin/sh\nexec {PROGRAM[0]} -c "{PROGRAM[2]}" "$@"\n')
    program.chmod(0o755)

    def call(*arguments: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        env = clean_environment(**settings(server, home), GIT_ASKPASS="true")
        words = ["git", "-c", f"credential.helper=!{program} credential", *arguments]
        return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)

    return call


def test_git_clones_and_pushes_with_the_login(
    git: Callable[..., subprocess.CompletedProcess[str]], logged_in: None, server: Running, tmp_path: Path, file: Path
) -> None:
    address = f"{url_of(server)}/git/default.git"
    cloned = git("clone", "--quiet", address, "clone")
    assert cloned.returncode == 0, cloned.stderr
    clone = tmp_path / "clone"
    (clone / "prompts" / "from-git.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: |\n  hello\n")
    change(file, expires_at=0.0)  # the push needs another token
    for step in (["add", "."], ["commit", "--quiet", "-m", "by a login"], ["push", "--quiet"]):
        done = git(*step, cwd=clone)
        assert done.returncode == 0, done.stderr
    assert server.read("from-git")["name"] == "from-git"
    assert "eyJ" not in (clone / ".git" / "config").read_text()


def test_git_gets_nothing_for_other_servers_and_without_a_login(
    git: Callable[..., subprocess.CompletedProcess[str]], server: Running
) -> None:
    refused = git("ls-remote", f"{url_of(server)}/git/default.git")
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr


def asked(run: Run, action: str, text: str) -> Done:
    return run("credential", action, stdin=text)


def test_the_helper_speaks_git_s_protocol(run: Run, logged_in: None, file: Path, server: Running) -> None:
    host = f"protocol=http\nhost=127.0.0.1:{server.port}\n"
    login = stored(file)
    given = dict(line.split("=", 1) for line in asked(run, "get", f"{host}\n").out.splitlines())
    assert given == {
        "username": "admin",
        "password": login["access_token"],
        "password_expiry_utc": str(int(login["expires_at"])),
    }
    assert asked(run, "get", f"{host}username=admin\npath=git/default.git\ncapability[]=authtype\n\n").out
    for other in (
        f"{host}username=lee\n\n",
        "protocol=http\nhost=127.0.0.1:1\n\n",
        f"protocol=https\nhost=127.0.0.1:{server.port}\n\n",
        f"protocol=http\nhost=127.0.0.1:{server.port}.evil.example.com\n\n",
        "protocol=ssh\nhost=h\n\n",
        "protocol=http\nhost=[\n\n",
        "host=x\n",
        "",
        "\n\n",
        "=\n=\x00\n",
    ):
        done = asked(run, "get", other)
        assert (done.code, done.out) == (0, ""), other
    assert asked(run, "store", f"{host}username=admin\npassword=x\n\n").code == 0
    assert stored(file) == login, "Git's word changes nothing"
    asked(run, "erase", f"{host}username=admin\npassword=another\n\n")
    assert stored(file) == login
    asked(run, "erase", f"{host}username=admin\npassword={login['access_token']}\n\n")
    again = asked(run, "get", f"{host}\n").out
    assert login["access_token"] not in again
    assert "password=eyJ" in again
    assert run("credential", "nothing").code == 2
