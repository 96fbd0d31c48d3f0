"""Every answer gets the best grade for its headers, over a real socket, whoever made it."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.security_headers import NAMES
from tests.api.conftest import BASE
from tests.observatory import Grade, grade
from tests.serving import served

VALUES = {"repository": "default", "name": "support/triage", "label": "production", "number": "1", "digest": "0" * 64}
ELSEWHERE = [
    ("GET", "/", 307),
    ("GET", "/docs", 200),
    ("GET", "/sign-in", 200),
    ("POST", "/sign-in", 401),
    ("GET", "/sign-in/nosuch", 404),
    ("GET", "/sign-in/nosuch/callback", 404),
    ("GET", "/password", 303),
    ("GET", "/join", 200),
    ("POST", "/join", 401),
    ("GET", "/reset", 200),
    ("POST", "/reset", 200),
    ("GET", "/docs/assets/join.js", 200),
    ("GET", "/docs/errors", 200),
    ("GET", "/docs/assets/start.js", 200),
    ("GET", "/docs/assets/none.js", 404),
    ("GET", "/openapi.json", 200),
    ("GET", "/nothing", 401),
    ("PATCH", "/livez", 405),
    ("OPTIONS", "/livez", 405),
    ("GET", "/git/default.git/info/refs?service=git-upload-pack", 401),
    ("GET", "/git/nothing", 404),
]


@pytest.fixture
async def address(app: Any) -> AsyncIterator[str]:
    async with served(app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def caller(address: str, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {keys['admin']}"}) as client:
        yield client


def graded(answer: httpx.Response) -> Grade:
    """The grade, once no header stands there twice."""
    names = [name.lower() for name, _ in answer.headers.multi_items()]
    assert [name for name in NAMES if names.count(name) > 1] == []
    return grade(answer.headers, tls=False)


async def test_every_documented_route(app: Any, caller: httpx.AsyncClient) -> None:
    document = (await caller.get("/openapi.json")).json()
    asked = 0
    for path, operations in document["paths"].items():
        for method in operations:
            address = re.sub(r"\{(\w+)\}", lambda found: VALUES.get(found[1], "1"), path)
            async with caller.stream(method, address) as answer:  # events go on for ever
                found = graded(answer)
            assert (found.letter, found.findings) == ("A+", ()), f"{method} {path} {answer.status_code}"
            asked += 1
    assert asked > 30


@pytest.mark.parametrize(("method", "path", "status"), ELSEWHERE)
async def test_what_is_no_documented_route(address: str, method: str, path: str, status: int) -> None:
    async with httpx.AsyncClient() as anybody:
        answer = await anybody.request(method, f"{address}{path}")
    assert (answer.status_code, graded(answer)) == (status, Grade("A+", 130, ()))


async def test_hot_answers_and_refusals(caller: httpx.AsyncClient) -> None:
    path = f"{BASE}/templates/support/triage"
    first = await caller.get(path)
    answers = {
        200: first,
        304: await caller.get(path, headers={"If-None-Match": first.headers["etag"]}),
        413: await caller.post(f"{BASE}/render/support/triage", content=b"x" * 2_000_000),
        401: await caller.get(path, headers={"Authorization": "Bearer nonsense"}),
        404: await caller.get(f"{BASE}/templates/nothing"),
        415: await caller.post(f"{BASE}/render/support/triage", content=b"x"),
    }
    assert {answer.status_code: graded(answer).findings for answer in answers.values()} == dict.fromkeys(answers, ())
    assert graded(await caller.head(path)).letter == "A+"


@pytest.mark.parametrize(
    "sent",
    [
        "rubbish\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /livez HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
        f"GET /docs HTTP/1.1\r\nHost: x\r\n\r\nGET {BASE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=["no HTTP", "plain", "continued", "pipelined"],
)
async def test_what_is_written_to_a_socket(address: str, sent: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    writer.write(sent.encode())
    answers = (await asyncio.wait_for(reader.read(), 10)).decode().replace("HTTP/1.1 100 Continue\r\n\r\n", "")
    writer.close()
    heads = re.findall(r"HTTP/1\.1 \d+ .*?\r\n\r\n", answers, re.DOTALL)
    assert len(heads) == sent.count("HTTP/1.1\r\n") or sent.startswith("rubbish")
    for head in heads:
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        assert grade({name.lower(): value for name, _, value in lines}, tls=False).findings == ()


async def test_a_failure_of_the_application_itself() -> None:
    async def broken(_scope: object, _receive: object, _send: object) -> None:
        raise RuntimeError("broken")

    async with served(broken) as port, httpx.AsyncClient() as anybody:
        answer = await anybody.get(f"http://127.0.0.1:{port}/")
    assert answer.status_code == 500
    assert graded(answer).findings == ()


@pytest.mark.parametrize("name", sorted(NAMES - {b"strict-transport-security"}))
async def test_the_grader_misses_each_header(caller: httpx.AsyncClient, name: bytes) -> None:
    headers = dict((await caller.get("/livez")).headers)
    assert grade(headers, tls=False).findings == ()
    del headers[name.decode()]
    assert grade(headers, tls=False).findings != ()


def test_the_grader_knows_bad_ones() -> None:
    strict = {"x-content-type-options": "nosniff", "x-frame-options": "DENY"}
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert grade({}, tls=True).letter == "D"
    assert grade({**strict, "content-security-policy": policy}, tls=True).letter == "B+"
    assert (
        grade({**strict, "content-security-policy": policy + "; script-src 'unsafe-inline'"}, tls=False).letter == "B+"
    )
    assert (
        grade({**strict, "content-security-policy": policy, "strict-transport-security": "max-age=9"}, tls=True).letter
        == "A+"
    )
