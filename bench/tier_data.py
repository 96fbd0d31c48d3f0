"""What the server tier is measured on: a data folder, a database and search indexes, projected once and kept.

A figure gets copies: ``CREATE DATABASE … TEMPLATE …``, clones of the indexes, a copy of the folder. So a run at 100,000
templates projects nothing, and whatever it writes is thrown away.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from bench.backing import Backing, backing, now
from bench.data import Data, fill, schema_stamp
from bench.generator import read_facts
from bench.product import REPOSITORY
from registry.settings import Settings

_STAMP = "tier.json"
VERSIONS_EACH = 3
"""The repositories of the server tier have so many versions for each template: 300k for 100k."""


@dataclass(frozen=True, slots=True)
class Place:
    """A data folder with its database and its namespace, and how long its projection took."""

    folder: Path
    database: str
    namespace: str
    templates: int
    versions: int
    projected_seconds: float

    def settings(self, servers: Backing) -> dict[str, str]:
        """The environment of a process that works on it."""
        return {
            "PROMPTUARY_DATA": str(self.folder),
            "PROMPTUARY_SAMPLE": "false",
            "PROMPTUARY_DATABASE_URL": servers.database(self.database),
            "PROMPTUARY_ELASTICSEARCH_URL": servers.elasticsearch_url,
            "PROMPTUARY_REDIS_URL": servers.redis_url,
            "PROMPTUARY_NAMESPACE": self.namespace,
        }

    def opened(self, servers: Backing) -> Settings:
        """The same for this process; without Redis, and with patience."""
        return Settings(
            data=self.folder,
            sample=False,
            database_url=SecretStr(servers.database(self.database)),
            elasticsearch_url=SecretStr(servers.elasticsearch_url),
            namespace=self.namespace,
            redis_url=None,
        ).patient()


def kept(data: Data, templates: int, versions: int = 0) -> Place:
    """The place that is kept for a size; made where it is not there, or was made by other code."""
    data.out.mkdir(parents=True, exist_ok=True)
    with (data.out / "preparing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who else measures waits, and finds it made
        return _kept(data, templates, versions)


def _kept(data: Data, templates: int, versions: int) -> Place:
    servers = backing()
    source = data.repository(templates, versions or templates * VERSIONS_EACH)
    facts = read_facts(source)
    assert facts is not None
    folder = data.out / f"tier-{source.stem}"
    # The same name for the same data and code on the same servers, whoever measures; another for others.
    mark = hashlib.sha256(f"{data.out}{facts.tip}{schema_stamp('sql', 'elasticsearch')}".encode()).hexdigest()[:8]
    name = f"bench-{source.stem}-{mark}"
    place = Place(folder, name.replace("-", "_"), name, facts.templates, facts.versions, 0.0)
    known = _read(folder, place)
    if known is not None and _is_there(servers, place):
        return known
    data.console.print(f"preparing {name}: {facts.templates} templates, {facts.versions} versions …")
    _forget_older(servers, folder, place)
    servers.run_sql(f"CREATE DATABASE {place.database}")
    started = time.perf_counter()
    now(fill(place.opened(servers), source))
    place = replace(place, projected_seconds=time.perf_counter() - started)
    servers.run_sql("VACUUM ANALYZE", database=place.database)  # as it would be after some hours
    for index in servers.indexes(name):  # who is cloned may not be written
        servers.engine("PUT", f"/{index}/_settings", {"index.blocks.write": True})
    (folder / _STAMP).write_text(json.dumps(asdict(place) | {"folder": ""}), "utf-8")
    return place


@contextmanager
def copied(data: Data, templates: int, versions: int = 0) -> Iterator[Place]:
    """Copies of all three that may be changed; they are removed afterwards."""
    servers = backing()
    source = kept(data, templates, versions)
    own = f"run-{os.getpid()}-{secrets.token_hex(3)}"
    copy = replace(
        source,
        folder=data.out / f"{own}-{source.folder.name}",
        database=f"promptuary_bench_{own.replace('-', '_')}",
        namespace=f"bench-{own}",
    )
    try:
        subprocess.run(["cp", "-a", str(source.folder), str(copy.folder)], check=True)
        servers.run_sql(f"CREATE DATABASE {copy.database} TEMPLATE {source.database} STRATEGY file_copy")
        _clone(servers, source.namespace, copy.namespace)
        yield copy
    finally:
        shutil.rmtree(copy.folder, ignore_errors=True)
        servers.run_sql(f"DROP DATABASE IF EXISTS {copy.database} WITH (FORCE)")
        servers.forget(copy.namespace)


def cloned_index(servers: Backing, place: Place, name: str) -> None:
    """Another copy of the index that is searched, for a floor."""
    aliases = servers.indexes(place.namespace).items()
    index = next(each for each, known in aliases if f"{place.namespace}@{REPOSITORY}" in known)
    servers.engine("PUT", f"/{index}/_settings", {"index.blocks.write": True})
    servers.engine("POST", f"/{index}/_clone/{name}", {"settings": {"index.blocks.write": None}})
    servers.engine("PUT", f"/{index}/_settings", {"index.blocks.write": None})
    _wait_until_started(servers, name)


def _clone(servers: Backing, source: str, target: str) -> None:
    for index, aliases in servers.indexes(source).items():
        named = index.replace(source, target, 1)
        moved: dict[str, object] = {alias.replace(source, target, 1): {} for alias in aliases}
        body = {"settings": {"index.blocks.write": None}, "aliases": moved}
        servers.engine("POST", f"/{index}/_clone/{named}", body)
        _wait_until_started(servers, named)


def _wait_until_started(servers: Backing, index: str) -> None:
    servers.engine("GET", f"/_cluster/health/{index}?wait_for_status=yellow&timeout=120s")


def _read(folder: Path, wanted: Place) -> Place | None:
    try:
        found = Place(**{**json.loads((folder / _STAMP).read_text("utf-8")), "folder": folder})
    except (OSError, ValueError, TypeError):
        return None
    return found if found.namespace == wanted.namespace else None


def _is_there(servers: Backing, place: Place) -> bool:
    found = servers.fetch_sql(f"SELECT 1 FROM pg_database WHERE datname = '{place.database}'", "postgres")
    return bool(found) and bool(servers.indexes(place.namespace))


def _forget_older(servers: Backing, folder: Path, place: Place) -> None:
    """What is kept of the same size by other code, and what a killed preparation left."""
    names = [place.namespace]
    with suppress(OSError, ValueError, KeyError):  # where there is nothing older
        names.append(json.loads((folder / _STAMP).read_text("utf-8"))["namespace"])
    shutil.rmtree(folder, ignore_errors=True)
    for name in names:
        servers.run_sql(f"DROP DATABASE IF EXISTS {name.replace('-', '_')} WITH (FORCE)")
        servers.forget(name)
