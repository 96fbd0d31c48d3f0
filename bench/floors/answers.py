"""Ready answers in a table of PostgreSQL, and a plain Starlette route that selects them: the least a read costs."""

from collections.abc import Iterable
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.backing import now

CONNECTIONS = 10
"""Of each worker: as many as the product's default."""

_SELECT = "SELECT body FROM bench_answer WHERE name = $1"


def put_answers(address: str, answers: Iterable[tuple[str, bytes]]) -> None:
    """Makes the table in a database of ours."""

    async def put() -> None:
        connection = await asyncpg.connect(address)
        try:
            await connection.execute("CREATE TABLE bench_answer (name text PRIMARY KEY, body bytea NOT NULL)")
            await connection.copy_records_to_table("bench_answer", records=answers)
            await connection.execute("ANALYZE bench_answer")
        finally:
            await connection.close()

    now(put())


def select_app(address: str) -> Starlette:
    """``/template/NAME``; the pool is made with the first request, and does not reset what it gets back."""
    pools: list[Any] = []

    async def answer(request: Request) -> Response:
        if not pools:
            pools.append(await asyncpg.create_pool(address, min_size=1, max_size=CONNECTIONS, reset=_nothing))
        async with pools[0].acquire() as connection:
            row = await connection.fetchrow(_SELECT, request.path_params["name"])
        if row is None:
            return Response(status_code=404)
        return Response(row["body"], media_type="application/json")

    async def ready(_request: Request) -> Response:
        return Response("ready")

    return Starlette(routes=[Route("/template/{name:path}", answer), Route("/readyz", ready)])


async def _nothing(_connection: object) -> None:
    """As the product does: a way to the server less for each read."""
