"""Rows of versions with their commits and closures, and the entries that they are."""

from typing import Any

from sqlalchemy import Row, and_, select

from registry.adapters.sql.tables import closures, commits, templates, versions
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import from_diagnostics, from_json, to_time
from registry.domain.catalogue import VersionEntry
from registry.domain.ids import BlobId, CommitId, Digest
from registry.domain.template import Status

VERSION_COLUMNS = (
    *versions.c,
    commits.c.commit,
    commits.c.author_name,
    commits.c.author_email,
    commits.c.committed_at,
    commits.c.subject,
    commits.c.authored_at,
    commits.c.imported_subject,
    closures.c.pairs,
)
"""What ``version_of`` reads, besides the template's name."""

ALL_VERSIONS = (
    select(templates.c.name, *VERSION_COLUMNS)
    .join(versions, versions.c.template_id == templates.c.id)
    .join(commits, and_(commits.c.build_id == templates.c.build_id, commits.c.ordinal == versions.c.ordinal))
    .outerjoin(closures, and_(closures.c.build_id == templates.c.build_id, closures.c.digest == versions.c.digest))
    .where(templates.c.build_id == live_build)
)
"""The versions of the live build of ``:repository``, with their commits and closures."""


def version_of(row: Row[Any]) -> VersionEntry:
    """The entry of a row of ``ALL_VERSIONS``."""
    blob = BlobId(row.blob.hex())
    return VersionEntry(
        name=row.name,
        number=row.number,
        commit=CommitId(row.commit.hex()),
        ordinal=row.ordinal,
        digest=Digest(row.digest.hex()),
        blob=blob,
        closure=tuple((name, each) for name, each in from_json(row.pairs) or [(row.name, blob)]),
        valid=row.status is not None,
        status=Status(row.status) if row.status is not None else Status.ACTIVE,
        committed_at=to_time(row.committed_at),
        author_name=row.author_name,
        author_email=row.author_email,
        subject=row.subject,
        cause=row.cause,
        moved_from=row.moved_from,
        diagnostics=from_diagnostics(row.diagnostics),
        authored_at=to_time(row.authored_at) if row.authored_at is not None else None,
        imported_subject=row.imported_subject,
    )
