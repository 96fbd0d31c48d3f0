"""Watching the refs of all repositories on disk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import Change, awatch

from registry.domain.ids import RepositoryName

DEBOUNCE_MS = 50
STEP_MS = 50
"""How often the watcher looks for events: it does so even when idle, and 5 ms cost 4 % of a core. Pushes over HTTP do
not wait for it; it is for refs that move without a hook."""

SUFFIX = ".git"


async def watch_refs(folder: Path, names: Iterable[RepositoryName]) -> AsyncIterator[set[RepositoryName]]:
    """Yields the repositories whose refs may have moved; ends when a repository was added or removed.

    Only ``refs/`` and the repositories' own folders are watched: object folders would use up the kernel's watches.
    Raises OSError where the kernel refuses to watch.
    """
    repositories = [folder / f"{name}{SUFFIX}" for name in names]
    events: asyncio.Queue[set[tuple[Change, str]] | OSError] = asyncio.Queue()
    watchers = [
        asyncio.create_task(_gather(events, [path / "refs" for path in repositories], recursive=True)),
        asyncio.create_task(_gather(events, [folder, *repositories], recursive=False)),
    ]
    try:
        while True:
            changes = await events.get()
            if isinstance(changes, OSError):
                raise changes
            yield {name for _, path in changes if (name := _repository_of(folder, path)) is not None}
            if any(Path(path).parent == folder for change, path in changes if change is not Change.modified):
                return
    finally:
        for watcher in watchers:
            watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*watchers)


async def _gather(
    events: "asyncio.Queue[set[tuple[Change, str]] | OSError]", paths: list[Path], *, recursive: bool
) -> None:
    if not paths:
        return
    try:
        async for changes in awatch(
            *paths,
            watch_filter=_matters,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            events.put_nowait(changes)
    except OSError as error:
        events.put_nowait(error)


def _matters(_change: Change, path: str) -> bool:
    """Locks do not matter, and of a repository's own files only the packed refs do."""
    name = path.rsplit("/", 1)[-1]
    return not name.endswith(".lock") and ("/refs/" in path or name == "packed-refs" or name.endswith(SUFFIX))


def _repository_of(folder: Path, path: str) -> RepositoryName | None:
    parts = Path(path).relative_to(folder).parts
    return RepositoryName(parts[0].removesuffix(SUFFIX)) if parts and parts[0].endswith(SUFFIX) else None
