"""Rows of versions with their commits and closures, and the entries that they are."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, select

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
"""What ``version_of`` reads, in this order, after the template's name."""

ALL_VERSIONS = (
    select(templates.c.name, *VERSION_COLUMNS)
    .join(versions, versions.c.template_id == templates.c.id)
    .join(commits, and_(commits.c.build_id == templates.c.build_id, commits.c.ordinal == versions.c.ordinal))
    .outerjoin(closures, and_(closures.c.build_id == templates.c.build_id, closures.c.digest == versions.c.digest))
    .where(templates.c.build_id == live_build)
)
"""The versions of the live build of ``:repository``, with their commits and closures."""


def version_of(row: Iterable[Any]) -> VersionEntry:
    """The entry of a row that begins with a template's name and ``VERSION_COLUMNS``. By place: by name is slower."""
    name, _, number, ordinal, digest, blob, status, cause, moved_from, diagnostics, *made = row
    commit, author_name, author_email, committed_at, subject, authored_at, imported_subject, pairs, *_ = made
    own = BlobId(blob.hex())
    return VersionEntry(
        name=name,
        number=number,
        commit=CommitId(commit.hex()),
        ordinal=ordinal,
        digest=Digest(digest.hex()),
        blob=own,
        closure=tuple((member, each) for member, each in from_json(pairs)) if pairs else ((name, own),),
        valid=status is not None,
        status=Status(status) if status is not None else Status.ACTIVE,
        committed_at=to_time(committed_at),
        author_name=author_name,
        author_email=author_email,
        subject=subject,
        cause=cause,
        moved_from=moved_from,
        diagnostics=from_diagnostics(diagnostics),
        authored_at=to_time(authored_at) if authored_at is not None else None,
        imported_subject=imported_subject,
    )
