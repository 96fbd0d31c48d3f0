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
