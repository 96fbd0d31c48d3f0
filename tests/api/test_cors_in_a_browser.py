"""A page of another origin in a real browser, where there is one: it reads and writes where it is named, else nothing."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api.app import create_app
from registry.bootstrap import Registry
from registry.settings import Settings
from tests.api.conftest import BASE, running
from tests.api.test_docs_page import CHROMIUM, FLAGS
from tests.ports import free_port
from tests.serving import served

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ,  # noqa: TID251  (CI is no setting of ours)
        reason="there is no Chromium here",
    ),
]

SCRIPT = """
const say = (text) => { document.body.textContent = "TOLD:" + text + ":END"; };
const headers = {authorization: "Bearer KEY"};
(async () => {
  try {
    const read = await fetch("URL", {headers});
    const etag = read.headers.get("etag");
    const body = await read.json();
    const put = await fetch("URL", {method: "PUT", body: body.source.replace("Sorts one", "Files one"),
      headers: {...headers, "content-type": "application/yaml", "if-match": etag}});
    say(JSON.stringify([read.status, put.status, put.headers.get("promptuary-commit") !== null]));
  } catch (error) { say(error.name); }
})();
"""


@pytest.fixture
def page_port() -> int:
    return free_port()


@pytest.fixture
def settings(settings: Settings, page_port: int) -> Settings:
    return settings.model_copy(update={"cors_origins": f"http://127.0.0.1:{page_port}"})


@asynccontextmanager
async def page(port: int, script: str) -> AsyncIterator[str]:
    """A page at a port of its own."""

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        text = f"<!doctype html><title>page</title><body>waiting<script>{script}</script></body>".encode()
        headers = [(b"content-type", b"text/html"), (b"content-security-policy", b"connect-src *")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    import uvicorn

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(answer, lifespan="off", log_config=None, ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        await serving


async def told(address: str, profile: Path) -> Any:
    """What the page says in the end."""
    browser = await asyncio.create_subprocess_exec(
        str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "--dump-dom", address,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(browser.communicate(), 90)
    return out.decode().partition("<body>")[2].partition("TOLD:")[2].partition(":END")[0]


async def test_a_named_page_reads_and_writes_and_another_gets_nothing(
    stocked: Registry, keys: dict[str, str], page_port: int, tmp_path: Path
) -> None:
    app = create_app(stocked)
    async with running(app), served(app) as port:
        url = f"http://127.0.0.1:{port}{BASE}/templates/support/triage"
        script = SCRIPT.replace("URL", url).replace("KEY", keys["write"])
        async with page(page_port, script) as named:
            assert json.loads(await told(named, tmp_path / "one")) == [200, 200, True]
        async with page(0, script) as other:
            assert await told(other, tmp_path / "two") == "TypeError"
