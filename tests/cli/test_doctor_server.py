"""``doctor`` asks a server as its clients do."""

import json
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Done, Run, url_of
from tests.cli.test_remote_errors import answering, http
from tests.ports import free_port
from tests.running import Running

pytestmark = pytest.mark.e2e

KEY = "pmt_secretsecret"
JSON = "Content-Type: application/json"
ABOUT_THE_SERVER = {"server", "server-clock", "server-version", "server-ready", "key", "server-index"}


def ill(done: Done) -> dict[str, dict[str, Any]]:
    """What is not well with the server, by check."""
    assert "secretsecret" not in done.out + done.err
    found = [f for f in done.json["findings"] if f["check"] in ABOUT_THE_SERVER and f["grade"] != "ok"]
    assert [f["check"] for f in found if not (f["found"] and f["why"] and f["remedy"])] == []
    return {f["check"]: f for f in found}


def test_a_server_that_is_well(run: Run, server: Running) -> None:
    done = run(
        "doctor", "--json", PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key, PROMPTUARY_DATA=str(server.data)
    )
    findings = {f["check"]: f for f in done.json["findings"]}
    assert (done.code, ill(done), set(findings) >= {*ABOUT_THE_SERVER, "owner", "hooks"}) == (0, {}, True)
    assert findings["key"]["found"] == "it is admin's, of scope admin"
    assert (findings["served"]["grade"], f":{server.port}" in findings["served"]["found"]) == ("ok", True)
    unnamed = run("doctor", "--json", PROMPTUARY_DATA=str(server.data), PROMPTUARY_PORT=str(free_port()))
    (found,) = [f for f in unnamed.json["findings"] if f["check"] == "served"]
    assert found["grade"] == "warning", "it listens at another port than the settings here say"
    served = run("doctor", "--json", PROMPTUARY_PORT=str(server.port), PROMPTUARY_DATA=str(server.data))
    (found,) = [f for f in served.json["findings"] if f["check"] == "served"]
    assert (found["grade"], f"process {server.process.pid}" in found["found"]) == ("ok", True)  # type: ignore[union-attr]
    assert ABOUT_THE_SERVER & {f["check"] for f in served.json["findings"]} == set(), "nobody named a server"


def test_only_the_server_is_looked_at_where_there_is_no_data_folder(
    process: Run, server: Running, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(server.key)
    done = process("doctor", "--url", url_of(server), "--key-file", "key", "--json")
    assert (done.code, ill(done)) == (0, {}), done.out
    assert {"data", "owner", "hooks"} & {f["check"] for f in done.json["findings"]} == set()


@pytest.mark.parametrize(
    ("url", "key", "check", "words"),
    [
        ("http://127.0.0.1:{dead}", KEY, "server", "Connection refused"),
        ("127.0.0.1:80", KEY, "server", "is no address"),
        ("http://me:secretsecret@127.0.0.1:{dead}", KEY, "server", "cannot be asked"),
        ("{live}", KEY, "key", "no API key"),
        ("{live}", "", "key", "no key is set"),
    ],
)
def test_a_server_that_cannot_be_asked(run: Run, server: Running, url: str, key: str, check: str, words: str) -> None:
    address = url.format(dead=free_port(), live=url_of(server))
    done = run("doctor", "--json", PROMPTUARY_URL=address, PROMPTUARY_KEY=key)
    assert (words in ill(done)[check]["found"], list(ill(done))) == (True, [check]), done.out


def test_a_key_that_was_revoked_and_a_repository_that_is_not_there(run: Run, server: Running) -> None:
    made = json.loads(server.command("key", "create", "--scope", "read", "--json").stdout)
    asked = {"PROMPTUARY_URL": url_of(server), "PROMPTUARY_KEY": made["key"]}
    done = run("doctor", "--json", "--repository", "nosuch", **asked)
    assert "nosuch" in ill(done)["server-index"]["found"]
    assert "it is admin's, of scope read" in done.out
    server.command("key", "revoke", made["id"])
    time.sleep(2.2)
    revoked = ill(run("doctor", "--json", **asked))
    assert (list(revoked), "was revoked" in revoked["key"]["found"]) == (["key"], True)


def peer(date: float = 0.0, **answers: tuple[str, Any]) -> Callable[..., None]:
    """A server whose clock is some seconds off and that answers as said; all else as one that is well."""
    known: dict[str, tuple[str, Any]] = {
        "livez": ("200 OK", {"status": "alive", "version": "0.1.0"}),
        "readyz": ("200 OK", {"status": "ready", "reasons": []}),
        "key": ("200 OK", {"user": "ada", "scope": "write"}),
        "index": ("200 OK", {"behind": 0, "outbox": 0}),
        **answers,
    }

    def answer(connection: Any, asked: bytes) -> None:
        status, body = known[asked.split(b" ")[1].decode().rpartition("/")[2]]
        connection.sendall(
            http(status, json.dumps(body).encode(), JSON, f"Date: {formatdate(time.time() + date, usegmt=True)}")
        )

    return answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (peer(), {}),
        (peer(20), {}),
        (peer(600), {"server-clock": " s ahead of this one"}),
        (peer(-7200), {"server-clock": " s behind this one"}),
        (peer(livez=("200 OK", {"status": "alive", "version": "9.0.0"})), {"server-version": "the server has 9.0.0"}),
        (peer(readyz=("503 No", {"reasons": ["default: 7 commits"]})), {"server-ready": "default: 7 commits"}),
        (
            peer(index=("200 OK", {"behind": 7, "outbox": 3})),
            {"server-index": "7 commits behind Git, waiting for the search index: 3 templates"},
        ),
        (peer(index=("200 OK", {"behind": 0, "outbox": 2})), {}),
        (
            peer(index=("200 OK", {"behind": 0, "outbox": 5000})),
            {"server-index": "waiting for the search index: 5,000 templates"},
        ),
        (peer(index=("200 OK", {"behind": None, "outbox": 0})), {"server-index": "projected anew"}),
        (peer(livez=("200 OK", ["what"])), {"server": "not Promptuary's"}),
        (peer(key=("200 OK", {})), {"server": "not Promptuary's"}),
        (peer(key=("429 Slow down", {})), {"key": "answers 429"}),
    ],
)
def test_what_a_server_says(run: Run, answer: Callable[..., None], expected: dict[str, str]) -> None:
    seen: list[bytes] = []
    with answering(lambda connection: answer(connection, seen[-1]), seen) as url:
        done = run("doctor", "--json", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
    found = ill(done)
    assert {check: words in found[check]["found"] for check, words in expected.items()} == dict.fromkeys(expected, True)
    assert set(found) == set(expected)
