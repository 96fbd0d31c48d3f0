"""Reading a template as of a Git revision or a time: Git says which state that was."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

from cachetools import LRUCache

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import LabelNotFound, RevisionNotFound, TemplateNotFound, VersionNotFound
from registry.domain.graph import Closure, closure_digest
from registry.domain.ids import BlobId, CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.importing.commits import imported_subject
from registry.domain.includes import raw_includes
from registry.domain.labels import label_path, read_labels
from registry.domain.names import template_path
from registry.domain.refs import Commit
from registry.domain.registry_file import read_registry_file
from registry.domain.selectors import Selector
from registry.domain.template import Status
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import BornRepositories, GitStore
from registry.services.repositories import require_unborn
from registry.services.tree_changes import REGULAR, RULES_PATH, read_file

PAGE = 100

CHANGES_KEPT = 4_096
"""Of how many states read by ``ref`` it is kept which commit made them: that never changes, and is a search in Git."""


class Revisions:
    """States that are read by ``ref`` or ``at``; without a version, the whole closure comes from the commit's tree."""

    def __init__(self, *, git: BornRepositories, templates: TemplateIndex, versions: VersionIndex) -> None:
        self._git = git
        self._templates = templates
        self._versions = versions
        self._changes: LRUCache[tuple[RepositoryName, CommitId, TemplateName], Commit] = LRUCache(CHANGES_KEPT)

    async def read(
        self, repository: RepositoryName, name: TemplateName, selector: Selector
    ) -> tuple[VersionEntry, dict[BlobId, str]]:
        """What the selector names as of ``ref`` or ``at``.

        ``ref`` alone: that revision's file (``number`` 0: it need not be a version), as told by the last commit on its
        first-parent way that changed it or what it includes: the revision's own may be about anything. With a label,
        the version that it named there (``latest``: the newest valid one by then). ``at`` alone: what the default was
        then.
        Raises RevisionNotFound, TemplateNotFound, LabelNotFound, VersionNotFound.
        """
        with self._git.open(repository) as store:
            commit = await self._commit(repository, store, selector)
            if selector.ref is not None and selector.label is None:
                entry, bodies = state_at(store, store.commit(commit), name)
                return _told_by(entry, await self._last_change(repository, store, entry)), bodies
            label = selector.label or read_registry_file(read_file(store, commit, RULES_PATH)).rules.default_label
            if label is not None and label != "latest":
                return await self._labelled(repository, store, commit, name, label)
            return await self._newest(repository, store, commit, name, drafts=label is not None)

    async def _last_change(self, repository: RepositoryName, store: GitStore, entry: VersionEntry) -> Commit:
        key = (repository, entry.commit, entry.name)
        found = self._changes.get(key)
        if found is None:
            paths = [template_path(member) for member, _ in entry.closure]
            found = await asyncio.to_thread(store.last_change, entry.commit, paths)
            if found is None:  # the file is there, so that some commit brought it
                raise RevisionNotFound(f"No commit up to {entry.commit[:10]} brought {entry.name!r}.")
            self._changes[key] = found
        return found

    def require_unborn(self, repository: RepositoryName) -> None:
        """Raises Unavailable where the default branch has commits: a catalogue without any of them got lost."""
        require_unborn(self._git, repository)

    async def _commit(self, repository: RepositoryName, store: GitStore, selector: Selector) -> CommitId:
        """The commit; one that only its id names must be reachable from a branch or tag."""
        if selector.ref is None:
            return await self._commit_at(repository, store, selector)
        return await find_commit(store, selector.ref)

    async def _commit_at(self, repository: RepositoryName, store: GitStore, selector: Selector) -> CommitId:
        tip = store.resolve(self._git.default_branch(repository))
        found = await asyncio.to_thread(_last_until, store, tip, selector.at) if tip and selector.at else None
        if found is None:
            raise RevisionNotFound(f"The repository had no commit yet at {selector.at}.")
        return found

    async def _newest(
        self, repository: RepositoryName, store: GitStore, commit: CommitId, name: TemplateName, *, drafts: bool
    ) -> tuple[VersionEntry, dict[BlobId, str]]:
        """The newest valid version by then; of a revision off the default branch: when it left that branch."""
        entry = store.entry(commit, template_path(name))
        if entry is None or entry.mode not in REGULAR:
            raise TemplateNotFound(f"There is no template {name!r} at commit {commit[:10]}.")
        chain = await asyncio.to_thread(store.first_parents, commit) or []
        async for version in self._versions_of(repository, name):
            # A version's ordinal is its commit's place on the default branch: the same place there means "by then".
            by_then = version.ordinal <= len(chain) and chain[version.ordinal - 1] == version.commit
            if by_then and version.valid and (drafts or version.status is not Status.DRAFT):
                blobs = [blob for _, blob in version.closure if blob is not None]
                return version, await self._templates.read_bodies(repository, blobs)
        kind = "valid version" if drafts else "valid version that was not a draft"
        raise VersionNotFound(f"At commit {commit[:10]} {name} had no {kind}; ask for ref={commit[:10]}.")

    async def _versions_of(self, repository: RepositoryName, name: TemplateName) -> AsyncIterator[VersionEntry]:
        cursor: str | None = None
        while True:
            page = await self._versions.list_versions(repository, name, limit=PAGE, cursor=cursor)
            for version in page.items:
                yield version
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _labelled(
        self, repository: RepositoryName, store: GitStore, commit: CommitId, name: TemplateName, label: LabelName
    ) -> tuple[VersionEntry, dict[BlobId, str]]:
        path = label_path(label, name)
        data = read_file(store, commit, path)
        target = read_labels(data, path).entries.get(name) if data is not None else None
        if target is None:
            raise LabelNotFound(f"At commit {commit[:10]} {name} did not carry the label {label!r}.")
        version = await self._versions.find_version(repository, name, target.version)
        if version is None or not version.valid:
            raise VersionNotFound(f"{name} has no valid version {target.version}.")
        blobs = [blob for _, blob in version.closure if blob is not None]
        return version, await self._templates.read_bodies(repository, blobs)


