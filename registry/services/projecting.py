"""From commits to batches of the read model: what the projection writes, computed from Git alone."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cachetools import LRUCache

from registry.domain.catalogue import CommitRow, LabelMove, ProjectionBatch, Removal, VersionRow
from registry.domain.codeowners import Owners, read_codeowners
from registry.domain.events import Event, LabelMoved, RefProjected, TemplateChanged, TemplateRemoved
from registry.domain.graph import Change
from registry.domain.ids import BlobId, CommitId, LabelName, RefName, RepositoryName, TemplateName
from registry.domain.importing.commits import imported_subject
from registry.domain.judging import Outcome
from registry.domain.labels import read_labels
from registry.domain.names import template_path
from registry.domain.refs import Commit, Entry, TreeChange
from registry.domain.versions import Numbered
from registry.ports.git import GitStore
from registry.services.checking import Checker
from registry.services.states import Projected
from registry.services.tree_changes import (
    OWNERS_PATH,
    REGULAR,
    RULES_PATH,
    Delta,
    graph_changes,
    read_all,
    read_file,
    read_many,
    sort_out,
)

COMMITS_AT_ONCE = 500
ROWS_AT_ONCE = 10_000
BLOBS_AT_ONCE = 5_000

_Labels = dict[tuple[LabelName, TemplateName], int]


@dataclass(slots=True)
class _Rows:
    """What a batch has gathered so far."""

    commits: list[CommitRow] = field(default_factory=list)
    versions: list[tuple[int, Numbered]] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)
    labels: list[LabelMove] = field(default_factory=list)
    changes: dict[TemplateName, Change] = field(default_factory=dict)
    bodies: dict[BlobId, str] = field(default_factory=dict)

    def count(self) -> int:
        return len(self.commits) + len(self.versions) + len(self.removals) + len(self.labels) + len(self.bodies)


@dataclass(frozen=True, slots=True)
class Walk:
    """Some commits, numbered: a batch whose versions, each with its commit's ordinal, have still to be judged."""

    batch: ProjectionBatch
    versions: Sequence[tuple[int, Numbered]]
    bodies: Mapping[BlobId, bytes]

    def marked(self, *, replay: bool, final: bool) -> "Walk":
        """The same as a batch of a replay, or as the last of its projection."""
        return replace(self, batch=replace(self.batch, replay=replay, final=final))


class Parsed:
    """Files that many batches ask for, parsed: owners, and labels.

    Each state of a label file is read twice: as the new one, and as the old one of the next change.
    """

    def __init__(self) -> None:
        self.owners: LRUCache[BlobId, Owners] = LRUCache(64)
        self.labels: LRUCache[tuple[str, BlobId], _Labels] = LRUCache(256)


