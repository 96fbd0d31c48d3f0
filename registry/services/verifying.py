"""Comparing both projections with Git, entry by entry."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from registry.domain.catalogue import Checkpoint, LabelMove, TemplateEntry, TemplateFilter, VersionEntry
from registry.domain.errors import RevisionNotFound
from registry.domain.ids import BlobId, CommitId, RepositoryName, TemplateName
from registry.domain.wording import counted
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import GitStore, Repositories
from registry.ports.projection import Outbox, Projection
from registry.ports.search_index import CountedSearchIndex
from registry.ports.verifying import StoredRows
from registry.services.checking import Checker
from registry.services.derived_rows import filter_differences, key_differences, ref_differences, removal_differences
from registry.services.indexing import Progress, no_progress
from registry.services.projecting import BatchBuilder, Parsed
from registry.services.replaying import Replay, document_of
from registry.services.search_rows import NOT_FED, old_text_differences, search_differences

PAGE = 500
TEMPLATES_AT_ONCE = 200
"""How many templates' versions are read at a time."""

DIFFERENCES_AT_MOST = 1_000
TRIES = 5
"""How often a run compares anew where the projection moved meanwhile; only new commits are replayed then."""

SETTLE_SECONDS = 0.5
"""How long a projection that is behind Git may take to catch up."""
FED_LOOKS = 8
"""How often one looks, so many seconds apart, whether a search index has caught up."""
LONGEST_VALUE = 120
Entry = TemplateEntry | VersionEntry | LabelMove


@dataclass(frozen=True, slots=True)
class Searched:
    """A search index, and what still has to reach it."""

    outbox: Outbox
    index: CountedSearchIndex


