"""The documentation page in a real browser, where there is one: it renders, and the policy blocks nothing of it."""

import asyncio
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from api.http_protocol import TypedUrlProtocol

pytestmark = pytest.mark.e2e

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--virtual-time-budget=20000",
]  # fmt: skip


@pytest.mark.skipif(  # CI installs one, and fails without
    CHROMIUM is None and "CI" not in os.environ,  # noqa: TID251  (CI is no setting of ours)
    reason="there is no Chromium here",
)
async def test_it_renders_without_an_error_on_the_console(app: Any, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http=TypedUrlProtocol, lifespan="off", log_config=None, ws="none")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for page, words in {
            "/docs": ["Promptuary", "/api/v1/repositories/{repository}/render/{name}", "OAS 3.1", "Authorize"],
            "/docs/errors": ["precondition-failed"],
        }.items():
            browser = await asyncio.create_subprocess_exec(
                str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"{address}{page}",
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, err = await asyncio.wait_for(browser.communicate(), 90)
            text = "".join(out.decode().replace("\u200b", "").replace("<wbr>", "").split("</style>"))
            assert [word for word in words if word not in text] == []
            assert [line for line in err.decode(errors="replace").splitlines() if "CONSOLE" in line] == []
        server.should_exit = True
        await serving
