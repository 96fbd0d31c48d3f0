"""A purge beside running servers, on both tiers: afterwards the text is nowhere that the registry keeps anything."""

import json
import os
import sqlite3
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.cluster import make_cluster
from tests.databases import address_of, fetch_sql, migrated_database
from tests.running import Running, clean_environment, git, run_git, text_template

pytestmark = pytest.mark.e2e

WORD = "Quetzalminsu"
SECRET = f"{WORD} 010-1234-5678"
SECONDS = 10.0
"""Within how long every server has noticed."""

Found = dict[str, bool]


@pytest.fixture(params=["embedded", "server"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """The server with the disk, and the one that is asked; both run."""
    if request.param == "embedded":
        one = Running(tmp_path / "data", tmp_path / "log")
        one.start()
        try:
            yield one, one
        finally:
            one.stop()
        return
    with migrated_database() as name:
        cluster = make_cluster(tmp_path, address_of(name))
        try:
            assert cluster.git.command("init", "default").returncode == 0
            cluster.start()
            yield cluster.git, cluster.replicas[0]
        finally:
            cluster.stop()


def leak(asked: Running) -> None:
    """Six commits: the partial leaks in its second version, which is labelled through what includes it."""
    tone = text_template(f"Call {SECRET} for refunds")
    reply = text_template('{% include "partials/tone" %}')
    asked.put("partials/tone", text_template("Be brief"), If_None_Match="*")
    asked.put("reply", reply, If_None_Match="*")
    status, headers, answer = asked.put("partials/tone", tone, If_Match="*")
    assert status == 200, answer
    status, _, answer = asked.call(
        "PUT",
        "/api/v1/repositories/default/labels/production/reply",
        json.dumps({"version": 2}),
        {"Content-Type": "application/json"},
    )
    assert status in {200, 201}, answer
    assert SECRET in asked.read("reply", label="production")["partials"]["partials/tone"]
    assert SECRET in asked.read("partials/tone", version="2")["source"]
    assert asked.call("GET", "/api/v1/repositories/default/bundle?label=production")[0] == 200
    assert write_once(asked)[0] == 201
    status, _, answer = asked.put("partials/tone", text_template("Be kind"), If_Match=headers["etag"])
    assert status == 200, answer


def write_once(asked: Running) -> tuple[int, Any]:
    """The same write each time; what is there now has the text, too."""
    status, _, answer = asked.put(
        "other", text_template(f"Ask {WORD}"), If_None_Match="*", Idempotency_Key="0123456789abcdef"
    )
    return status, answer


def lies_in(text: str, data: bytes) -> bool:
    return text.casefold().encode() in data.lower()


def everywhere(disk: Running, backups: Path) -> Found:
    """In which place the text lies."""
    files = [each for each in disk.data.rglob("*") if each.is_file()]
    found = {
        "files": any(lies_in(WORD, each.read_bytes()) for each in files),
        "objects": lies_in(WORD, _objects(disk.bare)),
        "backup": _in_backup(disk, backups),
    }
    if "PROMPTUARY_DATABASE_URL" not in disk.settings:
        return found | {"sql": _in_sqlite(disk.data / "catalogue.sqlite")}
    return found | {
        "sql": _in_postgres(disk.settings["PROMPTUARY_DATABASE_URL"]),
        "elasticsearch": _in_elasticsearch(disk, "@"),
        "old texts": _in_elasticsearch(disk, "~versions@"),
        "redis": _in_redis(disk),
    }


def _objects(bare: Path) -> bytes:
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, cwd=bare, env=clean_environment(), capture_output=True, check=True).stdout


def _in_backup(disk: Running, backups: Path) -> bool:
    made = disk.command("backup", str(backups), "--json")
    assert made.returncode == 0, made.stderr
    folder = backups / json.loads(made.stdout)["archive"]
    copy = backups / f"copy-{os.urandom(4).hex()}.git"
    git(backups, "clone", "--quiet", "--mirror", str(folder / "repositories/default.bundle"), str(copy))
    return lies_in(WORD, _objects(copy)) or lies_in(WORD, (folder / "records.jsonl").read_bytes())


def _in_sqlite(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as connection:
        plain = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        tables = [row[0] for row in connection.execute(plain)]
        dump = b"".join(
            _bytes(value) for table in tables for row in connection.execute(f'SELECT * FROM "{table}"') for value in row
        )
        bodies = [row[0] for row in connection.execute("SELECT body FROM search_bodies")]
    return lies_in(WORD, dump) or any(lies_in(WORD, zlib.decompress(body)) for body in bodies)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _in_postgres(address: str) -> bool:
    tables = [
        row[0] for row in fetch_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", address=address)
    ]
    rows = [row[0] for table in tables for row in fetch_sql(f'SELECT t::text FROM "{table}" t', address=address)]
    bodies = [row[0] for row in fetch_sql("SELECT body FROM search_bodies", address=address)]
    return any(lies_in(WORD, row.encode()) for row in rows) or any(lies_in(WORD, zlib.decompress(b)) for b in bodies)


def _in_elasticsearch(disk: Running, part: str) -> bool:
    settings = disk.settings
    name = f"{settings['PROMPTUARY_NAMESPACE']}{part}*"
    with httpx.Client(base_url=settings["PROMPTUARY_ELASTICSEARCH_URL"], timeout=20) as client:
        client.post(f"/{name}/_refresh")
        found = client.get(f"/{name}/_search", params={"size": 1000, "expand_wildcards": "all"}).raise_for_status()
    return lies_in(WORD, found.content)


def _indexes(disk: Running) -> set[str]:
    """Their names: what was deleted from one is in its files as long as it is there."""
    settings = disk.settings
    if "PROMPTUARY_ELASTICSEARCH_URL" not in settings:
        return set()
    with httpx.Client(base_url=settings["PROMPTUARY_ELASTICSEARCH_URL"], timeout=20) as client:
        return set(client.get(f"/{settings['PROMPTUARY_NAMESPACE']}*/_alias").raise_for_status().json())


def _in_redis(disk: Running) -> bool:
    with closing(redis.Redis.from_url(disk.settings["PROMPTUARY_REDIS_URL"])) as client:
        names = list(client.scan_iter(match=f"{disk.settings['PROMPTUARY_NAMESPACE']}*"))
        dumped: list[Any] = [client.dump(name) or b"" for name in names]
        values = [client.get(name) or b"" for name in names if client.type(name) == b"string"]
    return any(lies_in(WORD, each) for each in (*dumped, *values))


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def test_nothing_of_it_is_left(servers: tuple[Running, Running], tmp_path: Path) -> None:
    disk, asked = servers
    leak(asked)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", disk.git_url, str(clone))
    until(lambda: asked.search(WORD) == ["other"], "the engine has not got it")
    until(lambda: disk is asked or _in_elasticsearch(disk, "~versions@"), "old texts are not there")
    before = everywhere(disk, tmp_path / "before")
    packed = set() if disk is asked else {"files"}  # with the catalogue elsewhere Git's files hold it compressed
    assert {place for place, there in before.items() if not there} == packed
    indexes = _indexes(disk)
    numbers = {name: versions_of(asked, name) for name in ("reply", "partials/tone")}
    file = tmp_path / "leaked.txt"
    file.write_text(f"{WORD}\n")

    looked = disk.command("purge", "default", "--text-file", str(file), "--json")
    assert looked.returncode == 0, looked.stderr
    assert json.loads(looked.stdout)["purged"] is False
    assert WORD not in looked.stdout
    done = disk.command("purge", "default", "--text-file", str(file), "--yes", "--json", timeout=200)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{disk.tail()}"
    assert json.loads(done.stdout)["commits"] >= 3

    def is_served_clean() -> bool:
        read = asked.read("reply", label="production")
        return bool("***REMOVED***" in read["partials"]["partials/tone"] and read["version"] == 2)

    until(is_served_clean, "the servers serve what was purged")
    assert "***REMOVED***" in asked.read("partials/tone", version="2")["source"]
    until(lambda: not asked.search(WORD), "it is still found")
    after = everywhere(disk, tmp_path / "after")
    assert not any(after.values()), after
    assert not indexes & _indexes(disk)
    assert {name: versions_of(asked, name) for name in numbers} == numbers
    disk.assert_sound()

    assert "Ask ***REMOVED***" in asked.read("other")["source"]
    status, answer = write_once(asked)
    assert (status, WORD in str(answer)) == (201, False), "a repeat is answered from what is there now"
    assert versions_of(asked, "other") == [1]
    pushed = run_git(clone, "push", "origin", "HEAD:refs/heads/old")
    assert pushed.returncode != 0
    assert b"[purged-content]" in pushed.stderr
    assert b"Clone again" in pushed.stderr
    status, _, answer = asked.put("later", text_template("written after it"), If_None_Match="*")
    assert status == 201, answer
    audited = disk.command("audit", "list", "--action", "content.purged", "--json")
    (entry,) = json.loads(audited.stdout)["entries"]
    assert (entry["address"], entry["new"]["kind"]) == ("local", "text")


def versions_of(asked: Running, name: str) -> list[int]:
    status, _, answer = asked.call("GET", f"/api/v1/repositories/default/versions/{name}")
    assert status == 200, answer
    return [each["version"] for each in answer["versions"]]


def test_a_version_answers_that_it_was_purged(servers: tuple[Running, Running]) -> None:
    disk, asked = servers
    asked.put("reply", text_template(f"Call {SECRET}"), If_None_Match="*")
    asked.put("reply", text_template("Call nobody"), If_Match="*")
    assert SECRET in asked.read("reply", version="1")["source"]
    done = disk.command("purge", "default", "--version", "reply@1", "--yes")
    assert done.returncode == 0, done.stderr
    assert "reply@1" in done.stdout

    def answers() -> tuple[int, str]:
        status, _, answer = asked.call("GET", "/api/v1/repositories/default/templates/reply?version=1")
        return status, answer.get("type", "")

    until(lambda: answers() == (410, "/docs/errors#version-purged"), f"it answers {answers()}")
    assert asked.read("reply")["version"] == 2
    assert versions_of(asked, "reply") == [2, 1]
    disk.assert_sound()


def test_writes_meanwhile_are_told_to_come_back(servers: tuple[Running, Running], tmp_path: Path) -> None:
    disk, asked = servers
    asked.put("reply", text_template("Call nobody"), If_None_Match="*")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", disk.git_url, str(clone))
    (disk.bare / "promptuary-purge").write_text('{"said": {}}')
    status, headers, answer = asked.put("other", text_template("x"), If_None_Match="*")
    assert (status, "being purged" in answer["detail"]) == (503, True), answer
    assert "retry-after" in headers
    (clone / "a.md").write_text("x")
    git(clone, "add", "a.md")
    git(clone, "commit", "-qm", "x")
    pushed = run_git(clone, "push", "origin", "HEAD")
    assert (pushed.returncode != 0, b"being purged" in pushed.stderr) == (True, True), pushed.stderr
    backed = disk.command("backup", str(tmp_path / "backups"))
    assert (backed.returncode, "being purged" in backed.stderr) == (2, True)
    assert asked.read("reply")["version"] == 1, "it is read all the while"
    (disk.bare / "promptuary-purge").unlink()
    assert run_git(clone, "push", "origin", "HEAD").returncode == 0
