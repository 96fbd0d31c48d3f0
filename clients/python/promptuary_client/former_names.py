# A copy of registry/domain/former_names.py: change that one, then run python -m scripts.copies
"""Names that variables had before an import, where it could not keep them."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping

from promptuary_client.template import Json


def former_names(metadata: Mapping[str, Json]) -> Mapping[str, str]:
    """What variables were called before, by the names that they have here; ``metadata`` is the template's."""
    imported = metadata.get("imported")
    renamed = imported.get("variables") if isinstance(imported, Mapping) else None
    return {new: old for new, old in renamed.items() if isinstance(old, str)} if isinstance(renamed, Mapping) else {}


def by_present_names(
    declared: Container[str], former: Mapping[str, str], values: Mapping[str, Json]
) -> Mapping[str, Json]:
    """The values under the names that variables have here.

    A value that is there under the present name counts before one under the old name.
    """
    present = {old: new for new, old in former.items() if old not in declared and new in declared and new not in values}
    return {present.get(name, name): value for name, value in values.items()}


def told_former(name: str, former: Mapping[str, str]) -> str:
    """What a message about a variable adds: its old name, in case the caller knows no other; else nothing."""
    return f" (before the import it was {json.dumps(former[name], ensure_ascii=False)})" if name in former else ""
