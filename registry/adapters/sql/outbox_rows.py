"""Rows of the outbox: one a template, the newest; the two marks around a whole new search index; the documents.

Each search index has rows of its own, told apart by their kind. For one that lies elsewhere a row says up to which
commit it was told of everything: what is projected by a set-up without it is missing there, however much it has.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    ScalarSelect,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
)

from registry.adapters.sql import dialect
from registry.adapters.sql.old_texts import fill_old_texts
from registry.adapters.sql.statements import write_rows
from registry.adapters.sql.tables import bodies, outbox, templates
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import from_facts, from_json
from registry.domain.catalogue import Fed, OutboxEntry, OutboxKind, SearchDocument, kind_of
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.search_text import searchable

_REPLACE = delete(outbox).where(
    outbox.c.repository_id == bindparam("repository"),
    outbox.c.kind == bindparam("of_kind"),
    dialect.one_of(outbox.c.name, "names"),
)
_ADD = insert(outbox).inline()
MARK = "engine-told"
_UNMARK = delete(outbox).where(outbox.c.repository_id == bindparam("repository"), outbox.c.kind == MARK)
_TOLD = select(outbox.c.ordinal).where(outbox.c.repository_id == bindparam("repository"), outbox.c.kind == MARK)
DOCUMENTS = (
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


def has_some(repository: ColumnElement[int], kinds: Iterable[str]) -> ColumnElement[bool]:
    """Whether a repository, by its number, has an entry of one of some kinds.

    Each kind is looked up by itself, in the order of the index: during a rebuild the outbox has entries by the hundred
    thousand, and asked in any other way for one that is not among them PostgreSQL may look at all.
    """
    return or_(*(_first_of(repository, kind).is_not(None) for kind in kinds))


def _first_of(repository: ColumnElement[int], kind: str) -> ScalarSelect[str]:
    some = outbox.alias()
    first = select(some.c.name).where(some.c.repository_id == repository, some.c.kind == kind)
    return first.order_by(some.c.name).limit(literal_column("1")).scalar_subquery()


def is_being_filled(repository: ColumnElement[int], fed: Fed) -> ColumnElement[bool]:
    """Whether a repository has a new index on the way: into that, everything comes in its order."""
    return has_some(repository, [kind_of(fed, kind) for kind in (OutboxKind.RENEW, OutboxKind.SWAP)])


def is_kind(kinds: Iterable[str]) -> ColumnElement[bool]:
    """Whether an entry is of one of some kinds; written out, as the hot connections take no lists."""
    return or_(*(outbox.c.kind == kind for kind in kinds))


def kinds_of(fed: Fed) -> list[str]:
    """All that the column says of entries of one index."""
    return [kind_of(fed, kind) for kind in OutboxKind]


def entry_of(row: Row[Any], repository: RepositoryName) -> OutboxEntry:
    """The entry of a row of the outbox."""
    kind = OutboxKind(row.kind.rpartition("-")[2])
    if kind is not OutboxKind.TEXT:
        return OutboxEntry(row.sequence, repository, row.name, row.ordinal, kind)
    number, _, name = row.name.partition(":")
    return OutboxEntry(row.sequence, repository, TemplateName(name), row.ordinal, kind, int(number))


def mark(connection: Connection, repository_id: int, ordinal: int) -> None:
    """The search engine is told of everything up to a commit."""
    connection.execute(_UNMARK, {"repository": repository_id})
    connection.execute(_ADD, {"repository_id": repository_id, "kind": MARK, "name": "", "ordinal": ordinal})


def is_told(connection: Connection, repository_id: int, ordinal: int) -> bool:
    """Whether the search engine was told of every commit up to one."""
    return connection.execute(_TOLD, {"repository": repository_id}).scalar_one_or_none() == ordinal


def ask(
    connection: Connection, repository_id: int, names: Sequence[TemplateName], ordinal: int, fed: Fed = Fed.OWN
) -> None:
    """Asks for the documents of some templates; what was asked for them before is forgotten."""
    if not names:
        return
    kind = kind_of(fed, OutboxKind.DOCUMENT)
    connection.execute(_REPLACE, {"repository": repository_id, "of_kind": kind, "names": names})
    document = {"repository_id": repository_id, "kind": kind, "ordinal": ordinal}
    write_rows(connection, _ADD, [document | {"name": name} for name in names])


def fill(connection: Connection, repository_id: int, build: int, ordinal: int, fed: Fed = Fed.OWN) -> int:
    """Asks for a new search index with every template of a build; says how many. All asked before is forgotten."""
    mine = outbox.c.repository_id == repository_id, outbox.c.kind.in_(kinds_of(fed))
    connection.execute(delete(outbox).where(*mine))
    if fed is Fed.ENGINE:
        mark(connection, repository_id, ordinal)
    end = {"repository_id": repository_id, "name": "", "ordinal": ordinal}
    connection.execute(_ADD, end | {"kind": kind_of(fed, OutboxKind.RENEW)})
    shown = _shown(build)
    kind = literal(kind_of(fed, OutboxKind.DOCUMENT))
    rows = select(literal(repository_id), kind, templates.c.name, literal(ordinal)).where(*shown)
    names = ["repository_id", "kind", "name", "ordinal"]
    connection.execute(insert(outbox).from_select(names, rows.order_by(templates.c.sort_key)))
    if fed is Fed.ENGINE:
        fill_old_texts(connection, repository_id, build, ordinal)
    connection.execute(_ADD, end | {"kind": kind_of(fed, OutboxKind.SWAP)})
    return _count_shown(connection, build)


def count_fed(connection: Connection, repository_id: int, build: int, fed: Fed = Fed.OWN) -> int:
    """How many templates the search index must have by now: those that it shows, without those that wait."""
    mine = outbox.c.repository_id == repository_id, outbox.c.kind == kind_of(fed, OutboxKind.DOCUMENT)
    waiting = connection.execute(select(func.count()).select_from(outbox).where(*mine)).scalar_one()
    return max(0, _count_shown(connection, build) - int(waiting))


def _shown(build: int) -> tuple[ColumnElement[bool], ...]:
    return templates.c.build_id == build, templates.c.deleted == literal(value=False), templates.c.latest.is_not(None)


def _count_shown(connection: Connection, build: int) -> int:
    return int(connection.execute(select(func.count()).select_from(templates).where(*_shown(build))).scalar_one())


def any_waits(connection: Connection, repository_id: int) -> bool:
    """Whether the catalogue's own full text still has to get something of the repository."""
    return bool(connection.execute(_WAITS, {"number": repository_id}).scalar_one())


_WAITS = select(has_some(bindparam("number", type_=Integer), kinds_of(Fed.OWN)))


def documents_of(
    connection: Connection, repository: RepositoryName, ordinals: Mapping[TemplateName, int]
) -> list[SearchDocument]:
    """The documents of templates as the catalogue has them now, with the ordinals given; others are left out."""
    wanted = {"repository": repository, "names": list(ordinals)}
    return documents_from(connection.execute(DOCUMENTS, wanted).all(), repository, ordinals)


def documents_from(
    rows: Sequence[Any], repository: RepositoryName, ordinals: Mapping[TemplateName, int]
) -> list[SearchDocument]:
    """The same from the rows."""
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
        for row in rows
        if not row.deleted
    ]
