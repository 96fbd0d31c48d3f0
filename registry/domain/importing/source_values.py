"""Values that answers of other tools hold, of whatever shape: what is wanted of them, or nothing."""

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from registry.domain.importing.imported import Slot, SourceUnreadable, Speech
from registry.domain.template import Json
from registry.domain.wording import shown
from registry.domain.yaml_reader import read_yaml

_LOOP = re.compile(r"\{%-?\s*for\s+[\w, ]+\s+in\s+(\w+)\s*-?%\}")
_MEMBER = re.compile(r"\{[{%][^}]*?\b(\w+)\.\w")
MOST_VERSION = 2**31 - 1
"""Langfuse and MLflow count in 32 bits."""
_MAX_YAML_BYTES = 4 * 1024 * 1024


def decoded(data: bytes, where: str) -> str:
    """A file's text. Raises SourceUnreadable."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceUnreadable(f"{where} is no UTF-8 text") from None


def yaml_value(data: bytes, where: str) -> Json:
    """What a YAML file says. Raises SourceUnreadable where it is none, and where it holds an alias."""
    document = read_yaml(data, where, max_bytes=_MAX_YAML_BYTES)
    wrong = [each for each in document.diagnostics if not document.complete or each.rule == "yaml-alias"]
    if wrong:
        raise SourceUnreadable(f"{where}: {wrong[0].message}")
    return document.value


def yaml_mapping(data: bytes, where: str) -> dict[str, Json]:
    """The mapping that a YAML file holds. Raises SourceUnreadable."""
    value = yaml_value(data, where)
    if not isinstance(value, dict):
        raise SourceUnreadable(f"{where}: a mapping is needed")
    return value


def read_rows(text: str) -> list[list[str]]:
    """The rows of a table in CSV. Raises SourceUnreadable."""
    try:
        return list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise SourceUnreadable(f"a table cannot be read: {error}") from None


def shapes_in(text: str) -> dict[str, Json]:
    """What the tags of a text in Jinja's syntax say of the types of its variables: an empty value of each."""
    objects: dict[str, Json] = {name: {} for name in _MEMBER.findall(text)}
    return {**objects, **{name: [] for name in _LOOP.findall(text)}}


def read_message(said: Json, where: str, notes: list[str]) -> Speech | Slot:
    """A message of a chat prompt; what of it is no text is noted. Raises SourceUnreadable where it is none."""
    if not isinstance(said, Mapping):
        raise SourceUnreadable(f"{where}: a message is an object, not {shown(said)}")
    if said.get("type") == "placeholder" and isinstance(said.get("name"), str) and said["name"]:
        return Slot(said["name"])
    role, content = said.get("role"), said.get("content")
    more = sorted(set(said) - {"role", "content", "type"})
    if more:
        notes.append(f"of a message {', '.join(more)} is left out")
    if isinstance(content, list):
        texts = [each["text"] for each in content if isinstance(each, Mapping) and isinstance(each.get("text"), str)]
        if len(texts) < len(content):
            notes.append("parts of a message that are no text are left out")
        content = "\n".join(texts)
    if not isinstance(role, str) or not isinstance(content, str):
        raise SourceUnreadable(f"{where}: a message has role and content, or type placeholder and name")
    return Speech(role, content)


def mapping_of(said: Json) -> dict[str, Json]:
    """An object; an empty one where it is none."""
    return dict(said) if isinstance(said, Mapping) else {}


def text_of(said: Json) -> str:
    """A text; an empty one where it is none."""
    return said if isinstance(said, str) else ""


def words_of(said: Json) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(each for each in said if isinstance(each, str)) if isinstance(said, list) else ()


def number_of(said: Json) -> int | None:
    """The number of a version, written as a number or in digits; None where it is none that other tools count to."""
    if isinstance(said, str) and said.isascii() and said.isdecimal() and len(said) <= len(str(MOST_VERSION)):
        said = int(said)
    return said if isinstance(said, int) and not isinstance(said, bool) and 1 <= said <= MOST_VERSION else None


def time_of(said: Json) -> datetime | None:
    """A time as ISO 8601 writes it, in UTC where it says no zone, or as milliseconds since 1970."""
    try:
        if isinstance(said, int) and not isinstance(said, bool):
            return datetime.fromtimestamp(said / 1000, UTC)
        found = datetime.fromisoformat(said) if isinstance(said, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
