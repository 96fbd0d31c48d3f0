"""What a look through the whole audit has found."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.domain.audit import AuditFault, AuditMark


class MarkTrust(StrEnum):
    """Whose signature a mark has."""

    SIGNED = "signed"
    """This key ring's."""
    UNKNOWN_KEY = "unknown_key"
    """That of a key which this key ring has not: nobody here can say."""
    FORGED = "forged"
    """Nobody's: the mark was changed, or never signed."""


@dataclass(frozen=True, slots=True)
class JudgedMark:
    """A mark, and whether it can be trusted."""

    mark: AuditMark
    trust: MarkTrust


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """How many entries were looked at, from the one behind ``start`` to ``number`` with its hash, and what is wrong.

    ``fault`` is the first thing that does not fit. Without a fault the chain is whole; how far that is vouched for by
    more than itself, the marks say.
    """

    entries: int
    start: int
    number: int
    hash: str
    marks: Sequence[JudgedMark]
    fault: AuditFault | None
