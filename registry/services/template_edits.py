"""Writing templates over the API: each write is a commit on a branch, and names the state that it changes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from registry.domain.access import Actor
from registry.domain.compatibility import with_trailer
from registry.domain.diagnostics import Diagnostic
from registry.domain.errors import BadRequest, RevisionNotFound, TemplateNotFound
from registry.domain.ids import CommitId, LabelName, RefName, RepositoryName, TemplateName
from registry.domain.refs import Signature
from registry.domain.request_keys import RequestKey
from registry.domain.rights import Place, Sight
from registry.domain.roles import Role
from registry.domain.template import Json
from registry.domain.template_edits import Delete, LabelsLeft, Put, Rename, TemplateEdit
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import Repositories
from registry.services.edit_plans import (
    Plan,
    Told,
    WriteSource,
    check_names,
    make_plan,
    names_of,
    write_beforehand,
    write_source,
)
from registry.services.removals import require_written
from registry.services.repeats import Repeats
from registry.services.states import States
from registry.services.writes import Base, Committed, Writes, clean_message
from registry.services.written_states import Written, WrittenStates

MOST_EDITS = 500
"""Of one commit; what is more comes by git, whose pushes are judged beside other work."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of the edits of one commit, in their order; a renamed template stands under its new name.

    ``includers`` are the templates whose include tags were changed, ``dropped`` the labels that went.
    """

    commit: CommitId
    changed: bool
    templates: tuple[Written, ...]
    includers: tuple[TemplateName, ...]
    dropped: tuple[tuple[LabelName, TemplateName], ...]
    warnings: tuple[Diagnostic, ...]

    def shown(self, sight: Sight) -> "Landed":
        """The same for who sees so much; the gate has warned of what the writer sees alone."""
        if sight.is_whole:
            return self
        return replace(self, includers=tuple(name for name in self.includers if sight.has(name)))


class TemplateEdits:
    """Puts, deletes and renames templates."""

    def __init__(
        self,
        *,
        git: Repositories,
        writes: Writes,
        repeats: Repeats,
        states: States,
        templates: TemplateIndex,
        versions: VersionIndex,
    ) -> None:
        self._git = git
        self._writes = writes
        self._repeats = repeats
        self._states = states
        self._templates = templates
        self._written = WrittenStates(git=git, states=states, templates=templates, versions=versions)

    async def put(
        self,
        repository: RepositoryName,
        name: TemplateName,
        source: bytes | Mapping[str, Json],
        *,
        actor: Actor,
        message: str | None = None,
        branch: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
        breaking: str | None = None,
        key: RequestKey | None = None,
    ) -> Written:
        """Writes a template: bytes as they are, a JSON document into the present file, whose comments stay.

        An existing template needs ``if_match``, a new one ``if_none_match="*"``. ``breaking`` says why callers have to
        change, as the message's trailer. Raises PreconditionRequired,
        PreconditionFailed, Refused, Denied, RevisionNotFound for a branch that does not exist, KeyReused, Unavailable.
        """
        edit = Put(name, source, if_match, if_none_match)
        text = message or f"Update {name}"
        said = text if breaking is None else with_trailer(text, breaking)
        landed = await self._land(repository, [edit], actor, said, branch, key)
        return landed.templates[0]

    async def delete(
        self,
        repository: RepositoryName,
        name: TemplateName,
        *,
        actor: Actor,
        message: str | None = None,
        branch: str | None = None,
        if_match: str | None = None,
        drop_labels: bool = False,
        key: RequestKey | None = None,
    ) -> Written:
        """Deletes a template; its labels too where ``drop_labels``, else labels that name it refuse the deletion.

        Raises as ``put``, TemplateNotFound, and TemplateGone where it was deleted before.
        """
        edit = Delete(name, if_match, LabelsLeft.DROP if drop_labels else LabelsLeft.REFUSE)
        landed = await self._land(repository, [edit], actor, message or f"Delete {name}", branch, key)
        return landed.templates[0]

    async def rename(
        self,
        repository: RepositoryName,
        edit: Rename,
        *,
        actor: Actor,
        message: str | None = None,
        branch: str | None = None,
        key: RequestKey | None = None,
    ) -> Landed:
        """Gives a template another name, in one commit that Git and the version numbers see as a rename.

        Labels that name it refuse that or are dropped: no label can name a version of the new name before there is
        one. Raises as ``delete``, and Conflict where the new name is taken.
        """
        words = message or f"Rename {edit.name} to {edit.to}"
        return await self._land(repository, [edit], actor, words, branch, key)

    async def commit(
        self,
        repository: RepositoryName,
        edits: Sequence[TemplateEdit],
        *,
        actor: Actor,
        message: str,
        branch: str | None = None,
        key: RequestKey | None = None,
        author: Signature | None = None,
    ) -> Landed:
        """Makes several edits in one commit, all of them or none; naming an ``author`` needs the scope admin.

        Raises as ``rename``, BadRequest for too many.
        """
        if not 1 <= len(edits) <= MOST_EDITS:
            raise BadRequest(f"{len(edits)} changes; a commit takes 1 to {MOST_EDITS}. Push larger ones with git.")
        write = await asyncio.to_thread(self._written_before, repository, self._branch(repository, branch), edits)
        return await self._land(repository, edits, actor, message, branch, key, write, author)

    def _written_before(self, repository: RepositoryName, ref: RefName, edits: Sequence[TemplateEdit]) -> WriteSource:
        with self._git.open(repository) as store:
            return write_beforehand(store, store.refs().get(ref), edits)

    async def _land(
        self,
        repository: RepositoryName,
        edits: Sequence[TemplateEdit],
        actor: Actor,
        message: str,
        branch: str | None,
        key: RequestKey | None,
        write: WriteSource = write_source,
        author: Signature | None = None,
    ) -> Landed:
        if author is not None:
            actor.require(Role.ADMINISTRATOR, Place(repository))
        for edit in edits:
            for name in names_of(edit):
                actor.require_template(Role.AUTHOR, repository, name)
        check_names(edits)
        ref = self._branch(repository, branch)
        default = self._git.default_branch(repository)
        text = clean_message(message)

        async def first() -> Landed:
            projected = await self._states.nearest(repository)
            made: list[Plan] = []

            def edit(base: Base) -> Mapping[str, bytes | None]:
                made.append(make_plan(base, projected, default, edits, write))
                return made[-1].files

            words = key.mark(text) if key is not None else text
            try:
                done = await self._writes.submit(repository, ref, edit, actor=actor, message=words, author=author)
            except TemplateNotFound:
                if ref == default:
                    await self._explain_absence(repository, edits)
                raise
            return await self._landed(repository, ref, edits, done, made[-1].told)

        again = partial(self._tell_again, repository, ref, edits, write)
        return (await self._repeats.once(repository, ref, key, first, again)).shown(actor.sight(repository))

    async def _tell_again(
        self,
        repository: RepositoryName,
        ref: RefName,
        edits: Sequence[TemplateEdit],
        write: WriteSource,
        made: CommitId,
    ) -> Landed:
        """What a commit of these edits did, found out from the commit before it."""
        await self._writes.project(repository)
        projected = await self._states.nearest(repository)
        with self._git.open(repository) as store:
            before = Base(store, next(iter(store.commit(made).parents), None), ref)
            default = self._git.default_branch(repository)
            told = make_plan(before, projected, default, edits, write, checked=False).told
        return await self._landed(
            repository, ref, edits, Committed(made, changed=True, made=self._writes.made(repository, made)), told
        )

    async def _explain_absence(self, repository: RepositoryName, edits: Sequence[TemplateEdit]) -> None:
        for edit in edits:
            if not isinstance(edit, Put):
                await require_written(self._templates, repository, edit.name)

    def _branch(self, repository: RepositoryName, branch: str | None) -> RefName:
        default = self._git.default_branch(repository)
        if branch is None or f"refs/heads/{branch}" == default:
            return default
        ref = RefName(f"refs/heads/{branch}")
        with self._git.open(repository) as store:
            if ref not in store.refs():
                raise RevisionNotFound(f"There is no branch {branch!r}: make it with POST branches, or push it.")
        return ref

    async def _landed(
        self, repository: RepositoryName, ref: RefName, edits: Sequence[TemplateEdit], done: Committed, told: Told
    ) -> Landed:
        names = [edit.to if isinstance(edit, Rename) else edit.name for edit in edits if not isinstance(edit, Delete)]
        states = await self._written.find(repository, ref, names, done, told.created)
        for edit in edits:
            if isinstance(edit, Delete):
                states[edit.name] = Written(
                    done.commit, edit.name, None, None, None, False, done.changed, done.warnings
                )
        templates = tuple(states[edit.to if isinstance(edit, Rename) else edit.name] for edit in edits)
        return Landed(done.commit, done.changed, templates, told.includers, told.dropped, done.warnings)
