"""Which commit, and which version, brought each line of a template's file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from registry.domain.catalogue import VersionEntry
from registry.domain.ids import CommitId, RepositoryName, TemplateName
from registry.domain.names import template_name, template_path
from registry.domain.refs import Commit, LineRun
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.selectors import Selector
from registry.ports.catalogue import VersionOrigins
from registry.ports.git import GitBlame, Repositories
from registry.services.templates import Templates

AT_ONCE = 2
"""How many histories are searched at a time; each is a process."""

KEPT_RUNS = 100_000
"""Runs of lines that are kept in memory, of all files together."""


RENAMES = 100
"""So many are looked back to for who does not see everything; what is older than that the last of them brought."""


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Lines from ``first`` (from 1) on that one commit brought.

    ``name`` is the template's name then; ``version`` is what the commit made of it, None off the default branch.
    """

    first: int
    lines: tuple[str, ...]
    commit: Commit
    name: TemplateName | None
    version: VersionEntry | None


@dataclass(frozen=True, slots=True)
class TemplateBlame:
    """A state of a template, line by line."""

    state: VersionEntry
    origins: tuple[LineOrigin, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    runs: tuple[LineRun, ...]
    commits: dict[CommitId, Commit]

    def weight(self) -> int:
        return len(self.runs) + len(self.commits) + 1


class Blames:
    """Looks for where lines come from; what a commit's file consists of never changes, so it is looked for once."""

    def __init__(self, *, git: Repositories, templates: Templates, origins: VersionOrigins) -> None:
        self._git = git
        self._templates = templates
        self._origins = origins
        self._room = asyncio.Semaphore(AT_ONCE)
        self._known: LRUCache[tuple[RepositoryName, CommitId, str, Sight], _Found] = LRUCache(
            KEPT_RUNS, getsizeof=_Found.weight
        )

    async def blame(
        self, repository: RepositoryName, name: TemplateName, selector: Selector, *, sight: Sight = EVERYTHING
    ) -> TemplateBlame:
        """The lines of the state that the selector names. Raises as a read does, and Unavailable.

        What came from a file that is not seen was brought by the commit that put it where it is.
        """
        state, loaded = await self._templates.find(repository, name, selector, sight)
        found = await self._find(repository, state.commit, template_path(name), sight)
        names = {run.path: template_name(run.path) for run in found.runs}
        wanted = sorted({each for each in names.values() if each is not None})
        made = await self._origins.made_by(repository, wanted, list(found.commits))
        versions = {(entry.name, entry.commit): entry for entry in made}
        lines = loaded.source.split("\n")
        return TemplateBlame(state, tuple(_origin(run, lines, found, names[run.path], versions) for run in found.runs))

    async def _find(self, repository: RepositoryName, commit: CommitId, path: str, sight: Sight) -> _Found:
        key = (repository, commit, path, sight)
        found = self._known.get(key)
        if found is None:
            async with self._room:
                found = self._known.get(key)
                if found is None:
                    found = await asyncio.to_thread(self._search, *key)
            if found.weight() <= KEPT_RUNS:
                self._known[key] = found
        return found

    def _search(self, repository: RepositoryName, commit: CommitId, path: str, sight: Sight) -> _Found:
        with self._git.open(repository) as store:
            since = None if sight.is_whole else _beginning(store, commit, path, sight)
            runs = tuple(store.blame(commit, path, since=since))
            return _Found(runs, {each: store.commit(each) for each in {run.commit for run in runs}})


def _beginning(store: GitBlame, commit: CommitId, path: str, sight: Sight) -> CommitId | None:
    """The commit that brought a file from where one does not see; None where it always was where one does."""
    begun: CommitId | None = None
    at: CommitId | None = commit
    for _ in range(RENAMES):
        arrival = store.arrival(at, path) if at is not None else None
        if arrival is None or arrival.former is None:
            return None
        begun, at, path = arrival.commit, arrival.parent, arrival.former
        name = template_name(path)
        if name is None or not sight.has(name):
            break
    return begun


def _origin(
    run: LineRun,
    lines: Sequence[str],
    found: _Found,
    name: TemplateName | None,
    versions: dict[tuple[TemplateName, CommitId], VersionEntry],
) -> LineOrigin:
    return LineOrigin(
        first=run.first,
        lines=tuple(lines[run.first - 1 : run.first - 1 + run.count]),
        commit=found.commits[run.commit],
        name=name,
        version=versions.get((name, run.commit)) if name is not None else None,
    )
