"""Types of columns that the two dialects spell differently."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, CompoundSelect, Dialect, Integer, LargeBinary, Select, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

Reading = Select[Any] | CompoundSelect[Any]
"""A statement that reads."""

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared byte by byte, as SQLite does, whatever the language of the PostgreSQL server."""

ID = BigInteger().with_variant(Integer(), "sqlite")
"""Numbers that never come back: a rebuild of 100,000 templates takes as many. SQLite's integers have 64 bits anyway."""


class ListOf(TypeDecorator[Any]):
    """A list as one parameter: an array for PostgreSQL, JSON text for SQLite, with bytes in hexadecimal digits."""

    impl = Text
    cache_ok = True

    def __init__(self, element: TypeEngine[Any]) -> None:
        super().__init__()
        self.is_bytes = isinstance(element, LargeBinary)
        self.element: TypeEngine[Any] = Text()
        if isinstance(element, Integer | LargeBinary):
            self.element = LargeBinary() if self.is_bytes else BigInteger()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """How the driver takes it."""
        return dialect.type_descriptor(ARRAY(self.element) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Iterable[str | int | bytes] | None, dialect: Dialect) -> Any:
        """What the driver is given."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            return list(value)
        return orjson.dumps([each.hex() if isinstance(each, bytes) else each for each in value]).decode()
