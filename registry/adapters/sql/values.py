"""How the domain's values are written in columns, and read back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from registry.domain.catalogue import Facts
from registry.domain.diagnostics import Diagnostic, Place, Severity
from registry.domain.template import Json, Status, TemplateType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TOKENS = 7
"""The place of the tokens among the facts."""


def to_micros(time: datetime) -> int:
    """Microseconds since 1970 of a time with a time zone."""
    return (time - _EPOCH) // _MICROSECOND


def to_time(micros: int) -> datetime:
    """The time in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def to_json(value: Json) -> str:
    """Compact JSON text; mappings keep their order."""
    return orjson.dumps(value).decode()


def from_json(text: str | None) -> Any:
    """The value of JSON text; None for null in the column."""
    return None if text is None else orjson.loads(text)


def to_list(values: Sequence[str]) -> str | None:
    """A list of strings as JSON text, null where it is empty."""
    return to_json(list(values)) if values else None


def to_facts(facts: Facts) -> str:
    """Facts as a JSON list, in the order of the class."""
    head = [facts.type, facts.description, facts.tags, facts.status, facts.replaced_by, facts.model]
    return to_json([*head, facts.variables, facts.tokens, facts.imported])


def from_facts(text: str) -> Facts:
    """What ``to_facts`` wrote."""
    # Rows of an older projection are read until they are written anew.
    type_, description, tags, status, replaced_by, model, variables, tokens, *more = orjson.loads(text)
    return Facts(
        type=TemplateType(type_),
        description=description,
        tags=tuple(tags),
        status=Status(status),
        replaced_by=replaced_by,
        model=model,
        variables=tuple(variables),
        tokens=tokens,
        imported=more[0] if more else None,
    )


def tokens_of(facts: str) -> int:
    """The tokens alone of what ``to_facts`` wrote."""
    return int(orjson.loads(facts)[_TOKENS])


def to_diagnostics(diagnostics: Sequence[Diagnostic]) -> str | None:
    """Diagnostics as JSON text, null where there are none."""
    if not diagnostics:
        return None
    return to_json([[d.rule, d.message, d.path, d.place.line, d.place.column, d.severity] for d in diagnostics])


def from_diagnostics(text: str | None) -> tuple[Diagnostic, ...]:
    """What ``to_diagnostics`` wrote."""
    if text is None:
        return ()
    return tuple(
        Diagnostic(rule, message, path, Place(line, column), Severity(severity))
        for rule, message, path, line, column, severity in orjson.loads(text)
    )
