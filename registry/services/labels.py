"""Labels: where they point, their history, moving them and rolling them back. Each move is a commit."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from registry.domain.access import Actor
from registry.domain.catalogue import LabelMove
from registry.domain.errors import BadRequest, LabelNotFound, VersionNotFound
from registry.domain.ids import CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.labels import label_path, read_labels, version_before, write_labels
from registry.domain.request_keys import RequestKey
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.roles import Role
from registry.domain.version_words import versions_there_are
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import GitStore, Repositories
from registry.services.removals import require_written
from registry.services.repeats import Repeats
from registry.services.tree_changes import read_file
from registry.services.writes import Base, Writes


@dataclass(frozen=True, slots=True)
class LabelWritten:
    """Where a label points after a move; None where it was dropped or did not exist."""

    commit: CommitId
    label: LabelName
    name: TemplateName
    version: int | None
    previous: int | None
    reference: str | None = None


class Labels:
    """The labels of a repository's default branch."""

    def __init__(
        self,
        *,
        git: Repositories,
        templates: TemplateIndex,
        versions: VersionIndex,
        writes: Writes,
        repeats: Repeats,
    ) -> None:
        self._git = git
        self._templates = templates
        self._versions = versions
        self._writes = writes
        self._repeats = repeats

    async def list_labels(
        self, repository: RepositoryName, label: LabelName | None = None, *, sight: Sight = EVERYTHING
    ) -> dict[LabelName, dict[TemplateName, int]]:
        """Where labels point: label → name → version; of what is not seen nothing."""
        found = await self._versions.list_labels(repository, label)
        if sight.is_whole:
            return found
        seen = {word: {name: n for name, n in named.items() if sight.has(name)} for word, named in found.items()}
        return {word: named for word, named in seen.items() if named}

    async def history(
        self, repository: RepositoryName, label: LabelName, name: TemplateName, limit: int = 50
    ) -> list[LabelMove]:
        """The moves of a template's label, newest first. Raises LabelNotFound where it never carried the label."""
        moves = await self._versions.label_history(repository, label, name, limit)
        if not moves:
            raise LabelNotFound(f"{name} never carried the label {label!r}.")
        return moves

    async def reference(self, repository: RepositoryName, name: TemplateName, version: int | None) -> str | None:
        """The string to log of the version that a label points to; None where it points to none."""
        entry = await self._versions.find_version(repository, name, version) if version is not None else None
        return entry.reference if entry is not None else None

    async def move(
        self,
        repository: RepositoryName,
        label: LabelName,
        name: TemplateName,
        version: int | None,
        *,
        actor: Actor,
        message: str | None = None,
        key: RequestKey | None = None,
    ) -> LabelWritten:
        """Points a label to a version, or drops it (None).

        Raises TemplateNotFound, TemplateGone, VersionNotFound, LabelNotFound (dropping one that is not there), Refused,
        Denied, KeyReused.
        """
        actor.require_template(Role.AUTHOR, repository, name)
        words = f"Move {label} of {name} to version {version}" if version is not None else f"Drop {label} of {name}"

        async def first() -> LabelWritten:
            await self.require(repository, name, version)
            return await self._commit(repository, label, name, version, actor, _marked(message or words, key))

        return await self._once(repository, label, name, key, first)

    async def roll_back(
        self,
        repository: RepositoryName,
        label: LabelName,
        name: TemplateName,
        *,
        to: int | None,
        reason: str,
        actor: Actor,
        key: RequestKey | None = None,
    ) -> LabelWritten:
        """Points a label back to a version that it had: ``to``, or the one before the present.

        Said again it goes back further and never forward: a repeated call does not bring a bad version back. With a
        ``key`` the repeat does nothing.

        It needs the right to roll back and nothing else. Raises TemplateGone, TemplateNotFound, LabelNotFound,
        BadRequest where the label never had that version or had none before, Refused, Denied, KeyReused.
        """
        actor.require_template(Role.AUTHOR, repository, name)

        async def first() -> LabelWritten:
            version = await self._earlier(repository, label, name, to)
            words = f"Roll {label} of {name} back to version {version}"
            message = _marked(f"{words}\n\n{reason.strip() or 'No reason was given.'}", key)
            return await self._commit(repository, label, name, version, actor, message, rollback=True)

        return await self._once(repository, label, name, key, first)

    async def _earlier(self, repository: RepositoryName, label: LabelName, name: TemplateName, to: int | None) -> int:
        """The version to roll back to."""
        await require_written(self._templates, repository, name)
        moves = await self.history(repository, label, name, limit=1000)
        had = [move.version for move in moves if move.version is not None]
        if to is None:
            to = version_before([move.version for move in reversed(moves)])
            if to is None:
                raise BadRequest(f"{label} of {name} has no earlier version to roll back to.")
        if to not in had:
            past = ", ".join(str(v) for v in dict.fromkeys(had))
            raise BadRequest(f"{label} of {name} never was at version {to}; it was at: {past}.")
        return to

    async def _once(
        self,
        repository: RepositoryName,
        label: LabelName,
        name: TemplateName,
        key: RequestKey | None,
        first: Callable[[], Awaitable[LabelWritten]],
    ) -> LabelWritten:
        async def again(commit: CommitId) -> LabelWritten:
            await self._writes.project(repository)
            with self._git.open(repository) as store:
                parent = next(iter(store.commit(commit).parents), None)
                version, previous = (_pointed(store, at, label, name) for at in (commit, parent))
            return LabelWritten(commit, label, name, version, previous)

        written = await self._repeats.once(repository, self._git.default_branch(repository), key, first, again)
        return replace(written, reference=await self.reference(repository, name, written.version))

    async def require(self, repository: RepositoryName, name: TemplateName, version: int | None) -> None:
        """Raises TemplateNotFound, TemplateGone, VersionNotFound where a label cannot point to a version."""
        if version is None and await self._templates.find_template(repository, name) is not None:
            return  # what is gone loses its labels all the same
        entry = await require_written(self._templates, repository, name)
        if version is not None and not 1 <= version <= entry.version:
            raise VersionNotFound(f"{name} has no version {version}; {versions_there_are(entry.version)}.")

    async def _commit(
        self,
        repository: RepositoryName,
        label: LabelName,
        name: TemplateName,
        version: int | None,
        actor: Actor,
        message: str,
        *,
        rollback: bool = False,
    ) -> LabelWritten:
        path = label_path(label, name)
        previous: int | None = None

        def edit(base: Base) -> Mapping[str, bytes | None]:
            nonlocal previous
            previous = _pointed(base.store, base.commit, label, name)
            if previous is None and version is None:
                raise LabelNotFound(f"{name} does not carry the label {label!r}.")
            return {path: write_labels(read_file(base.store, base.commit, path), {name: version})}

        branch = self._git.default_branch(repository)
        done = await self._writes.submit(repository, branch, edit, actor=actor, message=message, rollback=rollback)
        return LabelWritten(done.commit, label, name, version, previous)


def _pointed(store: GitStore, commit: CommitId | None, label: LabelName, name: TemplateName) -> int | None:
    """Where a template's label points in a commit's tree."""
    path = label_path(label, name)
    data = read_file(store, commit, path)
    target = read_labels(data, path).entries.get(name) if data is not None else None
    return target.version if target else None


def _marked(message: str, key: RequestKey | None) -> str:
    return key.mark(message) if key is not None else message
