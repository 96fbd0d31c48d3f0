"""Reading a template at a Git revision or a time, from Git itself."""

import asyncio

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import LabelNotFound, RevisionNotFound, TemplateNotFound, VersionNotFound
from registry.domain.graph import Closure, closure_digest
from registry.domain.ids import BlobId, CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.labels import label_path, read_labels
from registry.domain.names import template_path
from registry.domain.refs import Commit
from registry.domain.selectors import Selector
from registry.domain.template import Status
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import GitStore, Repositories
from registry.services.tree_changes import REGULAR, read_file


class Revisions:
    """States that are read by ``ref`` or ``at``: the whole closure comes from that commit's tree."""

    def __init__(self, *, git: Repositories, templates: TemplateIndex, versions: VersionIndex) -> None:
        self._git = git
        self._templates = templates
        self._versions = versions

    async def read(
        self, repository: RepositoryName, name: TemplateName, selector: Selector
    ) -> tuple[VersionEntry, dict[BlobId, str]]:
        """The state at ``ref`` (``number`` 0: it need not be a version) or, with a label, the version it named there.

        Raises RevisionNotFound, TemplateNotFound, LabelNotFound, VersionNotFound.
        """
        with self._git.open(repository) as store:
            commit = await self._commit(repository, store, selector)
            if selector.label is not None and selector.label != "latest":
                return await self._labelled(repository, store, commit, name, selector.label)
            return _state(store, store.commit(commit), name)

    async def _commit(self, repository: RepositoryName, store: GitStore, selector: Selector) -> CommitId:
        """The commit; one that only its id names must be reachable from a branch or tag."""
        refs = store.refs()
        if selector.ref is None:
            return await self._commit_at(repository, store, selector)
        commit = store.resolve(selector.ref)
        public = [tip for ref, tip in refs.items() if ref.startswith(("refs/heads/", "refs/tags/"))]
        if commit is None or (commit not in public and not await asyncio.to_thread(store.is_reachable, commit, public)):
            raise RevisionNotFound(f"No branch, tag or reachable commit is called {selector.ref!r}.")
        return commit

    async def _commit_at(self, repository: RepositoryName, store: GitStore, selector: Selector) -> CommitId:
        """The last first-parent commit whose committer time, never running backwards, is not after ``at``."""
        tip = store.resolve(self._git.default_branch(repository))
        found: CommitId | None = None
        latest = None
        for commit in (store.first_parents(tip) or []) if tip else []:
            time = store.commit(commit).committer.time
            latest = time if latest is None else max(latest, time)
            if selector.at is None or latest > selector.at:
                break
            found = commit
        if found is None:
            raise RevisionNotFound(f"The repository had no commit yet at {selector.at}.")
        return found

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


def _state(store: GitStore, commit: Commit, name: TemplateName) -> tuple[VersionEntry, dict[BlobId, str]]:
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
    )
    return entry, bodies


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