class Verifying:
    """Replays Git in memory and holds the result against what the catalogue and the search index have."""

    def __init__(
        self,
        *,
        git: Repositories,
        templates: TemplateIndex,
        versions: VersionIndex,
        projection: Projection,
        searched: Sequence[Searched],
        checker: Checker,
        stored: StoredRows,
    ) -> None:
        self._git = git
        self._templates = templates
        self._versions = versions
        self._projection = projection
        self._searched = searched
        self._checker = checker
        self._stored = stored

    async def verify(self, repository: RepositoryName, progress: Progress = no_progress) -> list[str]:
        """The differences in words; none means that both projections say what Git says at the checkpoint.

        Where the projection moves meanwhile (a server writes), everything is compared again at its new checkpoint.
        """
        ref = self._git.default_branch(repository)
        with self._git.open(repository) as store:
            replay = self._replay(repository, store)
            for _ in range(TRIES):
                checkpoint = await self._projection.checkpoint(repository)
                if checkpoint is None:
                    unborn = store.resolve(ref) is None
                    return [] if unborn else ["The repository has not been projected yet."]
                try:
                    chain = store.first_parents(checkpoint.commit, replay.state.commit)
                    if chain is None:  # the branch was rewritten meanwhile
                        replay = self._replay(repository, store)
                        chain = store.first_parents(checkpoint.commit) or []
                except RevisionNotFound:
                    return [f"The checkpoint {checkpoint.commit[:10]} is not in Git: run promptuary index rebuild."]
                await self._advance(replay, chain, progress)
                found = await self._compare(replay, checkpoint)
                if await self._projection.checkpoint(repository) == checkpoint:
                    if store.resolve(ref) == checkpoint.commit:
                        return [*await self._compare_refs(repository, store), *found][:DIFFERENCES_AT_MOST]
                    await asyncio.sleep(SETTLE_SECONDS)
                    if await self._projection.checkpoint(repository) == checkpoint:
                        tip = store.resolve(ref) or "no commit"
                        behind = f"The projection is at {checkpoint.commit[:10]}, Git at {tip[:10]}."
                        return [behind, *found][:DIFFERENCES_AT_MOST]
        return [f"The projection moved during each of {TRIES} comparisons: run this again while fewer write."]

    def _replay(self, repository: RepositoryName, store: GitStore) -> Replay:
        ref = self._git.default_branch(repository)
        builder = BatchBuilder(repository=repository, ref=ref, checker=self._checker, store=store, parsed=Parsed())
        return Replay(repository, builder)

    async def _advance(self, replay: Replay, chain: Sequence[CommitId], progress: Progress) -> None:
        """Replays commits; their files' texts are compared at once, so that they need not be kept."""
        done = 0
        while done < len(chain):
            batch = await replay.advance(chain[done:])
            blobs = list(batch.bodies)
            for start in range(0, len(blobs), PAGE):
                part = blobs[start : start + PAGE]
                there = await self._templates.read_bodies(replay.repository, part)
                wanted = {blob: batch.bodies[blob] for blob in part}
                replay.differences.extend(_text_differences(wanted, there))
            done += len(batch.commits)
            progress(done, len(chain))
            await asyncio.sleep(0)

    async def _compare(self, replay: Replay, checkpoint: Checkpoint) -> list[str]:
        found = list(replay.differences)
        if checkpoint.ordinal != replay.state.ordinal:
            found.append(f"The checkpoint counts {counted(checkpoint.ordinal, 'commit')}, Git {replay.state.ordinal}.")
        if await self._projection.rules(replay.repository) != replay.rules:
            found.append("The rules of the catalogue are not the text of .registry.yaml.")
        wanted = replay.entries()
        found += await self._compare_templates(replay, wanted)
        found += await self._compare_derived(replay, wanted)
        found += await self._compare_versions(replay)
        found += await self._compare_labels(replay)
        found += await self._compare_graph(replay)
        for searched in self._searched:
            found += await self._compare_search(replay, wanted, searched)
        return found

    async def _compare_templates(self, replay: Replay, wanted: Mapping[TemplateName, TemplateEntry]) -> list[str]:
        """The present state of every template, deleted ones too, and which are listed."""
        found: list[str] = []
        left = dict(wanted)
        page = await self._templates.every_template(replay.repository, limit=PAGE)
        while page:
            for there in page:
                entry = left.pop(there.name, None)
                if entry is None:
                    found.append(f"{there.name} is in the catalogue but was never in Git.")
                else:
                    # Nobody owns what is gone: there the last owners stay, and nothing reads them.
                    skipped = ("owners",) if entry.deleted else ()
                    found.extend(_differences(there.name, entry, there, skipped))
            page = await self._templates.every_template(replay.repository, page[-1].name, limit=PAGE)
        found += [f"{name} is missing in the catalogue." for name in sorted(left)]
        listed = await self._listed(replay.repository)
        living = {name for name, entry in wanted.items() if not entry.deleted}
        found += [f"{name} is not in the list of templates." for name in sorted(living - listed)]
        found += [f"{name} is listed but not in Git." for name in sorted(listed - living)]
        return found

    async def _listed(self, repository: RepositoryName) -> set[TemplateName]:
        names: set[TemplateName] = set()
        cursor: str | None = None
        while True:
            page = await self._templates.list_templates(repository, TemplateFilter(), limit=PAGE, cursor=cursor)
            names.update(entry.name for entry in page.items)
            cursor = page.next_cursor
            if cursor is None:
                return names

    async def _compare_versions(self, replay: Replay) -> list[str]:
        found: list[str] = []
        names = list(replay.versions)
        for start in range(0, len(names), TEMPLATES_AT_ONCE):
            part = names[start : start + TEMPLATES_AT_ONCE]
            stored = await self._stored.versions_of(replay.repository, part)
            there = {(version.name, version.number): version for version in stored}
            wanted = {(name, number): version for name in part for number, version in replay.versions[name].items()}
            for name, number in sorted(wanted.keys() | there.keys()) if wanted != there else ():
                what = f"{name} v{number}"
                if (name, number) not in there:
                    found.append(f"{what} is missing in the catalogue.")
                elif (name, number) not in wanted:
                    found.append(f"{what} is in the catalogue but not in Git.")
                else:
                    found.extend(_differences(what, wanted[name, number], there[name, number]))
        return found

    async def _compare_derived(self, replay: Replay, wanted: Mapping[TemplateName, TemplateEntry]) -> list[str]:
        """What lists, filters, suggestions and events go by."""
        keys = await self._stored.keys(replay.repository)
        values = await self._stored.filter_values(replay.repository)
        removals = removal_differences(replay.removals, await self._stored.removals(replay.repository))
        derived = key_differences(wanted, keys, replay.latest_blob)
        return [*derived, *filter_differences(wanted, values), *removals]

    async def _compare_refs(self, repository: RepositoryName, store: GitStore) -> list[str]:
        """The recorded refs but the default branch, whose record is the checkpoint; a push may be on its way."""
        default = self._git.default_branch(repository)
        found: list[str] = []
        for _ in range(2):
            there = await self._stored.refs(repository)
            found = ref_differences({**store.refs(), default: None}, {**there, default: None})
            if not found:
                break
            await asyncio.sleep(SETTLE_SECONDS)
        return found

    async def _compare_labels(self, replay: Replay) -> list[str]:
        """Where the labels point, and every move that brought them there."""
        listed = await self._versions.list_labels(replay.repository)
        there = {(label, name): number for label, targets in listed.items() for name, number in targets.items()}
        found = [
            f"The label {label} of {name} is at {there.get((label, name))}, "
            f"Git says {replay.labels.get((label, name))}."
            for label, name in sorted(replay.labels.keys() | there.keys())
            if replay.labels.get((label, name)) != there.get((label, name))
        ]
        left = dict(replay.moves)
        page = await self._versions.every_move(replay.repository, limit=PAGE)
        while page:
            for move in page:
                what = f"The move of label {move.label} of {move.name} at commit {move.ordinal}"
                wanted = left.pop((move.label, move.name, move.ordinal), None)
                if wanted is None:
                    found.append(f"{what} is in the catalogue but not in Git.")
                else:
                    found.extend(_differences(what, wanted, move))
            page = await self._versions.every_move(replay.repository, page[-1], limit=PAGE)
        found += [
            f"The move of label {label} of {name} at commit {ordinal} is missing in the catalogue."
            for label, name, ordinal in sorted(left)
        ]
        return found

    async def _compare_graph(self, replay: Replay) -> list[str]:
        """What numbering goes on from: files, includes and the last numbers given."""
        wanted, there = replay.state.versions, await self._projection.load_state(replay.repository)
        names = wanted.graph.blobs.keys() | there.graph.blobs.keys()
        return [
            f"{name}: the file or the includes that the catalogue goes on from are not Git's."
            for name in sorted(names)
            if wanted.graph.blobs.get(name) != there.graph.blobs.get(name)
            or wanted.graph.includes(name) != there.graph.includes(name)
        ]

    async def _compare_search(
        self, replay: Replay, wanted: Mapping[TemplateName, TemplateEntry], searched: Searched
    ) -> list[str]:
        outbox, index = searched.outbox, searched.index
        for _ in range(FED_LOOKS):
            if not await outbox.waits(replay.repository):
                break
            await asyncio.sleep(SETTLE_SECONDS)
        else:
            return [NOT_FED]
        there = await index.fingerprints(replay.repository)
        fingerprints: dict[TemplateName, str] = {}
        names = sorted(wanted)
        for start in range(0, len(names), PAGE):
            blobs = {name: blob for name in names[start : start + PAGE] if (blob := replay.latest_blob(name))}
            bodies = await self._templates.read_bodies(replay.repository, list(blobs.values()))
            for name, blob in blobs.items():
                document = document_of(replay.repository, wanted[name], bodies.get(blob, ""))
                if document is not None:
                    fingerprints[name] = document.fingerprint
        found = [f"{name} is missing in the search index." for name in sorted(fingerprints.keys() - there.keys())]
        found += [
            f"{name} is in the search index but should not be." for name in sorted(there.keys() - fingerprints.keys())
        ]
        found += [
            f"The search document of {name} is stale."
            for name in sorted(fingerprints.keys() & there.keys())
            if fingerprints[name] != there[name]
        ]
        found += await old_text_differences(index, replay, wanted)
        indexed = {name: wanted[name] for name in fingerprints}
        return found + await search_differences(index, replay.repository, indexed)


def _text_differences(wanted: Mapping[BlobId, str], there: Mapping[BlobId, str]) -> Iterator[str]:
    """Git's bytes as text (what is not UTF-8 replaced, as the projection does) against the stored text."""
    for blob, text in wanted.items():
        if blob not in there:
            yield f"The text of blob {blob[:10]} is missing in the catalogue."
        elif there[blob] != text:
            yield f"The text of blob {blob[:10]} is not Git's."


def _differences(what: str, wanted: Entry, there: Entry, skipped: Sequence[str] = ()) -> Iterator[str]:
    """One line for each field that differs."""
    if wanted == there:
        return
    for field in fields(wanted):
        should, found = getattr(wanted, field.name), getattr(there, field.name)
        if should != found and field.name not in skipped:
            yield f"{what}: {field.name} is {_shown(found)} in the catalogue, Git says {_shown(should)}."


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
