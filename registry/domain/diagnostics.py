"""What a rule says about a place in a file."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic weighs: an error refuses a change of the default branch, a warning is told."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file: line and column count from 1, columns in characters."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. ``rule`` is a code of ``registry.domain.rules.RULES``; ``message`` says what and how to mend it."""

    rule: str
    message: str
    path: str = ""
    place: Place = Place()
    severity: Severity = Severity.ERROR

    def visible(self) -> "Diagnostic":
        """The same with control characters and stray bytes of the path as escapes, fit for a terminal and for JSON."""
        if self.path.isprintable():
            return self
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in self.path)
        return replace(self, path=shown)

    def __str__(self) -> str:
        mark = "" if self.severity is Severity.ERROR else "warning: "
        where = f"{self.path}:{self.place.line}:{self.place.column}: " if self.path else ""
        return f"{where}{mark}[{self.rule}] {self.message}"


def in_order(diagnostics: Iterable[Diagnostic], changed: Collection[str] = ()) -> tuple[Diagnostic, ...]:
    """Each once: errors first, those of changed files (paths) before what follows from them elsewhere."""

    def key(found: Diagnostic) -> tuple[bool, bool, str, Place, str]:
        follows = bool(found.path) and found.path not in changed
        return found.severity is Severity.WARNING, follows, found.path, found.place, found.rule

    return tuple(sorted(dict.fromkeys(diagnostics), key=key))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)
