"""Git node, indexers and API replicas as processes: what is asked of one is answered by the one who can."""

import json
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from registry.adapters.breakers import THRESHOLD
from registry.adapters.sql.known_repositories import REFRESH_SECONDS
from tests.backing import elasticsearch_url
from tests.cluster import Cluster, leads, make_cluster
from tests.databases import KEPT, address_of, empty, fetch_sql, migrated_database
from tests.running import NoAnswer, Running, commit, git, run_git, text_template

TAKEOVER_SECONDS = 5.0
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Git node, two indexers and two API replicas, with one template in main."""
    with migrated_database() as name:
        made = make_cluster(tmp_path_factory.mktemp("cluster"), address_of(name), indexers=2, replicas=2)
        try:
            started = made.git.command("init", "default")
            assert started.returncode == 0, started.stderr
            made.start()
            assert made.git.put("support/triage", text_template("first"), If_None_Match="*")[0] == 201
            yield made
        finally:
            made.stop()


def until(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """How long it took until something held."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, what
        time.sleep(0.02)
    return time.monotonic() - started


def test_a_write_to_one_replica_is_read_from_the_other(cluster: Cluster) -> None:
    one, other = cluster.replicas
    status, headers, answer = one.put("support/reply", text_template("second"), If_None_Match="*")
    assert status == 201, answer
    assert "second" in other.read("support/reply", min_commit=answer["commit"])["source"]
    assert "second" in other.read("support/reply", ref="main")["source"]
    assert one.put("support/reply", text_template("third"), If_Match=headers["etag"])[0] == 200
    diff = "/api/v1/repositories/default/diff/support/reply?from=version:1&to=version:2"
    status, _, diffed = other.call("GET", diff)
    assert (status, "third" in json.dumps(diffed)) == (200, True), diffed


def test_every_read_on_a_replica_sees_a_commit_that_others_came_after(cluster: Cluster) -> None:
    saw, came_late = cluster.replicas
    base, name = "/api/v1/repositories/default", "seen/first"
    status, _, made = saw.put(name, text_template("seen"), If_None_Match="*")
    assert status == 201, made
    commit, digest = made["commit"], saw.read(name, min_commit=made["commit"])["digest"]
    assert saw.put("seen/second", text_template("after it"), If_None_Match="*")[0] == 201
    nouns = (f"templates/{name}?label=latest&", "templates?", "search?q=seen&", "search/suggestions?q=seen&")
    nouns += (f"versions/{name}?", f"versions/{name}/1?", "labels?", "bundle?", f"resolve/{digest}?")

    def read(replica: Running) -> dict[str, int]:
        found = {noun: replica.call("GET", f"{base}/{noun}min_commit={commit}")[0] for noun in nouns}
        return found | {"render": replica.call("POST", f"{base}/render/{name}?min_commit={commit}", "{}", JSON)[0]}

    assert set(read(came_late).values()) == {200}, "passed on to the Git node"
    cluster.git.kill()
    assert set((found := read(saw)).values()) == {200}, found
    assert saw.call("GET", f"{base}/templates?min_commit=nonsense")[0] == 400


def test_git_works_through_a_replica(cluster: Cluster, tmp_path: Path) -> None:
    replica, other = cluster.replicas
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--bare", replica.git_url, str(clone))
    made = commit(clone, git(clone, "rev-parse", "main").strip(), {"prompts/a/b.prompt.yaml": text_template("pushed")})
    pushed = run_git(clone, "push", replica.git_url, f"{made}:refs/heads/main")
    assert pushed.returncode == 0, pushed.stderr
    assert b"a/b v1 is live" in pushed.stderr
    assert "pushed" in other.read("a/b")["source"]
    refused = commit(clone, made, {"prompts/a/c.prompt.yaml": "schema: prompt/v1\ntype: nothing\n"})
    pushed = run_git(clone, "push", replica.git_url, f"{refused}:refs/heads/main")
    assert pushed.returncode != 0
    assert b"prompts/a/c.prompt.yaml:2:" in pushed.stderr


