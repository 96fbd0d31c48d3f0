"""Which full text a database has."""

from sqlalchemy import Connection

from registry.adapters.sql.fts5 import Fts5
from registry.adapters.sql.full_text import FullText
from registry.adapters.sql.trigrams import Trigrams

_FULL_TEXTS: dict[str, FullText] = {"sqlite": Fts5(), "postgresql": Trigrams()}


def full_text(connection: Connection) -> FullText:
    """The full text of a connection's database."""
    return _FULL_TEXTS[connection.dialect.name]
