"""The server tier as processes: a Git node, indexers and an API replica of two workers over copies of kept data."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.backing import Backing, backing
from bench.bench import Bench
from bench.machine import process_tree
from bench.product import Product, Started, begun
from bench.tier_data import Place, copied

WORKERS = 2


@dataclass(frozen=True, slots=True)
class Tier(Product):
    """Its ``port`` and ``process`` are those of the API replica, which clients ask."""

    servers: Backing
    place: Place
    git: Started
    indexers: tuple[Started, ...]

    def workers(self) -> list[int]:
        """The process ids of the replica's workers."""
        return [pid for pid in process_tree(self.process.pid) if "spawn_main" in _command_line(pid)][:WORKERS]


def leader_of(indexers: Sequence[Started]) -> Started:
    """The indexer that projects: the one whose log said so last. Raises RuntimeError where none does."""
    for each in indexers:
        text = each.log.read_text("utf-8", "replace")
        leads = text.rfind("leading the projection") > text.rfind("waiting to lead the projection")
        if leads and each.process.poll() is None:
            return each
    raise RuntimeError("no indexer leads")


@contextmanager
def tier(
    bench: Bench,
    templates: int,
    versions: int = 0,
    *,
    indexers: int = 1,
    more: Mapping[str, str] | None = None,
    replica: Mapping[str, str] | None = None,
) -> Iterator[Tier]:
    """Starts all of them and waits until they are ready; ``more`` are settings of all, ``replica`` of that alone."""
    with (
        copied(bench.data, templates, versions) as place,
        running(place, indexers=indexers, more=more, replica=replica) as started,
    ):
        yield started


@contextmanager
def running(
    place: Place,
    *,
    indexers: int = 1,
    more: Mapping[str, str] | None = None,
    replica: Mapping[str, str] | None = None,
) -> Iterator[Tier]:
    """The same on a place that is there."""
    servers = backing()
    settings = place.settings(servers) | dict(more or {})

    def log(name: str) -> Path:
        return place.folder / f"{name}.log"

    with ExitStack() as stack:
        leading = tuple(
            stack.enter_context(begun("indexer", settings, log(f"indexer-{number}"))) for number in range(indexers)
        )
        git = stack.enter_context(begun("git", settings, log("git")))
        for each in (git, *leading):
            each.wait()
        own = settings | {"PROMPTUARY_GIT_URL": f"http://127.0.0.1:{git.port}"} | dict(replica or {})
        api = stack.enter_context(begun(f"api --workers {WORKERS}", own, log("api")))
        api.wait()
        yield Tier(api.port, place.folder, api.process, 0.0, servers, place, git, leading)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""
