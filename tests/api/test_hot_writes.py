"""The hot path of writing a template gives the answers of the documented route, and does the same."""

import json
from typing import Any

import httpx

from api.app import create_app
from registry.bootstrap import Registry
from tests.api.conftest import running

BASE = "http://test/api/v1/repositories/default/templates"
YAML = {"Content-Type": "application/yaml"}
NEW = {**YAML, "If-None-Match": "*"}
ANY = {**YAML, "If-Match": "*"}
TEXT = b"schema: prompt/v1\ntype: text\ntext: Hello.\n"
UNUSED = b"schema: prompt/v1\ntype: text\nvariables:\n  who: {type: string}\ntext: Hello.\n"
JSON_TEXT = b'{"schema": "prompt/v1", "type": "text", "text": "Hello."}'
Asked = tuple[str, bytes, dict[str, str]]
PLAIN: list[Asked] = [
    ("/a", TEXT, NEW),
    ("/a", TEXT, ANY),
    ("/a", TEXT + b"# more\n", {**ANY, "If-None-Match": "*"}),
    ("/a", TEXT + b"# more\n", {**YAML, "If-Match": '"' + "0" * 64 + '"'}),
    ("/a", TEXT + b"# more\n", YAML),
    ("/a?message=Say%20more&branch=main", TEXT + b"# more\n", ANY),
    ("/a?breaking=because", UNUSED, ANY),
    ("/b", UNUSED, NEW),
    ("/b?branch=draft/one", TEXT, ANY),
    ("/b?branch=..", TEXT, ANY),
    ("/%ED%99%98%EB%B6%88", TEXT, NEW),
    ("/c", b"schema: prompt/v1\ntype: text\ntext: '{{ who }}'\n", NEW),
    ("/c", b"\xff", NEW),
    ("/c", b"", NEW),
]
ODD: list[Asked] = [
    ("/d?unknown=1", TEXT, NEW),
    ("/d?message=%20", TEXT, NEW),
    ("/d?message=%FF", TEXT, NEW),
    ("/d//e", TEXT, NEW),
    ("/d", TEXT, {**NEW, "Content-Type": "text/yaml"}),
    ("/d", JSON_TEXT, {**ANY, "Content-Type": "application/json"}),
    ("/d", TEXT, {**NEW, "Content-Type": "text/plain"}),
    ("/d", TEXT, {**NEW, "Content-Encoding": "gzip"}),
    ("/e", TEXT, {**NEW, "Idempotency-Key": "one"}),
    ("/e", TEXT, {**NEW, "Idempotency-Key": "one"}),
]


OTHERS = {"request_id", "commit", "reference", "digest", "etag"}
"""What is another's each time, or follows from the name."""


def told(answer: httpx.Response, folder: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """The answer, but for what is another's; of that only whether it is there."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "content-length"}}
    for name in headers.keys() & {"etag", "promptuary-commit"}:
        headers[name] = "there"
    body = json.loads(answer.text.replace(folder, "FOLDER"))
    return answer.status_code, headers, {name: bool(value) if name in OTHERS else value for name, value in body.items()}


async def test_both_ways_answer_alike(stocked: Registry, keys: dict[str, str]) -> None:
    app: Any = create_app(stocked)
    searches = app._app._app._app._app._app
    writes = searches._app
    assert type(writes).__name__ == "HotWrites"
    done = 0
    async with running(app), httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        for key in ("write", "read"):
            sent = {"Authorization": f"Bearer {keys[key]}"}
            for path, body, headers in [*PLAIN, *ODD]:
                answers = []
                for folder, app_behind in ((f"{key}/hot", writes), (f"{key}/doc", writes._app)):
                    searches._app = app_behind
                    more = {"Idempotency-Key": folder.replace("/", "-")} if "Idempotency-Key" in headers else {}
                    answer = await client.put(f"{BASE}/{folder}{path}", content=body, headers=headers | sent | more)
                    answers.append(told(answer, folder))
                assert answers[0] == answers[1], (path, body, headers)
                done += answers[0][0] in {200, 201}
    assert done == 10


async def test_plain_writes_do_not_reach_the_framework(stocked: Registry, keys: dict[str, str]) -> None:
    app: Any = create_app(stocked)
    writes = app._app._app._app._app._app._app
    reached = []
    documented = writes._app

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])
        await documented(scope, receive, send)

    writes._app = spy
    sent = {"Authorization": f"Bearer {keys['write']}"}
    async with running(app), httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        reached.clear()  # of its start
        for path, body, headers in PLAIN:
            await client.put(f"{BASE}/x{path}", content=body, headers=headers | sent)
        assert not reached
        await client.put(f"{BASE}/x/f", content=JSON_TEXT, headers=sent | {"Content-Type": "application/json"})
        await client.put("http://test/api/v1/repositories/none/templates/x", content=TEXT, headers=NEW | sent)
        assert len(reached) == 2
