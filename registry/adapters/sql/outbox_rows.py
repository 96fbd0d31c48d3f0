"""Rows of the outbox: one a template, the newest; and the two marks around a whole new search index."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select

from registry.adapters.sql import dialect
from registry.adapters.sql.tables import outbox, templates
from registry.domain.catalogue import OutboxKind
from registry.domain.ids import TemplateName

_REPLACE = delete(outbox).where(
    outbox.c.repository_id == bindparam("repository"),
    outbox.c.kind == str(OutboxKind.DOCUMENT),
    dialect.one_of(outbox.c.name, "names"),
)
_ADD = dialect.insert(outbox)


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
    shown = templates.c.build_id == build, templates.c.deleted == literal(value=False), templates.c.latest.is_not(None)
    kind = literal(str(OutboxKind.DOCUMENT))
    rows = select(literal(repository_id), kind, templates.c.name, literal(ordinal)).where(*shown)
    names = ["repository_id", "kind", "name", "ordinal"]
    connection.execute(insert(outbox).from_select(names, rows.order_by(templates.c.sort_key)))
    connection.execute(_ADD, mark | {"kind": str(OutboxKind.SWAP)})
    return int(connection.execute(select(func.count()).select_from(templates).where(*shown)).scalar_one())
