"""The text of a partial, out of its file, by the very parser that the server reads with.

That is PyYAML's C parser: the one in Python refuses some of what the server takes. Its events are looked through one
after the other, since building the nodes of a deep file would end the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any


@lru_cache(256)
def partial_text(name: str, source: str) -> str:
    """The field ``text`` of a partial's file. Raises ValueError, which says what is wrong with which partial."""
    import yaml  # noqa: PLC0415  (the extra is imported where it is needed)

    try:
        text = _find_text(_events(source))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        words = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is no YAML"
        raise ValueError(f"the partial {name} cannot be read: {place}{words}") from None
    if text is None:
        raise ValueError(f"the partial {name} cannot be included: it has no field text that is a string")
    return text


def _events(source: str) -> Iterator[Any]:
    from yaml import CLoader  # noqa: PLC0415  (the extra is imported where it is needed)

    parser = CLoader(source)
    while parser.check_event():
        yield parser.get_event()


def _find_text(events: Iterator[Any]) -> str | None:
    """The string under the key ``text`` of the mapping that the file is."""
    from yaml import MappingStartEvent, ScalarEvent  # noqa: PLC0415  (the extra is imported where it is needed)

    *_, root = [None, *islice(events, 3)]  # after the beginnings of the stream and of the document
    if not isinstance(root, MappingStartEvent):
        return None
    for key in events:
        _skip(key, events)
        value = next(events, None)
        if isinstance(key, ScalarEvent) and key.value == "text":
            return str(value.value) if isinstance(value, ScalarEvent) else None
        _skip(value, events)
    return None


def _skip(event: Any, events: Iterator[Any]) -> None:
    """Goes to the end of the node that begins with an event."""
    from yaml import CollectionEndEvent, CollectionStartEvent  # noqa: PLC0415  (see above)

    depth = int(isinstance(event, CollectionStartEvent))
    while depth:
        event = next(events)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
