"""Promotions: one label moved for many templates, in one commit."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from registry.domain.access import Actor
from registry.domain.errors import BadRequest, LabelNotFound
from registry.domain.ids import CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.labels import label_path, read_labels, write_labels
from registry.domain.request_keys import RequestKey
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.roles import Role
from registry.domain.wording import counted
from registry.ports.git import Repositories
from registry.services.labels import Labels, LabelWritten
from registry.services.repeats import Repeats
from registry.services.tree_changes import read_file
from registry.services.writes import Base, Writes

MOST_TEMPLATES = 500

Targets = Mapping[TemplateName, int]


@dataclass(frozen=True, slots=True)
class Promoted:
    """What a promotion did: the commit that has it, and for each template where the label points and did before."""

    commit: CommitId
    label: LabelName
    moves: tuple[LabelWritten, ...]


class Promotions:
    """Moves a label for many templates: all of it, or nothing."""

    def __init__(self, *, git: Repositories, labels: Labels, writes: Writes, repeats: Repeats) -> None:
        self._git = git
        self._labels = labels
        self._writes = writes
        self._repeats = repeats

    async def labelled(
        self, repository: RepositoryName, label: LabelName, folder: str = "", *, sight: Sight = EVERYTHING
    ) -> Targets:
        """The versions that a label names, in a folder alone where one is given. Raises LabelNotFound, BadRequest."""
        found = (await self._labels.list_labels(repository, label, sight=sight)).get(label, {})
        targets = {name: version for name, version in found.items() if not folder or name.startswith(f"{folder}/")}
        if len(targets) > MOST_TEMPLATES:
            raise BadRequest(
                f"{label} names {len(targets)} templates; at most {MOST_TEMPLATES} move at once: say a folder"
            )
        if not targets:
            where = f"in {folder}" if folder else f"of {repository}"
            raise LabelNotFound(f"No template {where} carries the label {label!r}.")
        return targets

    async def promote(
        self,
        repository: RepositoryName,
        label: LabelName,
        targets: Targets,
        *,
        actor: Actor,
        message: str | None = None,
        key: RequestKey | None = None,
    ) -> Promoted:
        """Points a label to these versions; those that it names already stay.

        Raises TemplateNotFound, TemplateGone, VersionNotFound, Refused, Denied, KeyReused.
        """
        for name in targets:
            actor.require_template(Role.AUTHOR, repository, name)
        branch = self._git.default_branch(repository)
        words = message or f"Move {label} of {counted(len(targets), 'template')}"

        def edit(base: Base) -> Mapping[str, bytes | None]:
            changes: defaultdict[str, dict[TemplateName, int | None]] = defaultdict(dict)
            for name, version in targets.items():
                changes[label_path(label, name)][name] = version
            return {
                path: write_labels(read_file(base.store, base.commit, path), here) for path, here in changes.items()
            }

        async def first() -> Promoted:
            for name, version in targets.items():
                await self._labels.require(repository, name, version)
            marked = key.mark(words) if key is not None else words
            done = await self._writes.submit(repository, branch, edit, actor=actor, message=marked)
            return self._told(repository, label, targets, done.commit, changed=done.changed)

        async def again(commit: CommitId) -> Promoted:
            await self._writes.project(repository)
            return self._told(repository, label, targets, commit, changed=True)

        promoted = await self._repeats.once(repository, branch, key, first, again)
        references = [await self._labels.reference(repository, move.name, move.version) for move in promoted.moves]
        moves = zip(promoted.moves, references, strict=True)
        return replace(promoted, moves=tuple(replace(move, reference=reference) for move, reference in moves))

    def _told(
        self, repository: RepositoryName, label: LabelName, targets: Targets, commit: CommitId, *, changed: bool
    ) -> Promoted:
        with self._git.open(repository) as store:
            before = next(iter(store.commit(commit).parents), None) if changed else commit
            previous: dict[TemplateName, int] = {}
            for path in sorted({label_path(label, name) for name in targets}):
                data = read_file(store, before, path)
                entries = read_labels(data, path).entries if data is not None else {}
                previous |= {name: target.version for name, target in entries.items()}
        moves = (
            LabelWritten(commit, label, name, version, previous.get(name)) for name, version in sorted(targets.items())
        )
        return Promoted(commit, label, tuple(moves))
