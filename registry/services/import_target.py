"""A repository of this server as the target of an import, or of its rehearsal."""

from collections.abc import Mapping

from registry.domain.access import Actor
from registry.domain.errors import LabelNotFound, Refused
from registry.domain.ids import LabelName, RepositoryName, TemplateName
from registry.domain.importing.outcomes import History, Presence
from registry.domain.importing.plans import Step
from registry.domain.refs import Signature
from registry.domain.rights import Place
from registry.domain.roles import Role
from registry.domain.template_edits import Put
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.services.labels import Labels
from registry.services.proposals import Proposals
from registry.services.template_edits import TemplateEdits
from registry.services.templates import make_etag

PAGE = 500


class RepositoryTarget:
    """A repository, written to in an actor's name."""

    def __init__(
        self,
        *,
        repository: RepositoryName,
        actor: Actor,
        edits: TemplateEdits,
        labels: Labels,
        proposals: Proposals,
        templates: TemplateIndex,
        versions: VersionIndex,
    ) -> None:
        self._repository = repository
        self._actor = actor
        self._edits = edits
        self._labels = labels
        self._proposals = proposals
        self._templates = templates
        self._versions = versions

    async def history(self, name: TemplateName) -> History:
        """What there is of a template."""
        entry = await self._templates.find_template(self._repository, name)
        if entry is None:
            return History(Presence.ABSENT)
        presence = Presence.RENAMED if entry.moved_to else Presence.DELETED if entry.deleted else Presence.HERE
        found: list[tuple[int, str]] = []
        etag: str | None = None
        cursor: str | None = None
        while True:
            page = await self._versions.list_versions(self._repository, name, limit=PAGE, cursor=cursor)
            if cursor is None and page.items and presence is Presence.HERE:
                etag = make_etag(page.items[0].number, page.items[0].digest)
            found += [(version.number, version.subject) for version in page.items if version.cause is None]
            cursor = page.next_cursor
            if cursor is None:
                return History(presence, found, etag)

    async def commit(
        self, step: Step, etag: str | None, message: str, author: Signature | None
    ) -> tuple[int, str] | None:
        """Writes a step's file; only an administrator's commits name the author, the others' trailers say it."""
        assert step.source is not None, "a step without a file is not written"
        edit = Put(step.name, step.source, etag, "*" if etag is None else None)
        signed = author if self._actor.rights.includes(Role.ADMINISTRATOR, Place(self._repository)) else None
        landed = await self._edits.commit(self._repository, [edit], actor=self._actor, message=message, author=signed)
        made = landed.templates[0]
        return (made.version, made.etag) if made.version is not None and made.etag is not None else None

    async def check(self, files: Mapping[str, bytes], message: str) -> None:
        """Raises Refused where a commit of these files would be; writes nothing."""
        verdict, _ = await self._proposals.check(self._repository, files, actor=self._actor, message=message)
        if not verdict.accepted:
            raise Refused("The change would be refused.", diagnostics=verdict.diagnostics)

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        """Where labels point."""
        return await self._labels.list_labels(self._repository)

    async def last_move(self, label: LabelName, name: TemplateName) -> str | None:
        """The subject of the commit that moved a template's label last."""
        try:
            return (await self._labels.history(self._repository, label, name, limit=1))[0].subject
        except LabelNotFound:
            return None

    async def move(self, label: LabelName, name: TemplateName, version: int, message: str) -> None:
        """Points a label to a version."""
        await self._labels.move(self._repository, label, name, version, actor=self._actor, message=message)
