"""The files that another file refers to: among those that came with it, and nowhere else."""

import posixpath
import re
from collections.abc import Mapping
from functools import lru_cache


class ReferredFiles:
    """What the file at ``name`` may refer to, by paths from its own folder; ``used`` gathers what it did refer to."""

    def __init__(self, files: Mapping[str, bytes], name: str) -> None:
        self._files = files
        self._folder = posixpath.dirname(name)
        self._name = name
        self.used: set[str] = set()

    def find(self, path: str) -> list[str]:
        """The files at a path or pattern (``*``, ``**``, ``?``), or in the folder at it, in order; none outside."""
        wanted = posixpath.normpath(posixpath.join(self._folder, path))
        if wanted.startswith(("../", "/")):
            return []
        if wanted in self._files:
            found = [wanted]
        elif any(sign in wanted for sign in "*?"):
            pattern = _pattern(wanted)
            found = sorted(name for name in self._files if pattern.fullmatch(name))
        else:
            found = sorted(name for name in self._files if posixpath.dirname(name) == wanted)
        return [name for name in found if name != self._name]

    def read(self, name: str) -> bytes:
        """What a file that was found holds; it counts as used."""
        self.used.add(name)
        return self._files[name]

    def name_beside(self, word: str) -> str:
        """A name in the folder of the file that refers."""
        return posixpath.join(self._folder, word)


@lru_cache(64)
def _pattern(text: str) -> re.Pattern[str]:
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    return re.compile("".join(signs.get(piece, re.escape(piece)) for piece in pieces))
