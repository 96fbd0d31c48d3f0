"""Tokens on several processes: got at one, they count at all, and end at all within seconds."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from api.commands.token_server import CLIENT, DEVICE_CODE
from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, migrated_database
from tests.running import Running, clean_environment, text_template

PUBLIC = "https://prompts.example.com"
WITHIN = 3.0
"""Seconds; a checked secret is trusted for two."""

READ = "/api/v1/repositories/default/templates/a/b"
PASSWORD = "열쇠 구멍 달빛 1001"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with migrated_database() as name:
        settings = {"PROMPTUARY_PUBLIC_URL": PUBLIC}
        made = make_cluster(tmp_path_factory.mktemp("cluster"), address_of(name), replicas=2, settings=settings)
        try:
            assert made.git.command("init", "default").returncode == 0
            made.start()
            assert made.git.put("a/b", text_template("text"), If_None_Match="*")[0] == 201
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def cookie(cluster: Cluster) -> str:
    """The administrator's, signed in at a replica."""
    given = (cluster.git.data / "admin-password").read_text().strip()
    first = send(cluster.replicas[0], "POST", "/api/v1/sign-in", json.dumps({"user": "admin", "password": given}))
    changed = json.dumps({"present": given, "new": PASSWORD})
    return send(cluster.replicas[0], "PUT", "/api/v1/password", changed, cookie=first[1])[1]


def send(
    server: Running, method: str, path: str, body: str, kind: str = "application/json", cookie: str = ""
) -> tuple[str, str]:
    """The text of an answer and its cookie, as a browser gets them."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin", "Cookie": cookie}
    connection.request(method, path, body.encode(), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status < 300, text
    return text, (answer.getheader("Set-Cookie") or "").partition(";")[0]


def post(server: Running, what: str, **fields: str) -> dict[str, Any]:
    body = urlencode({"client_id": CLIENT, **fields})
    found: dict[str, Any] = json.loads(
        send(server, "POST", f"/oauth/{what}", body, "application/x-www-form-urlencoded")[0] or "{}"
    )
    return found


@pytest.fixture
def tokens(cluster: Cluster, cookie: str) -> dict[str, Any]:
    """What a program gets that asks one replica, and is let in at the other one."""
    one, other = cluster.replicas
    asked = post(one, "device", scope="write")
    assert asked["verification_uri"] == f"{PUBLIC}/device"
    form = urlencode({"user_code": asked["user_code"], "decision": "allow"})
    send(other, "POST", "/device", form, "application/x-www-form-urlencoded", cookie)
    return post(cluster.git, "token", grant_type=DEVICE_CODE, device_code=asked["device_code"])


def reads(server: Running, token: str) -> int:
    return server.call("GET", READ, headers={"Authorization": f"Bearer {token}"})[0]


def everywhere(cluster: Cluster) -> tuple[Running, ...]:
    return (cluster.git, *cluster.replicas)


def test_a_token_counts_at_every_process_until_it_is_revoked_at_one(cluster: Cluster, tokens: dict[str, Any]) -> None:
    token = tokens["access_token"]
    assert [reads(server, token) for server in everywhere(cluster)] == [200] * 3
    post(cluster.replicas[0], "revoke", token=tokens["refresh_token"])
    began = time.monotonic()
    for server in everywhere(cluster):
        while (status := reads(server, token)) == 200:
            assert time.monotonic() < began + WITHIN, "it still counts"
            time.sleep(0.05)
        assert status == 401


def test_a_token_writes_and_pushes_through_a_replica(cluster: Cluster, tokens: dict[str, Any], tmp_path: Any) -> None:
    replica = cluster.replicas[1]
    address = f"http://any:{tokens['access_token']}@127.0.0.1:{replica.port}/git/default.git"
    done = subprocess.run(
        ["git", "clone", "--quiet", address, str(tmp_path / "clone")],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "clone" / "prompts" / "pushed.prompt.yaml").write_text(text_template("pushed"))
    for step in (["add", "."], ["commit", "--quiet", "-m", "by a token"], ["push", "--quiet"]):
        done = subprocess.run(
            ["git", "-C", str(tmp_path / "clone"), *step],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


async def test_refreshes_at_all_processes_at_once_give_one_successor(cluster: Cluster, tokens: dict[str, Any]) -> None:
    fields = {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    async with httpx.AsyncClient() as client:
        asked = [
            client.post(f"http://127.0.0.1:{server.port}/oauth/token", data=fields)
            for server in everywhere(cluster) * 3
        ]
        answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


def test_tokens_outlive_a_rotation_of_the_key_ring(cluster: Cluster, tokens: dict[str, Any]) -> None:
    before = cluster.replicas[0].call("GET", "/.well-known/jwks.json")[2]
    assert cluster.git.command("keyring", "rotate").returncode == 0
    after = cluster.replicas[0].call("GET", "/.well-known/jwks.json")[2]
    assert len(after["keys"]) == len(before["keys"]) + 1
    assert [reads(server, tokens["access_token"]) for server in everywhere(cluster)] == [200] * 3
    renewed = post(cluster.replicas[1], "token", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert [reads(server, renewed["access_token"]) for server in everywhere(cluster)] == [200] * 3
