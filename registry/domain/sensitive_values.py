"""Keeping the values of ``sensitive`` variables out of what is said of a rendering that failed."""

from collections.abc import Iterator, Mapping

from registry.domain.template import Json

HIDDEN = "***"
SHORTEST = 4
"""A shorter value is not looked for: it would be found in every other word."""


def without_values(message: str, values: Mapping[str, Json]) -> str:
    """A message with ``***`` where it quotes one of the values, or a text or number within one."""
    said = {text for value in values.values() for text in _texts(value) if len(text) >= SHORTEST}
    for text in sorted(said, key=len, reverse=True):
        message = message.replace(text, HIDDEN)
    return message


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, held in value.items():
            yield key
            yield from _texts(held)
    else:
        for held in value:
            yield from _texts(held)
