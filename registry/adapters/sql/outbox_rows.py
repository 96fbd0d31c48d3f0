"""Rows of the outbox: one a template, the newest; the two marks around a whole new search index; the documents."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, func, insert, literal, select

from registry.adapters.sql import dialect
from registry.adapters.sql.tables import bodies, outbox, templates
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import from_facts, from_json
from registry.domain.catalogue import OutboxKind, SearchDocument
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.search_text import searchable

_REPLACE = delete(outbox).where(
    outbox.c.repository_id == bindparam("repository"),
    outbox.c.kind == str(OutboxKind.DOCUMENT),
    dialect.one_of(outbox.c.name, "names"),
)
_ADD = dialect.insert(outbox)
_WAITS = select(exists().where(outbox.c.repository_id == bindparam("repository")))
_DOCUMENTS = (
    select(
        templates.c.name,
        templates.c.facts,
        templates.c.owners,
        templates.c.labels,
        templates.c.deleted,
        bodies.c.body,
    )
    .join(bodies, and_(bodies.c.build_id == templates.c.build_id, bodies.c.blob == templates.c.latest_blob))
    # ``deleted`` is looked at in the rows: asked for here, SQLite takes the index that begins with it and reads every
    # template of the build (54 ms a write at 100,000 templates).
    .where(templates.c.build_id == live_build, templates.c.facts.is_not(None))
    .where(dialect.one_of(templates.c.name, "names"))
)


def ask(connection: Connection, repository_id: int, names: Sequence[TemplateName], ordinal: int) -> None:
    """Asks for the documents of some templates; what was asked for them before is forgotten."""
    if not names:
        return
    connection.execute(_REPLACE, {"repository": repository_id, "names": dialect.list_value(names)})
    document = {"repository_id": repository_id, "kind": str(OutboxKind.DOCUMENT), "ordinal": ordinal}
    dialect.write_rows(connection, _ADD, [document | {"name": name} for name in names])


def fill(connection: Connection, repository_id: int, build: int, ordinal: int) -> int:
    """Asks for a new search index with every template of a build; says how many. All asked before is forgotten."""
    connection.execute(delete(outbox).where(outbox.c.repository_id == repository_id))
    mark = {"repository_id": repository_id, "name": "", "ordinal": ordinal}
    connection.execute(_ADD, mark | {"kind": str(OutboxKind.RENEW)})
    shown = _shown(build)
    kind = literal(str(OutboxKind.DOCUMENT))
    rows = select(literal(repository_id), kind, templates.c.name, literal(ordinal)).where(*shown)
    names = ["repository_id", "kind", "name", "ordinal"]
    connection.execute(insert(outbox).from_select(names, rows.order_by(templates.c.sort_key)))
    connection.execute(_ADD, mark | {"kind": str(OutboxKind.SWAP)})
    return _count_shown(connection, build)


def count_fed(connection: Connection, repository_id: int, build: int) -> int:
    """How many templates the search index must have by now: those that it shows, without those that wait."""
    mine = outbox.c.repository_id == repository_id, outbox.c.kind == str(OutboxKind.DOCUMENT)
    waiting = connection.execute(select(func.count()).select_from(outbox).where(*mine)).scalar_one()
    return max(0, _count_shown(connection, build) - int(waiting))


def _shown(build: int) -> tuple[ColumnElement[bool], ...]:
    return templates.c.build_id == build, templates.c.deleted == literal(value=False), templates.c.latest.is_not(None)


def _count_shown(connection: Connection, build: int) -> int:
    return int(connection.execute(select(func.count()).select_from(templates).where(*_shown(build))).scalar_one())


def any_waits(connection: Connection, repository_id: int) -> bool:
    """Whether the search index still has to get something of the repository."""
    return bool(connection.execute(_WAITS, {"repository": repository_id}).scalar_one())


def documents_of(
    connection: Connection, repository: RepositoryName, ordinals: Mapping[TemplateName, int]
) -> list[SearchDocument]:
    """The documents of templates as the catalogue has them now, with the ordinals given; others are left out."""
    wanted = {"repository": repository, "names": dialect.list_value(ordinals)}
    return [
        SearchDocument(
            repository=repository,
            name=row.name,
            ordinal=ordinals[row.name],
            facts=from_facts(row.facts),
            body=searchable(row.body),
            owners=tuple(from_json(row.owners) or ()),
            labels=tuple(sorted(from_json(row.labels) or ())),
        )
        for row in connection.execute(_DOCUMENTS, wanted)
        if not row.deleted
    ]
