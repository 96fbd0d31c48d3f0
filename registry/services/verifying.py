"""Comparing both projections with Git, entry by entry."""

import asyncio
from collections.abc import AsyncIterator

from registry.domain.catalogue import OutboxEntry, TemplateFilter, VersionRow
from registry.domain.ids import CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.versions import VersionState
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import GitStore, Repositories
from registry.ports.projection import Outbox, Projection
from registry.ports.search_index import SearchIndex
from registry.services.checking import Checker
from registry.services.indexing import Progress, no_progress
from registry.services.projecting import BatchBuilder, Parsed
from registry.services.states import Projected

PAGE = 500
DIFFERENCES_AT_MOST = 1_000


class Verifying:
    """Replays Git in memory and holds the result against what the catalogue and the search index have."""

    def __init__(
        self,
        *,
        git: Repositories,
        templates: TemplateIndex,
        versions: VersionIndex,
        projection: Projection,
        outbox: Outbox,
        index: SearchIndex,
        checker: Checker,
    ) -> None:
        self._git = git
        self._templates = templates
        self._versions = versions
        self._projection = projection
        self._outbox = outbox
        self._index = index
        self._checker = checker

    async def verify(self, repository: RepositoryName, progress: Progress = no_progress) -> list[str]:
        """The differences in words; none means that both projections say what Git says at the checkpoint.

        Run it while nobody writes, or run it again: what lands meanwhile shows up as a difference.
        """
        checkpoint = await self._projection.checkpoint(repository)
        ref = self._git.default_branch(repository)
        with self._git.open(repository) as store:
            tip = store.resolve(ref)
            if tip is None:
                return [] if checkpoint is None else ["Git has no commit, but the catalogue has a checkpoint."]
            if checkpoint is None:
                return ["The repository has not been projected yet."]
            found: list[str] = []
            if checkpoint.commit != tip:
                found.append(f"The projection is at {checkpoint.commit[:10]}, Git at {tip[:10]}.")
            chain = store.first_parents(checkpoint.commit)
            if not chain:
                return [*found, f"The checkpoint {checkpoint.commit[:10]} is not in Git: run promptuary index rebuild."]
            found += await self._compare(repository, store, chain, progress)
        found += await self._compare_search(repository)
        return found[:DIFFERENCES_AT_MOST]

    async def _compare(
        self, repository: RepositoryName, store: GitStore, chain: list[CommitId], progress: Progress
    ) -> list[str]:
        builder = BatchBuilder(
            repository=repository,
            ref=self._git.default_branch(repository),
            checker=self._checker,
            store=store,
            parsed=Parsed(),
        )
        state = Projected(None, 0, VersionState())
        found: list[str] = []
        labels: dict[tuple[LabelName, TemplateName], int] = {}
        done = 0
        while done < len(chain):
            batch = await builder.build(state, chain[done:])
            commits = {row.ordinal: row.commit for row in batch.commits}
            for row in batch.versions:
                found += await self._compare_version(repository, row, commits[row.ordinal])
            for move in batch.labels:
                labels.pop((move.label, move.name), None)
                if move.version is not None:
                    labels[move.label, move.name] = move.version
            done += len(batch.commits)
            progress(done, len(chain))
            await asyncio.sleep(0)
        found += await self._compare_names(repository, state)
        found += await self._compare_labels(repository, labels)
        return found

    async def _compare_version(self, repository: RepositoryName, row: VersionRow, commit: str) -> list[str]:
        entry = await self._versions.find_version(repository, row.name, row.number)
        if entry is None:
            return [f"{row.name} v{row.number} is missing in the catalogue."]
        wanted = (commit, row.digest, row.blob, row.valid, row.cause, row.moved_from, row.closure)
        there = (entry.commit, entry.digest, entry.blob, entry.valid, entry.cause, entry.moved_from, entry.closure)
        if wanted != there:
            return [f"{row.name} v{row.number} differs: Git says {wanted}, the catalogue {there}."]
        blobs = [blob for _, blob in row.closure if blob is not None]
        bodies = await self._templates.read_bodies(repository, blobs)
        return [f"The text of {row.name} v{row.number} is missing."] if len(bodies) != len(set(blobs)) else []

    async def _compare_names(self, repository: RepositoryName, state: Projected) -> list[str]:
        there = {name: version async for name, version in self._listed(repository)}
        wanted = {name: state.versions.numbers[name] for name in state.versions.graph.blobs}
        found = [f"{name} is in Git but not in the list of templates." for name in sorted(wanted.keys() - there.keys())]
        found += [f"{name} is listed but not in Git." for name in sorted(there.keys() - wanted.keys())]
        found += [
            f"{name} is listed at version {there[name]}, Git says {wanted[name]}."
            for name in sorted(wanted.keys() & there.keys())
            if wanted[name] != there[name]
        ]
        return found

    async def _listed(self, repository: RepositoryName) -> AsyncIterator[tuple[TemplateName, int]]:
        cursor: str | None = None
        while True:
            page = await self._templates.list_templates(repository, TemplateFilter(), limit=PAGE, cursor=cursor)
            for entry in page.items:
                yield entry.name, entry.version
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _compare_labels(
        self, repository: RepositoryName, wanted: dict[tuple[LabelName, TemplateName], int]
    ) -> list[str]:
        listed = await self._versions.list_labels(repository)
        there = {(label, name): number for label, targets in listed.items() for name, number in targets.items()}
        return [
            f"The label {label} of {name} is at {there.get((label, name))}, Git says {wanted.get((label, name))}."
            for label, name in sorted(wanted.keys() | there.keys())
            if wanted.get((label, name)) != there.get((label, name))
        ]

    async def _compare_search(self, repository: RepositoryName) -> list[str]:
        if await self._outbox.depth():
            return ["The search index still has to be fed; try again in a moment."]
        there = await self._index.fingerprints(repository)
        names = [name async for name, _ in self._listed(repository)]
        wanted: dict[TemplateName, str] = {}
        for start in range(0, len(names), PAGE):
            entries = [OutboxEntry(0, repository, name, 0) for name in names[start : start + PAGE]]
            wanted.update({d.name: d.fingerprint for d in await self._outbox.documents(entries)})
        found = [f"{name} is missing in the search index." for name in sorted(wanted.keys() - there.keys())]
        found += [
            f"{name} is in the search index but not in the catalogue." for name in sorted(there.keys() - wanted.keys())
        ]
        found += [
            f"The search document of {name} is stale."
            for name in sorted(wanted.keys() & there.keys())
            if wanted[name] != there[name]
        ]
        return found
