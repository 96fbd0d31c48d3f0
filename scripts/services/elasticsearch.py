"""Elasticsearch 9: one node from the server's own jars, started by a few lines of ours (scripts/elasticsearch-node)."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import ClassVar

from scripts.services.elasticsearch_jars import Installation, installed
from scripts.services.ports import free_port
from scripts.services.service import Service

_HEAP = ("-Xms512m", "-Xmx512m")
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Half the time to the first answer, at the cost of speed later: for a node that lives as long as a test."""


class Elasticsearch(Service):
    """A node that is a cluster of its own. It has no passwords: those belong to a module that has no jar."""

    title: ClassVar[str] = "Elasticsearch"
    name: ClassVar[str] = "elasticsearch"
    usual_port: ClassVar[int] = 29200
    patience: ClassVar[float] = 180.0

    def __init__(
        self,
        folder: Path,
        *,
        jars: Path,
        first_port: int = 0,
        dies_with_us: bool = False,
        settings: dict[str, str] | None = None,
    ) -> None:
        """``jars`` is the folder that keeps them, for any number of nodes; settings are those of elasticsearch.yml."""
        super().__init__(folder, first_port=first_port, dies_with_us=dies_with_us)
        self._settings = settings or {}
        self._jars = jars
        self._installation: Installation | None = None

    @property
    def url(self) -> str:
        """``http://host:port``."""
        return f"http://127.0.0.1:{self.port}"

    async def prepare(self) -> None:
        """Fetch the jars and compile our lines, once; find the JDK."""
        self._installation = await installed(self._jars)
        for name in ("config", "data", "logs"):
            (self.folder / name).mkdir(exist_ok=True)

    def command(self) -> list[str]:
        """The node in the foreground."""
        assert self._installation is not None, "prepare() comes first"
        settings = {
            "cluster.name": "promptuary",
            "node.name": "node-1",
            "discovery.type": "single-node",
            "path.data": str(self.folder / "data"),
            "path.logs": str(self.folder / "logs"),
            "http.host": "127.0.0.1",
            "http.port": str(self.port),
            "transport.host": "127.0.0.1",
            "transport.port": str(free_port(self.port + 1000)),
            # A full disk of the developer's is no reason to refuse writes; a test switches it on.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            **self._settings,
        }
        java = self._installation.java(*_HEAP, *(_QUICK if self._dies_with_us else ()))
        return [*java, str(self.folder / "config"), *(f"{key}={value}" for key, value in settings.items())]

    async def ping(self) -> str:
        """Ask for its version and that every index can be read and written."""
        await asyncio.to_thread(self._get, "/_cluster/health?wait_for_status=yellow&timeout=1s")
        nodes = await asyncio.to_thread(self._get, "/_nodes/_local/info?filter_path=nodes.*.version")
        return str(next(iter(nodes["nodes"].values()))["version"])

    def _get(self, path: str) -> dict[str, dict[str, dict[str, str]]]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=2) as answer:  # noqa: S310  # nosec B310  # our own address
                found: dict[str, dict[str, dict[str, str]]] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            error.close()  # its connection
            raise
