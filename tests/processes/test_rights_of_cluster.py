"""Who may do what, on several processes: a change made on one counts on all of them within seconds."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, migrated_database
from tests.running import Running, text_template

WITHIN = 3.0
"""Seconds; a checked secret is trusted for two."""

READ = "/api/v1/repositories/default/templates/a/b"
OWN = "열쇠 구멍 달빛 1001"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with migrated_database() as name:
        made = make_cluster(tmp_path_factory.mktemp("cluster"), address_of(name), replicas=2)
        try:
            assert made.git.command("init", "default").returncode == 0
            made.start()
            assert made.git.put("a/b", text_template("text"), If_None_Match="*")[0] == 201
            yield made
        finally:
            made.stop()


class Person:
    """Somebody with a key and a session, at any of the processes."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.send(f"users/{name}", {"name": name}, method="PUT")
        self.grant = self.send("grants", {"role": "author", "user": name})["id"]
        made = self.send("api-keys", {"user": name, "scope": "admin"})
        self.key = {"Authorization": f"Bearer {made['key']}"}
        self.key_id = made["id"]

    def send(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """What an administrator has the Git node do."""
        headers = {"Content-Type": "application/json"}
        sent = json.dumps(body) if body is not None else ""
        status, _, found = self.cluster.git.call(method, f"/api/v1/{path}", sent, headers)
        assert status < 300, (path, status, found)
        return found

    def reads(self, server: Running) -> int:
        return server.call("GET", READ, headers=self.key)[0]

    def refused_everywhere(self, statuses: set[int], read: Callable[[Running], int] | None = None) -> None:
        began = time.monotonic()
        asked = read or self.reads
        for server in (self.cluster.git, *self.cluster.replicas):
            while (status := asked(server)) == 200:
                assert time.monotonic() < began + WITHIN, "it still counts"
                time.sleep(0.05)
            assert status in statuses


def everywhere(cluster: Cluster) -> tuple[Running, ...]:
    return (cluster.git, *cluster.replicas)


def test_a_role_that_is_taken_back(cluster: Cluster) -> None:
    kim = Person(cluster, "kim")
    assert [kim.reads(server) for server in everywhere(cluster)] == [200] * 3
    kim.send(f"grants/{kim.grant}", method="DELETE")
    kim.refused_everywhere({404})


def test_a_key_that_is_revoked(cluster: Cluster) -> None:
    lee = Person(cluster, "lee")
    assert [lee.reads(server) for server in everywhere(cluster)] == [200] * 3
    lee.send(f"api-keys/{lee.key_id}", method="DELETE")
    lee.refused_everywhere({401})


def test_a_user_who_is_disabled(cluster: Cluster) -> None:
    park = Person(cluster, "park")
    assert [park.reads(server) for server in everywhere(cluster)] == [200] * 3
    park.send("users/park", {"disabled": True}, method="PUT")
    park.refused_everywhere({401})


def test_a_session_is_one_on_every_process_and_ends_on_all(cluster: Cluster) -> None:
    first = (cluster.git.data / "admin-password").read_text().strip()
    one, other = cluster.replicas
    given = ask(one, "POST", "sign-in", json={"user": "admin", "password": first})
    assert given.json()["must_change_password"] is True
    changed = ask(one, "PUT", "password", cookie_of(given), json={"present": first, "new": OWN})
    assert changed.status_code == 200
    cookie = cookie_of(changed)

    def reads(server: Running) -> int:
        return ask(server, "GET", READ.removeprefix("/api/v1/"), cookie).status_code

    assert [reads(server) for server in everywhere(cluster)] == [200] * 3
    written = ask(other, "POST", "repositories/default/branches", cookie, json={"name": "mine"})
    assert written.status_code == 201, "a replica passes it on with the cookie"
    (session,) = ask(other, "GET", "sessions", cookie).json()["sessions"]
    assert ask(other, "DELETE", f"sessions/{session['id']}", cookie).status_code == 204
    Person(cluster, "choi").refused_everywhere({401}, reads)


def ask(server: Running, method: str, path: str, cookie: str = "", **content: Any) -> httpx.Response:
    """As a browser asks, from one of the server's own pages."""
    headers = {"Sec-Fetch-Site": "same-origin", **({"Cookie": cookie} if cookie else {})}
    return httpx.request(
        method, f"http://127.0.0.1:{server.port}/api/v1/{path}", headers=headers, timeout=30, **content
    )


def cookie_of(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0]
