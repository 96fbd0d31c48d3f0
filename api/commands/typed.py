"""What was typed, as the domain reads it; what it cannot read ends the program with a line."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from api.commands.output import UNUSABLE, fail

if TYPE_CHECKING:
    from registry.domain.ids import LabelName, RepositoryName, TemplateName

T = TypeVar("T")


def typed_name(text: str) -> "TemplateName":
    """A template's name."""
    from registry.domain.names import parse_name

    return _read(parse_name, text)


def asked_name(text: str) -> str:
    """A name to be read: a template's, or one that a prompt had before its import, which may look like anything."""
    from unicodedata import normalize

    from registry.domain.names import check_name

    known = normalize("NFC", text)
    if check_name(known) is None or not text.strip("/ "):
        return typed_name(text)
    return text


def typed_repository(text: str) -> "RepositoryName":
    """A repository's name."""
    from registry.domain.names import repository_name

    return _read(repository_name, text)


def typed_label(text: str) -> "LabelName":
    """A label that can be set."""
    from registry.domain.labels import parse_label

    return _read(parse_label, text)


def typed_selector(**said: Any) -> dict[str, Any]:
    """The query for a state of a template."""
    from registry.domain.selectors import parse_selector

    _read(parse_selector, **said)
    return said


def _read(read: Callable[..., T], *given: Any, **named: Any) -> T:
    from registry.domain.errors import BadRequest

    try:
        return read(*given, **named)
    except BadRequest as error:
        fail(error.message, UNUSABLE)
