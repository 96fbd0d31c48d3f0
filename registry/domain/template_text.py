"""From a JSON document to the text of a prompt file, keeping the comments and layout of the file that is there."""

import io
from collections.abc import Mapping, MutableMapping, MutableSequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from registry.domain.template import Json
from registry.domain.yaml_reader import read_yaml
from registry.domain.yaml_writer import write_yaml

NO_WRAP = 1 << 20
"""Wider than any line, so that nothing is folded."""


def write_document(old: bytes | None, document: Mapping[str, Json]) -> bytes:
    """The file's text for a document. Comments, order and quoting of ``old`` stay where the values stay.

    ``old`` must have passed the reader (its depth is bounded); where it has not, it is replaced. The text read again
    gives the document.
    """
    wanted = dict(document)
    if old is not None and not read_yaml(old, "").diagnostics:
        edited = _edit(old, wanted)
        if edited is not None and read_yaml(edited, "").value == wanted:
            return edited
    return write_yaml(wanted).encode()


def _edit(old: bytes, document: Mapping[str, Json]) -> bytes | None:
    try:
        tree = _yaml().load(old.decode("utf-8"))
    except YAMLError:
        return None
    if not isinstance(tree, CommentedMap):
        return None
    _merge_map(tree, document)
    return _dump(tree)


def _merge(old: Any, new: Json) -> Any:
    """The old node with what differs replaced; nodes of another kind are replaced whole."""
    if isinstance(old, CommentedMap) and isinstance(new, Mapping):
        _merge_map(old, new)
        return old
    if isinstance(old, CommentedSeq) and isinstance(new, list):
        _merge_list(old, new)
        return old
    if type(new) in (str, int, float, bool) and isinstance(old, type(new)) and old == new:
        return old
    return _node(new)


def _merge_map(old: MutableMapping[str, Any], new: Mapping[str, Json]) -> None:
    for key in [key for key in old if key not in new]:
        del old[key]
    for key, value in new.items():
        old[key] = _merge(old[key], value) if key in old else _node(value)


def _merge_list(old: MutableSequence[Any], new: list[Json]) -> None:
    del old[len(new) :]
    for index, value in enumerate(new):
        if index < len(old):
            old[index] = _merge(old[index], value)
        else:
            old.append(_node(value))


def _node(value: Json) -> Any:
    """A value as the round-trip writer takes it: texts of several lines as block scalars."""
    if isinstance(value, Mapping):
        node = CommentedMap()
        for key, item in value.items():
            node[key] = _node(item)
        return node
    if isinstance(value, list):
        return CommentedSeq([_node(item) for item in value])
    if isinstance(value, str):
        return _text(value)
    return value


def _text(value: str) -> Any:
    """A block scalar where it can hold the text as it is, else double quotes where plain text would change."""
    lines = value.split("\n")
    printable = all(line.replace("\t", "").isprintable() for line in lines)
    if len(lines) > 1 and printable and not value.startswith((" ", "\t", "\n")):
        return LiteralScalarString(value)
    if not value.isprintable():
        return DoubleQuotedScalarString(value)
    return value


def _dump(tree: CommentedMap) -> bytes:
    out = io.StringIO()
    _yaml().dump(tree, out)
    return out.getvalue().encode("utf-8")


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = NO_WRAP
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