class BatchBuilder:
    """Walks the first-parent commits of one repository's default branch and makes batches of them."""

    def __init__(
        self, *, repository: RepositoryName, ref: RefName, checker: Checker, store: GitStore, parsed: Parsed
    ) -> None:
        self._repository = repository
        self._ref = ref
        self._checker = checker
        self._store = store
        self._parsed = parsed

    async def build(self, state: Projected, chain: Sequence[CommitId]) -> ProjectionBatch:
        """The next batch from ``state`` along ``chain``; moves ``state`` on to the batch's last commit."""
        return await self.judge(await self.walk(state, chain))

    async def walk(self, state: Projected, chain: Sequence[CommitId]) -> Walk:
        """Numbers the next commits from ``state`` along ``chain``; moves ``state`` on to the last of them."""
        expected = state.commit
        deltas = await asyncio.to_thread(self._deltas, state.commit, chain)
        bodies = await read_many(self._store, (blob for _, delta in deltas for blob in delta.blobs()))
        rows = _Rows()
        owners_changed = state.commit is None
        for commit, delta in deltas:
            state.ordinal += 1
            state.commit = commit.id
            owners_changed = owners_changed or delta.owners is not None
            self._add(rows, state, commit, delta, bodies)
            await asyncio.sleep(0)
            if rows.count() >= ROWS_AT_ONCE:
                break
        if state.commit is None:
            raise AssertionError("a batch needs at least one commit")
        rules = read_file(self._store, state.commit, RULES_PATH)
        batch = ProjectionBatch(
            repository=self._repository,
            ref=self._ref,
            expected=expected,
            commit=state.commit,
            ordinal=state.ordinal,
            commits=rows.commits,
            versions=(),
            removals=rows.removals,
            changes=list(rows.changes.values()),
            labels=rows.labels,
            owners=self._owners_of(state, rows, everything=owners_changed),
            bodies=rows.bodies,
            rules=rules.decode("utf-8", "replace") if rules is not None else None,
        )
        return Walk(batch, rows.versions, bodies)

    async def judge(self, walk: Walk) -> ProjectionBatch:
        """The batch with its versions, all judged together."""
        cases = [(version.name, version.closure) for _, version in walk.versions]
        outcomes = await self._checker.outcomes(self._store, cases, walk.bodies)
        judged = zip(walk.versions, cases, strict=True)
        return replace(
            walk.batch, versions=[_version_row(at, version, outcomes[case]) for (at, version), case in judged]
        )

    def _deltas(self, start: CommitId | None, chain: Sequence[CommitId]) -> list[tuple[Commit, Delta]]:
        """The next commits with their changes, as many as one bulk read should hold."""
        found: list[tuple[Commit, Delta]] = []
        blobs = 0
        previous = start
        for commit in chain[:COMMITS_AT_ONCE]:
            delta = sort_out(self._store.changes(previous, commit))
            found.append((self._store.commit(commit), delta))
            blobs += len(delta.templates)
            previous = commit
            if blobs >= BLOBS_AT_ONCE:
                break
        return found

    def _add(self, rows: _Rows, state: Projected, commit: Commit, delta: Delta, bodies: Mapping[BlobId, bytes]) -> None:
        changes = graph_changes(delta.templates, bodies)
        step = state.versions.step(changes)
        rows.changes.update({change.name: change for change in changes})
        rows.commits.append(_commit_row(state.ordinal, commit))
        for version in step.versions:
            rows.versions.append((state.ordinal, version))
            if version.cause is None:
                rows.bodies[version.blob] = bodies[version.blob].decode("utf-8", "replace")
        rows.removals.extend(Removal(name, state.ordinal, moved_to) for name, moved_to in step.removed)
        for change in delta.labels:
            rows.labels.extend(self._label_moves(change, bodies, state.ordinal, commit))

    def _owners_of(self, state: Projected, rows: _Rows, *, everything: bool) -> Mapping[TemplateName, tuple[str, ...]]:
        blobs = state.versions.graph.blobs
        names = list(blobs) if everything else [v.name for _, v in rows.versions if v.cause is None]
        entry = self._store.entry(state.commit, OWNERS_PATH) if state.commit else None
        if not names or entry is None or entry.mode not in REGULAR:
            return dict.fromkeys(names, ())
        owners = self._parsed.owners.get(entry.id)
        if owners is None:
            owners = self._parsed.owners[entry.id] = read_codeowners(read_all(self._store, [entry.id])[entry.id])
        return {name: owners.owners_of(template_path(name)) for name in names}

    def _label_moves(
        self, change: TreeChange, bodies: Mapping[BlobId, bytes], ordinal: int, commit: Commit
    ) -> list[LabelMove]:
        old = self._label_entries(change.path, change.old, bodies)
        new = self._label_entries(change.path, change.new, bodies)
        return [
            LabelMove(
                label=label,
                name=name,
                version=new.get((label, name)),
                previous=old.get((label, name)),
                commit=commit.id,
                ordinal=ordinal,
                moved_at=commit.committer.time,
                author_name=commit.author.name,
                author_email=commit.author.email,
                subject=commit.subject,
            )
            for label, name in sorted(old.keys() | new.keys())
            if old.get((label, name)) != new.get((label, name))
        ]

    def _label_entries(self, path: str, entry: Entry | None, bodies: Mapping[BlobId, bytes]) -> _Labels:
        if entry is None or entry.mode not in REGULAR:
            return {}
        entries = self._parsed.labels.get((path, entry.id))
        if entries is None:
            file = read_labels(bodies[entry.id], path)
            entries = {(file.label, name): target.version for name, target in file.entries.items()}
            self._parsed.labels[path, entry.id] = entries
        return entries


def events_of(batch: ProjectionBatch) -> list[Event]:
    """What the batch means to subscribers; of several versions of one template only the last is told."""
    commit_of = {row.ordinal: row.commit for row in batch.commits}
    last = {version.name: version for version in batch.versions}
    numbers = {name: version.number for name, version in last.items()}
    events: list[Event] = [
        TemplateChanged(batch.repository, commit_of[v.ordinal], v.name, v.number, v.valid, v.cause, v.moved_from)
        for v in last.values()
    ]
    events.extend(
        TemplateRemoved(batch.repository, commit_of[r.ordinal], r.name, numbers.get(r.name, 0), r.moved_to)
        for r in batch.removals
    )
    events.extend(
        LabelMoved(batch.repository, move.commit, move.label, move.name, move.previous, move.version)
        for move in batch.labels
    )
    events.append(RefProjected(batch.repository, batch.commit, batch.ref))
    return events


def _commit_row(ordinal: int, commit: Commit) -> CommitRow:
    return CommitRow(
        ordinal=ordinal,
        commit=commit.id,
        author_name=commit.author.name,
        author_email=commit.author.email,
        committed_at=commit.committer.time,
        subject=commit.subject,
        authored_at=commit.author.time,
        imported_subject=imported_subject(commit.message),
    )


def _version_row(ordinal: int, version: Numbered, outcome: Outcome) -> VersionRow:
    return VersionRow(
        name=version.name,
        number=version.number,
        ordinal=ordinal,
        digest=version.digest,
        blob=version.blob,
        closure=version.closure,
        facts=outcome.facts,
        cause=version.cause,
        moved_from=version.moved_from,
        diagnostics=outcome.diagnostics,
    )
