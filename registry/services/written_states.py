"""What a write is answered: the state that it made of each template."""

from collections.abc import Collection
from dataclasses import dataclass

from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import CommitId, Digest, RefName, RepositoryName, TemplateName
from registry.domain.versions import make_reference
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.git import Repositories
from registry.services.states import States, graph_at
from registry.services.templates import make_etag
from registry.services.writes import Committed


@dataclass(frozen=True, slots=True)
class Written:
    """What a write made; ``changed`` is False where the file was so already.

    ``version`` is None off the default branch, and with ``etag`` where the write is durable but not projected yet.
    """

    commit: CommitId
    name: TemplateName
    version: int | None
    digest: Digest | None
    etag: str | None
    created: bool
    changed: bool
    warnings: tuple[Diagnostic, ...]

    @property
    def reference(self) -> str | None:
        """The string to log of the state that was made; None where the template was deleted."""
        return make_reference(self.name, self.version, self.digest, self.commit) if self.digest is not None else None


class WrittenStates:
    """Finds out what commits made of templates."""

    def __init__(self, *, git: Repositories, states: States, templates: TemplateIndex, versions: VersionIndex) -> None:
        self._git = git
        self._states = states
        self._templates = templates
        self._versions = versions

    async def find(
        self,
        repository: RepositoryName,
        ref: RefName,
        names: Collection[TemplateName],
        done: Committed,
        created: Collection[TemplateName],
    ) -> dict[TemplateName, Written]:
        """What a write's commit made of some templates; those of ``created`` were not there before."""

        def written(name: TemplateName, version: int | None, digest: Digest | None, etag: str | None) -> Written:
            return Written(done.commit, name, version, digest, etag, name in created, done.changed, done.warnings)

        if ref != self._git.default_branch(repository):
            projected = await self._states.nearest(repository)
            with self._git.open(repository) as store:
                graph = graph_at(store, projected, done.commit)
                digests = {name: graph.digest(name) for name in names}
            return {n: written(n, None, d, make_etag(None, d, f"||{done.commit}")) for n, d in digests.items()}
        states = {}
        for name in names:
            made = done.made.versions.get(name) if done.changed and done.made is not None else None
            if made is not None:  # the usual case; no label names it yet
                states[name] = written(name, made.number, made.digest, make_etag(made.number, made.digest, "||"))
            else:
                states[name] = written(name, *await self._looked_up(repository, name, done))
        return states

    async def _looked_up(
        self, repository: RepositoryName, name: TemplateName, done: Committed
    ) -> tuple[int | None, Digest | None, str | None]:
        """The version that a template has at a commit, from the catalogue; the newest where there was no commit.

        Nothing where the projection is late: an older version's number and tag would be wrong.
        """
        page = await self._versions.list_versions(repository, name, limit=32)
        upto = done.made.ordinal if done.made is not None else None
        made = next(
            (
                version
                for version in page.items
                if not done.changed or version.commit == done.commit or (upto is not None and version.ordinal <= upto)
            ),
            None,
        )
        entry = await self._templates.find_template(repository, name)
        if made is None or entry is None:
            return None, None, None
        labels = sorted(label for label, number in entry.labels.items() if number == made.number)
        return made.number, made.digest, make_etag(made.number, made.digest, f"{','.join(labels)}||")
