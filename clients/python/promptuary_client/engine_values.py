# A copy of registry/domain/engine_values.py: change that one, then run python -m scripts.copies
"""Values as the template engine gets them: JSON and nothing else.

MiniJinja looks for an attribute that an object does not have in Python's object itself, so ``{{ order.items }}`` would
find a method of ``dict``. Lists and objects therefore go in as ``JsonList`` and ``JsonObject``, which show their items
and keys alone.
"""

from __future__ import annotations

from typing import Any

from promptuary_client.template import Json


class JsonObject(dict[str, Json]):
    """A mapping without methods, as far as attribute access can see."""

    __slots__ = ("_missed",)

    def __getitem__(self, key: str) -> Json:
        try:
            return super().__getitem__(key)
        except KeyError:
            object.__setattr__(self, "_missed", key)
            raise

    def __getattribute__(self, name: str) -> Any:
        """Only ``items``, by whose presence the engine knows a mapping, and not where it looks for a missing key."""
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        if name == "items":
            missed = getattr(self, "_missed", None)
            object.__setattr__(self, "_missed", None)
            if missed != "items":
                return None
        raise AttributeError(f"a value has no method or attribute {name}")


class JsonList(list[Json]):
    """A list without methods, as far as attribute access can see."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        """Nothing but what Python itself needs."""
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        raise AttributeError(f"a value has no method or attribute {name}")


def engine_value(value: Json) -> Json:
    """A JSON value as the engine is to see it; strings and numbers are themselves."""
    if isinstance(value, list):
        return JsonList(engine_value(item) for item in value)
    if isinstance(value, dict):
        return JsonObject((key, engine_value(item)) for key, item in value.items())
    return value