async def find_commit(store: GitStore, revision: str) -> CommitId:
    """The commit that a branch, a tag or an id names; one that only its id names must be reachable from those.

    Raises RevisionNotFound.
    """
    commit = store.resolve(revision)
    public = [tip for ref, tip in store.refs().items() if ref.startswith(("refs/heads/", "refs/tags/"))]
    if commit is None or (commit not in public and not await asyncio.to_thread(store.is_reachable, commit, public)):
        raise RevisionNotFound(f"No branch, tag or reachable commit is called {revision!r}.")
    return commit


def _last_until(store: GitStore, tip: CommitId, moment: datetime) -> CommitId | None:
    """The last first-parent commit whose committer time, never running backwards, is not after a moment. Long."""
    found: CommitId | None = None
    latest = None
    for commit in store.first_parents(tip) or []:
        time = store.commit(commit).committer.time
        latest = time if latest is None else max(latest, time)
        if latest > moment:
            break
        found = commit
    return found


def state_at(store: GitStore, commit: Commit, name: TemplateName) -> tuple[VersionEntry, dict[BlobId, str]]:
    """A template as a commit has it, with a number of 0, and its files. Raises TemplateNotFound."""
    closure, bodies = _closure(store, commit.id, name)
    blob = dict(closure)[name]
    if blob is None:
        raise TemplateNotFound(f"There is no template {name!r} at commit {commit.id[:10]}.")
    entry = VersionEntry(
        name=name,
        number=0,
        commit=commit.id,
        ordinal=0,
        digest=closure_digest(closure),
        blob=blob,
        closure=closure,
        valid=True,
        status=Status.ACTIVE,
        committed_at=commit.committer.time,
        author_name=commit.author.name,
        author_email=commit.author.email,
        subject=commit.subject,
        authored_at=commit.author.time,
        imported_subject=imported_subject(commit.message),
    )
    return entry, bodies


def _told_by(entry: VersionEntry, commit: Commit) -> VersionEntry:
    """The state with author, time and message of a commit; ``commit`` stays the one that it was read at."""
    return replace(
        entry,
        committed_at=commit.committer.time,
        author_name=commit.author.name,
        author_email=commit.author.email,
        subject=commit.subject,
        authored_at=commit.author.time,
        imported_subject=imported_subject(commit.message),
    )


def _closure(store: GitStore, commit: CommitId, name: TemplateName) -> tuple[Closure, dict[BlobId, str]]:
    """The closure by walking the includes; only the files that belong to it are read."""
    blobs: dict[TemplateName, BlobId | None] = {}
    bodies: dict[BlobId, str] = {}
    waiting = [name]
    while waiting:
        member = waiting.pop()
        if member in blobs:
            continue
        entry = store.entry(commit, template_path(member))
        if entry is None or entry.mode not in REGULAR:
            blobs[member] = None
            continue
        blobs[member] = entry.id
        data = next(iter(store.read([entry.id])))[1]
        bodies[entry.id] = data.decode("utf-8", "replace")
        waiting.extend(raw_includes(data))
    return tuple(sorted(blobs.items())), bodies
