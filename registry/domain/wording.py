"""How messages show what somebody wrote."""

import json
from collections.abc import Sequence

from registry.domain.names import printable
from registry.domain.template import Json


def shown(value: Json) -> str:
    """A value as JSON, cut short; strings with what cannot be seen as escapes."""
    if isinstance(value, str):
        return printable(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:40]}…"


def listed(words: Sequence[str]) -> str:
    """``a, b or c``."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 file``, ``2,000 branches``, ``0 entries``."""
    if number != 1:
        if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy")):
            noun = f"{noun[:-1]}ies"
        else:
            noun += "es" if noun.endswith(("ch", "sh", "s", "x")) else "s"
    return f"{number:,} {noun}"
