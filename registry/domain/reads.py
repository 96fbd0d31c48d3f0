"""Reads of templates, as they are counted."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from registry.domain.ids import LabelName, RepositoryName, TemplateName


class ReadState(NamedTuple):
    """What was read: ``version`` is None for a state that is no version, ``label`` where none was asked for."""

    repository: RepositoryName
    name: TemplateName
    version: int | None
    label: LabelName | None


CountedRead = tuple[ReadState, str | None]
"""A state and the id of the API key that read it: what is counted apart. (Tuples: they are made for every read.)"""


class ReadsBy(StrEnum):
    """What reads can be told apart by."""

    DAY = "day"
    NAME = "name"
    VERSION = "version"
    LABEL = "label"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class ReadCount:
    """How often something was read; what it is not told apart by is None."""

    reads: int
    day: date | None = None
    name: TemplateName | None = None
    version: int | None = None
    label: LabelName | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """The counts that were asked for; ``total`` is of all of them, also of those that were too many to be listed."""

    counts: tuple[ReadCount, ...]
    total: int
    more: bool
