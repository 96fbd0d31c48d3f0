"""A sight that is not whole as a condition of a statement: a name lies in one of the folders.

The name decides, not a facet token: a token is in one line, so that two folders can have the same one, and FTS5 has
only a hash of it. LIKE would not do either, for which SQLite takes ``A`` and ``a`` for one.
"""

from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Boolean, ColumnElement, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from registry.adapters.sql.column_types import WORDS, ListOf
from registry.domain.rights import Sight

IS_BELOW = "is_below"
"""A function that SQLite's connections are given: SQLite itself would read the list anew for each row."""


def is_below(name: str, begin: str) -> bool:
    """Whether a name begins with one of a JSON list."""
    return name.startswith(_listed(begin))


@lru_cache(maxsize=64)
def _listed(begin: str) -> tuple[str, ...]:
    return tuple(orjson.loads(begin))


def begins(sight: Sight) -> list[str]:
    """What the names begin with that are seen, for a sight that is not whole: the folders with a slash."""
    return [f"{folder}/" for folder in sight.folders or ()]


def begins_in_sqlite(name: str, begin: str) -> str:
    """Whether a name begins with one of a JSON list."""
    return f"{IS_BELOW}({name}, {begin})"


def begins_in_postgres(name: str, begin: str) -> str:
    """Whether a name begins with one of an array."""
    return f"{name} ^@ ANY ({begin})"


class _Seen(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # else "= 1" behind it, which PostgreSQL does not compare


@compiles(_Seen, "sqlite")
def _in_sqlite(element: _Seen, compiler: SQLCompiler, **how: Any) -> str:
    return begins_in_sqlite(*(compiler.process(each, **how) for each in element.clauses))


@compiles(_Seen)
def _in_postgres(element: _Seen, compiler: SQLCompiler, **how: Any) -> str:
    return begins_in_postgres(*(compiler.process(each, **how) for each in element.clauses))


def seen(name: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Whether a name is seen; the parameter is what ``begins`` gives, one list however many folders there are."""
    return _Seen(name, bindparam(parameter, type_=ListOf(WORDS)))
