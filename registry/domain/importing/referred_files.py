"""The files that another file refers to: among those that came with it, and nowhere else."""

import posixpath
from collections.abc import Callable, Mapping, Sequence

from registry.domain.importing.imported import SourceUnreadable

MOST_PATTERNS = 100
"""Each is held against every file."""


class ReferredFiles:
    """What the file at ``name`` may refer to, by paths from its own folder; ``used`` gathers what it did refer to."""

    def __init__(self, files: Mapping[str, bytes], name: str) -> None:
        self._files = files
        self._folder = posixpath.dirname(name)
        self._name = name
        self._patterns = 0
        self.used: set[str] = set()

    def find(self, path: str) -> list[str]:
        """The files at a path or pattern (``*``, ``**``, ``?``), or in the folder at it, in order; none outside.

        Raises SourceUnreadable for more patterns than a person writes.
        """
        wanted = posixpath.normpath(posixpath.join(self._folder, path))
        if wanted.startswith(("../", "/")):
            return []
        if wanted in self._files:
            found = [wanted]
        elif any(sign in wanted for sign in "*?"):
            self._patterns += 1
            if self._patterns > MOST_PATTERNS:
                raise SourceUnreadable(f"{self._name} names files by more than {MOST_PATTERNS} patterns: name folders")
            pattern = wanted.split("/")
            found = sorted(name for name in self._files if _matches(pattern, name.split("/")))
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


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether a path's segments fit a pattern's; ``**`` stands for any number of them.

    In steps bounded by the product of both lengths: a regular expression with many stars may take for ever.
    """
    return _fits(pattern, path, "**", _segment_matches)


def _segment_matches(pattern: str, segment: str) -> bool:
    return _fits(pattern, segment, "*", lambda wanted, sign: wanted in {"?", sign})


def _fits(pattern: Sequence[str], text: Sequence[str], any_number: str, one: Callable[[str, str], bool]) -> bool:
    """Goes back to the last sign for any number alone, which is enough."""
    at, place, star, tried = 0, 0, -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == any_number:
            star, tried, at = at, place, at + 1
        elif at < len(pattern) and one(pattern[at], text[place]):
            at, place = at + 1, place + 1
        elif star >= 0:
            tried += 1
            at, place = star + 1, tried
        else:
            return False
    return all(sign == any_number for sign in pattern[at:])
