"""What is about to become of a ref, noted before it does, so that no kill can hide that it did."""

from dataclasses import dataclass
from datetime import datetime

from registry.domain.audit import AuditOrigin
from registry.domain.ids import RepositoryName
from registry.domain.refs import RefUpdate


@dataclass(frozen=True, slots=True)
class RefIntent:
    """A move of a ref that was accepted, by whom and when; ``operation`` is an id of its own.

    ``pushed`` says that Git makes the move, which it may still do when the process that accepted it has been killed.
    ``landed`` is None as long as nobody has looked.
    """

    operation: str
    repository: RepositoryName
    update: RefUpdate
    origin: AuditOrigin
    at: datetime
    pushed: bool
    purge: str | None = None
    """The operation of the purge that makes the move, after which the former commits are gone."""
    landed: bool | None = None
