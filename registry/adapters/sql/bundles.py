"""All templates of a label (``registry.ports.bundles.BundleIndex``)."""

from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam

from registry.adapters.sql.builds import LIVE_BUILD
from registry.adapters.sql.engine import Database, Deadline
from registry.adapters.sql.tables import labels, templates, versions
from registry.adapters.sql.values import from_json
from registry.adapters.sql.version_rows import ALL_VERSIONS, version_of
from registry.domain.ids import CommitId, LabelName, RepositoryName
from registry.ports.bundles import BundleRows

LATEST = "latest"

_ABOVE_ALL_NAMES = "\U0010ffff"

_ALL = (
    ALL_VERSIONS.add_columns(templates.c.labels)
    .where(~templates.c.deleted, versions.c.status.is_not(None))
    .where(templates.c.name >= bindparam("low"), templates.c.name < bindparam("high"))
    .order_by(templates.c.sort_key)
    .limit(bindparam("limit"))
)
_LATEST = _ALL.where(versions.c.number == templates.c.latest)
_DEFAULT = _ALL.where(versions.c.number == templates.c.default_version)
_LABELLED = _ALL.join(
    labels,
    and_(
        labels.c.build_id == templates.c.build_id,
        labels.c.label == bindparam("label"),
        labels.c.name == templates.c.name,
        labels.c.version == versions.c.number,
    ),
)


class SqlBundleIndex:
    """Labels of the live builds; commit and versions are read in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def members(
        self, repository: RepositoryName, label: LabelName | None, *, folder: str | None, limit: int
    ) -> BundleRows:
        """The valid versions that a label names of the templates that are there, at most ``limit``."""
        # "0" is the sign after "/": from "support/" to "support0" lies what is below support.
        low, high = (f"{folder}/", f"{folder}0") if folder else ("", _ABOVE_ALL_NAMES)
        wanted = {"repository": repository, "low": low, "high": high, "limit": limit}
        statement = _DEFAULT if label is None else _LATEST if label == LATEST else _LABELLED
        if statement is _LABELLED:
            wanted["label"] = label or ""

        def read(connection: Connection) -> BundleRows:
            return _rows(connection, repository, statement, wanted)

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)


def _rows(
    connection: Connection, repository: RepositoryName, statement: Select[Any], wanted: dict[str, Any]
) -> BundleRows:
    build = connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()
    if build is None:
        return BundleRows(None, ())
    members = []
    for row in connection.execute(statement, wanted):
        pointing: dict[LabelName, int] = from_json(row.labels) or {}
        members.append((version_of(row), tuple(sorted(each for each, to in pointing.items() if to == row.number))))
    return BundleRows(CommitId(build.commit), tuple(members))