def test_a_repository_that_has_drafts_alone_is_empty_on_a_replica_too(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.git.command("init", "drafts").returncode == 0
    replica, clone = cluster.replicas[0], tmp_path / "clone"
    url = replica.git_url.replace("default.git", "drafts.git")
    git(tmp_path, "init", "-q", "--bare", str(clone))
    made = commit(clone, None, {"prompts/a/b.prompt.yaml": text_template("a draft")})
    assert (pushed := run_git(clone, "push", url, f"{made}:refs/heads/draft")).returncode == 0, pushed.stderr

    def read(noun: str) -> tuple[int, dict[str, object]]:
        status, _, answer = replica.call("GET", f"/api/v1/repositories/drafts/{noun}")
        return status, answer

    recorded = "SELECT 1 FROM refs WHERE ref = 'refs/heads/draft'"
    address = cluster.git.settings["PROMPTUARY_DATABASE_URL"]
    until(lambda: fetch_sql(recorded, address=address) != [], TAKEOVER_SECONDS, "the draft was not recorded")
    time.sleep(REFRESH_SECONDS + 0.5)
    nouns = ("templates", "labels", "bundle", "search?q=draft", "search/suggestions?q=draft")
    assert {noun: read(noun)[0] for noun in nouns} == dict.fromkeys(nouns, 200)
    assert (read("templates")[1]["templates"], read("versions/a/b")[0]) == ([], 404)
    assert read("search?q=draft")[1]["hits"] == []
    replica.kill()
    replica.start()  # which waits until it is ready
    assert (pushed := run_git(clone, "push", url, f"{made}:refs/heads/main")).returncode == 0, pushed.stderr
    until(lambda: read("templates")[1].get("templates") != [], TAKEOVER_SECONDS, "main is not listed")


def test_another_indexer_takes_over(cluster: Cluster) -> None:
    leading = next(each for each in cluster.indexers if leads(each))
    leading.kill()
    began = time.monotonic()
    status, _, answer = cluster.replicas[0].put("a/after", text_template("after"), If_None_Match="*")
    assert status == 201, answer
    until(
        lambda: cluster.replicas[1].call("GET", "/api/v1/repositories/default/templates/a/after")[0] == 200,
        TAKEOVER_SECONDS,
        "no other indexer took over",
    )
    assert time.monotonic() - began < TAKEOVER_SECONDS


def test_reads_go_on_without_the_git_node_and_writes_say_why_not(cluster: Cluster) -> None:
    replica = cluster.replicas[0]
    cluster.git.kill()
    assert "first" in replica.read("support/triage")["source"]
    assert "support/triage" in replica.search("first")
    status, headers, answer = replica.put("kept/later", text_template("lost?"), If_None_Match="*")
    assert (status, "Git node is away" in answer["detail"]) == (503, True)
    assert "retry-after" in headers
    for _ in range(THRESHOLD):
        assert replica.call("GET", "/api/v1/repositories/default/templates/support/triage?ref=main")[0] == 503
    (git_node,) = (each for each in replica.call("GET", "/readyz")[2]["dependencies"] if each["name"] == "Git node")
    assert git_node["state"] != "closed"
    cluster.git.start()
    assert replica.put("kept/later", text_template("kept"), If_None_Match="*")[0] == 201


def test_a_replica_that_is_told_to_end_ends_what_it_began(cluster: Cluster) -> None:
    replica = cluster.replicas[0]
    body = text_template("sent in two halves").encode()
    with socket.create_connection(("127.0.0.1", replica.port), timeout=10) as connection:
        head = (
            f"PUT /api/v1/repositories/default/templates/a/slow HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n"
            f"Authorization: Bearer {replica.key}\r\nContent-Type: application/yaml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[:20])
        time.sleep(0.3)
        assert replica.process is not None
        replica.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body[20:])
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 201")
    assert replica.process.wait(10) == 0
    with pytest.raises(NoAnswer):
        replica.call("GET", "/livez")


def is_numbered(snapshot: Path, name: str) -> bool:
    """Whether the Git node knows a version of a template without the catalogue."""
    with closing(sqlite3.connect(snapshot)) as opened:
        found = opened.execute("SELECT 1 FROM builds JOIN versions ON build = id WHERE used AND name = ?", (name,))
        return found.fetchone() is not None


def test_a_replica_that_starts_while_the_catalogue_is_empty_asks_the_git_node(cluster: Cluster) -> None:
    replica, base = cluster.replicas[1], "/api/v1/repositories"
    until(lambda: is_numbered(cluster.git.data / "snapshot.sqlite", "support/triage"), 10, "the Git node follows")
    for each in (replica, *cluster.indexers):
        each.kill()
    empty(cluster.git.settings["PROMPTUARY_DATABASE_URL"], keep=KEPT)
    replica.begin()

    def read() -> tuple[int, str | None]:
        try:
            status, headers, _ = replica.call("GET", f"{base}/default/templates/support/triage")
        except NoAnswer:
            return 0, None
        return status, headers.get("promptuary-degraded")

    until(lambda: read() == (200, "git"), 20, "it is read from Git")
    for noun in ("templates", "labels", "search?q=first", "versions/support/triage"):
        status, _, answer = replica.call("GET", f"{base}/default/{noun}")
        assert (status, "not known yet" in answer["detail"]) == (503, True), answer
    cluster.heal()
    until(lambda: read() == (200, None), 20, "it is read from the catalogue")
    status, _, answer = replica.call("GET", f"{base}/none/search?q=first")
    assert (status, answer["type"]) == (404, "/docs/errors#repository-not-found")


def test_a_replica_needs_to_know_where_git_is(tmp_path: Path) -> None:
    with migrated_database() as name:
        lost = Running(
            tmp_path / "data",
            tmp_path / "api.log",
            settings={
                "PROMPTUARY_DATABASE_URL": address_of(name),
                "PROMPTUARY_ELASTICSEARCH_URL": elasticsearch_url(),
            },
            command_line=("api",),
        )
        ended = lost.command("api")
    assert ended.returncode == 2
    assert "PROMPTUARY_GIT_URL" in ended.stderr
