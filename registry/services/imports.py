"""Imports into this server's repositories."""

from collections.abc import Sequence

from registry.domain.access import Actor
from registry.domain.ids import RepositoryName
from registry.domain.importing.files import SourceFile
from registry.domain.importing.outcomes import Outcome
from registry.domain.importing.plans import PromptPlan
from registry.domain.prompt_formats import PromptFormat
from registry.domain.roles import Role
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.import_reader import ImportReader, Planned
from registry.services.import_target import RepositoryTarget
from registry.services.importing import Importing
from registry.services.labels import Labels
from registry.services.proposals import Proposals
from registry.services.rehearsal import Rehearsal
from registry.services.template_edits import TemplateEdits


class Imports:
    """Takes over prompts that somebody has uploaded."""

    def __init__(
        self,
        *,
        reader: ImportReader,
        edits: TemplateEdits,
        labels: Labels,
        proposals: Proposals,
        templates: TemplateIndex,
        versions: VersionIndex,
    ) -> None:
        self._reader = reader
        self._edits = edits
        self._labels = labels
        self._proposals = proposals
        self._templates = templates
        self._versions = versions

    async def plan(self, files: Sequence[SourceFile], form: PromptFormat | None, folder: str) -> Planned:
        """What importing the files does. Raises SourceUnreadable, BadRequest where they are too much, Unavailable."""
        return await self._reader.plan(files, form, folder)

    async def run(self, repository: RepositoryName, plans: Sequence[PromptPlan], *, actor: Actor) -> list[Outcome]:
        """Writes the versions and labels; what cannot be taken over is in the outcomes.

        Raises TemplateNotFound, Denied where the caller may not write one of them, Conflict where somebody else keeps
        changing the same template, and Unavailable: what was written until then stays, and a repeat goes on.
        """
        for plan in plans:
            actor.require_template(Role.AUTHOR, repository, plan.name)
        return await Importing(self._target(repository, actor)).run(plans)

    async def rehearse(self, repository: RepositoryName, plans: Sequence[PromptPlan], *, actor: Actor) -> list[Outcome]:
        """What ``run`` would do, with nothing written. Raises TemplateNotFound for a place not seen, Unavailable."""
        for plan in plans:
            actor.require_template(Role.READER, repository, plan.name)
        return await Importing(Rehearsal(self._target(repository, actor))).run(plans)

    def _target(self, repository: RepositoryName, actor: Actor) -> RepositoryTarget:
        return RepositoryTarget(
            repository=repository,
            actor=actor,
            edits=self._edits,
            labels=self._labels,
            proposals=self._proposals,
            templates=self._templates,
            versions=self._versions,
        )
