"""Applications behind a real server, as uvicorn drives them: what it minds, ASGITransport does not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from api.edge import Edge
from api.http_protocol import protocol_of


@asynccontextmanager
async def served(app: ASGIApp, edge: Edge | None = None) -> AsyncIterator[int]:
    """The port where an application is served, without its lifespan; with the limits of an edge where they matter."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who comes before the server does waits for it
        config = uvicorn.Config(
            app,
            http=protocol_of(edge or Edge()),
            lifespan="off",
            log_config=None,
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            await serving
