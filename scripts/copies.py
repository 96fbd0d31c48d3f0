"""Writes the client's copies of files of the domain: ``python -m scripts.copies``.

The client renders as the server does, and is a distribution of its own for older Pythons, so it cannot import the
domain. These files are the same in both but for where their imports lead. They are changed in the domain.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("canonical", "engine_values", "former_names", "request_bodies", "request_parts", "text_filters")
HEAD = "# A copy of registry/domain/{name}.py: change that one, then run python -m scripts.copies\n"
_DOCSTRING = re.compile(r'\A""".*?"""\n', re.DOTALL)


def original(name: str) -> Path:
    """The file in the domain."""
    return ROOT / "registry/domain" / f"{name}.py"


def copy(name: str) -> Path:
    """The file in the client."""
    return ROOT / "clients/python/promptuary_client" / f"{name}.py"


def copied(name: str) -> str:
    """What the client's file has to say."""
    text = original(name).read_text(encoding="utf-8")
    docstring = _DOCSTRING.match(text)
    assert docstring is not None, f"{name} begins with its docstring"
    code = text[docstring.end() :].replace("from registry.domain.", "from promptuary_client.")
    future = "\nfrom __future__ import annotations\n"  # for Pythons before 3.10
    return HEAD.format(name=name) + docstring[0] + future + code


if __name__ == "__main__":
    for each in COPIED:
        copy(each).write_text(copied(each), encoding="utf-8")
