"""The real PostgreSQL, Redis and Elasticsearch that the figures of the server tier use, and what is made on them.

The environment says where they are (``PROMPTUARY_TEST_DATABASE_URL`` and its like), else ``.services/env``, which
``make services`` writes.
"""

import asyncio
import http.client
import json
import shlex
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis
from pydantic_settings import BaseSettings, SettingsConfigDict

from registry.adapters.elasticsearch.search_index import OLD_TEXTS

T = TypeVar("T")

_SERVICES = Path(__file__).parent.parent / ".services" / "env"


class _Given(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PROMPTUARY_TEST_", frozen=True)

    database_url: str = ""
    redis_url: str = ""
    elasticsearch_url: str = ""


@dataclass(frozen=True, slots=True)
class Backing:
    """Their addresses."""

    database_url: str
    redis_url: str
    elasticsearch_url: str

    def database(self, name: str) -> str:
        """The address of another database beside the one that is given."""
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{name}"))

    def engine(self, method: str, path: str, body: object = None) -> Any:
        """The parsed answer of Elasticsearch; {} for a 404. Raises RuntimeError for every other refusal."""
        address = urlsplit(self.elasticsearch_url)
        connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port or 9200, timeout=600)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300 and answer.status != 404:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500].decode('utf-8', 'replace')}")
        return json.loads(content) if answer.status < 300 else {}

    def run_sql(self, *statements: str, database: str = "") -> None:
        """Runs statements, each by itself."""

        async def run() -> None:
            connection = await asyncpg.connect(self.database(database) if database else self.database_url)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        now(run())

    def fetch_sql(self, statement: str, database: str) -> list[Any]:
        """The rows of a statement."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.database(database))
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        return now(run())

    def forget(self, namespace: str) -> None:
        """Deletes the indexes and the keys that begin with a namespace of ours."""
        for index in self.indexes(namespace):
            self.engine("DELETE", f"/{index}")
        with redis.Redis.from_url(self.redis_url) as server:
            for key in server.scan_iter(f"{namespace}:*", 1_000):
                server.delete(key)

    def indexes(self, namespace: str) -> Mapping[str, list[str]]:
        """The indexes of a namespace with their aliases."""
        found: dict[str, list[str]] = {}
        for pattern in (f"{namespace}@*", f"{namespace}{OLD_TEXTS}@*"):
            answer = self.engine("GET", f"/{pattern}/_alias")
            found |= {name: list(each["aliases"]) for name, each in answer.items()}
        return found


def backing() -> Backing:
    """Where they are. Raises RuntimeError where one is not known."""
    given = _Given()
    lines = _SERVICES.read_text("utf-8").splitlines() if _SERVICES.exists() else []
    started = dict(shlex.split(line)[-1].partition("=")[::2] for line in lines if line.startswith("export "))
    found = {
        name: getattr(given, name) or started.get(f"PROMPTUARY_{name.upper()}", "") for name in _Given.model_fields
    }
    missing = [f"PROMPTUARY_TEST_{name.upper()}" for name, address in found.items() if not address]
    if missing:
        raise RuntimeError(f"real servers are needed: run `make services`, or set {' and '.join(missing)}")
    return Backing(**found)


def now(work: Coroutine[Any, Any, T]) -> T:
    """The result of asynchronous work, in a thread, whether there is an event loop here or not."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
