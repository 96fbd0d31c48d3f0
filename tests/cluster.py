"""The server tier as processes: a Git node, indexers and API replicas over one PostgreSQL database."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.backing import elasticsearch_url, redis_url
from tests.indexes import forget_indexes
from tests.running import Running


@dataclass
class Cluster:
    """The processes, each of which can be killed and started again."""

    git: Running
    indexers: list[Running] = field(default_factory=list)
    replicas: list[Running] = field(default_factory=list)

    def start(self) -> None:
        """Starts all of them and waits until they are ready."""
        for each in (*self.indexers, self.git):
            each.begin()
        for each in (self.git, *self.indexers):
            each.wait_until_ready()
        key = (self.git.data / "admin-key").read_text().strip()
        for each in self.replicas:
            each.begin()
        for each in (self.git, *self.indexers, *self.replicas):
            each.key = key
            each.wait_until_ready()

    def heal(self) -> None:
        """Starts those again that ended."""
        ended = [
            each
            for each in (self.git, *self.indexers, *self.replicas)
            if each.process and each.process.poll() is not None
        ]
        for each in ended:
            each.begin()
        for each in ended:
            each.wait_until_ready()

    def stop(self) -> None:
        """Ends all of them, and forgets their search indexes."""
        for each in (*self.replicas, *self.indexers, self.git):
            each.stop()
        settings = self.git.settings
        forget_indexes(settings["PROMPTUARY_ELASTICSEARCH_URL"], settings["PROMPTUARY_NAMESPACE"])


def leads(indexer: Running) -> bool:
    """Whether an indexer led when it last said so."""
    said = indexer.log.read_text("utf-8", "replace")
    return said.rfind("leading the projection") > said.rfind("waiting to lead")


def tier_settings(database: str) -> dict[str, str]:
    """The settings of all three services, with a namespace of its own; ``database`` is a PostgreSQL address."""
    return {
        "PROMPTUARY_DATABASE_URL": database,
        "PROMPTUARY_ELASTICSEARCH_URL": elasticsearch_url(),
        "PROMPTUARY_REDIS_URL": redis_url(),
        "PROMPTUARY_NAMESPACE": f"t{os.getpid()}{secrets.token_hex(3)}",
    }


def make_cluster(
    folder: Path, database: str, *, indexers: int = 1, replicas: int = 1, settings: Mapping[str, str] | None = None
) -> Cluster:
    """A cluster that has not been started; ``database`` is its PostgreSQL address."""
    shared = tier_settings(database) | dict(settings or {})

    def process(name: str, command: str, **more: str) -> Running:
        return Running(folder / "data", folder / f"{name}.log", settings=shared | more, command_line=(command,))

    git = process("git", "git")
    return Cluster(
        git,
        [process(f"indexer-{n}", "indexer") for n in range(indexers)],
        [process(f"api-{n}", "api", PROMPTUARY_GIT_URL=f"http://127.0.0.1:{git.port}") for n in range(replicas)],
    )
