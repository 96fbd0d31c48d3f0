"""What ``promptuary doctor`` says of a set-up: findings, each with a grade and a way out."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How well one thing is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing.

    ``check`` is the noun that was looked at, ``subject`` of what (a repository, an address; empty where there is only
    one). Where the grade is not OK, ``why`` says what it leads to, ``remedy`` what to do, and ``command`` is a line for
    the shell that does it (empty where no single line can).
    """

    check: str
    grade: Grade
    found: str
    subject: str = ""
    why: str = ""
    remedy: str = ""
    command: str = ""


def well(check: str, found: str, subject: str = "") -> Finding:
    """A finding of grade OK."""
    return Finding(check, Grade.OK, found, subject)
