"""All templates of a label with their partials, as of one commit: what an application takes along."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import BadRequest, LabelNotFound, Unavailable, VersionNotFound
from registry.domain.ids import BlobId, CommitId, LabelName, RepositoryName
from registry.domain.korean import sort_key
from registry.domain.labels import LATEST
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.seen_versions import as_seen
from registry.domain.selectors import Selector
from registry.ports.bundles import BundleIndex, BundleRows
from registry.ports.catalogue import TemplateIndex
from registry.ports.git import Births
from registry.ports.projection import Projection
from registry.services.repositories import require_unborn
from registry.services.template_documents import TemplateDocuments
from registry.services.template_source import Shown
from registry.services.templates import ANSWER_FORMAT, TemplateRead, make_read, parse_rules

log = logging.getLogger(__name__)

MOST = 10_000
"""Templates that one bundle holds: about 50 MB of ordinary ones."""

SLICE = 100
"""Templates whose files are read at a time."""

TURN = 8
"""Templates that are read before other requests get their turn: about three milliseconds."""

TRIES = 5


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a label names as of one commit; ``label`` is None where it is the newest that is no draft.

    ``etag`` is the same for as long as the same versions with the same labels are in it, whatever else is committed.
    """

    commit: CommitId | None
    label: LabelName | None
    members: Sequence[tuple[VersionEntry, tuple[LabelName, ...]]]
    etag: str


class Bundles:
    """Bundles of the default branch."""

    def __init__(
        self,
        *,
        git: Births,
        index: BundleIndex,
        projection: Projection,
        templates: TemplateIndex,
        documents: TemplateDocuments,
    ) -> None:
        self._git = git
        self._index = index
        self._projection = projection
        self._templates = templates
        self._documents = documents

    async def find(
        self, repository: RepositoryName, label: LabelName | None, folder: str | None, sight: Sight = EVERYTHING
    ) -> Bundle:
        """The bundle of a label, without one that of the repository's default; only what is seen below ``folder``.

        Raises LabelNotFound where no template carries the label, BadRequest where there are too many, Unavailable where
        the catalogue was emptied.
        """
        wanted, rows = await self._rows(repository, label, sight.below(folder))
        if rows.commit is None:
            require_unborn(self._git, repository)
        if len(rows.members) > MOST:
            raise BadRequest(
                f"There are more than {MOST} templates, which one bundle does not hold: ask for a folder= at a time."
            )
        if label is not None and label != LATEST and not rows.members:
            where = f" below {folder}" if folder else ""
            raise LabelNotFound(f"No template of {repository}{where} carries the label {label!r}.")
        members = tuple((as_seen(version, sight), labels) for version, labels in rows.members)
        told = hashlib.sha256(f"{ANSWER_FORMAT}\0{wanted}".encode())
        for version, labels in members:
            told.update(f"\0{version.name}\0{version.number}\0{version.digest}\0{','.join(labels)}".encode())
            told.update(f"\0{version.moved_from or ''}".encode())  # who does not see it gets other bytes
        # Weak: the commit that the answer names may be another while all that it holds is the same.
        return Bundle(rows.commit, wanted, members, f'W/"b.{told.hexdigest()[:32]}"')

    async def reads(self, repository: RepositoryName, bundle: Bundle) -> AsyncIterator[TemplateRead]:
        """Each member as a read of it gives it. Raises Unavailable where the branch is rewritten meanwhile."""
        selector = Selector(label=bundle.label)
        for start in range(0, len(bundle.members), SLICE):
            some = bundle.members[start : start + SLICE]
            bodies = await self._bodies(repository, [version for version, _ in some])
            for place, (version, labels) in enumerate(some):
                shown = self._show(version, bodies)
                if shown is not None:
                    yield make_read(version, shown, labels, selector, bundle.commit)
                if place % TURN == 0:
                    await asyncio.sleep(0)

    def _show(self, version: VersionEntry, bodies: Mapping[BlobId, str]) -> Shown | None:
        source = bodies[version.blob]
        try:
            document = self._documents.find(version.blob)
            if document is None:
                document = self._documents.read(version.name, version.blob, source)
        except VersionNotFound as error:
            log.warning("left out of a bundle: %s", error.message)  # as a read of it is a 404
            return None
        partials = {n: bodies[blob] for n, blob in version.closure if n != version.name and blob is not None}
        return Shown(source, document, partials)

    async def _bodies(self, repository: RepositoryName, versions: Sequence[VersionEntry]) -> dict[BlobId, str]:
        blobs = {blob for version in versions for _, blob in version.closure if blob is not None}
        bodies = await self._templates.read_bodies(repository, sorted(blobs)) if blobs else {}
        if len(bodies) < len(blobs):
            raise Unavailable(f"The default branch of {repository} was rewritten meanwhile: ask again.")
        return bodies

    async def _rows(
        self, repository: RepositoryName, label: LabelName | None, folders: Sequence[str | None]
    ) -> tuple[LabelName | None, BundleRows]:
        """The label that counts, and its rows; the default label is that of the rows' commit."""
        for _ in range(TRIES):
            before = await self._projection.checkpoint(repository)
            wanted = label or parse_rules(await self._projection.rules(repository)).default_label
            parts = [await self._index.members(repository, wanted, folder=folder, limit=MOST + 1) for folder in folders]
            commits = {part.commit for part in parts} or {before.commit if before else None}
            if len(commits) == 1 and (label is not None or commits == {before.commit if before else None}):
                return wanted, _joined(commits.pop(), parts)
        raise Unavailable(f"{repository} changes faster than its default label can be read: try again, or give label=.")


def _joined(commit: CommitId | None, parts: Sequence[BundleRows]) -> BundleRows:
    """Folders that lie apart, in the order of one bundle."""
    if len(parts) == 1:
        return parts[0]
    members = [member for part in parts for member in part.members]
    return BundleRows(commit, tuple(sorted(members, key=lambda member: sort_key(member[0].name))))
