"""Counts of reads over HTTP."""

import re
from collections.abc import Collection
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from api.schemas.fields import NAME, Answered, QueryInt, QueryModel, example
from registry.domain.errors import BadRequest
from registry.domain.ids import TemplateName
from registry.domain.names import parse_name, printable
from registry.domain.reads import ReadCount, ReadCounts, ReadsBy

DAYS_SHOWN = 30

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _plain_day(text: Any) -> Any:
    """A day's text from a query. Raises ValueError for what is not written as a day."""
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise ValueError("a day is asked for, such as 2025-03-14")
    return text


Day = Annotated[date, BeforeValidator(_plain_day)]


class ReadsQuery(QueryModel):
    """Which reads, and what they are told apart by."""

    name: str | None = Field(None, description="Of this template only.", examples=[NAME])
    from_: Day | None = Field(
        None,
        alias="from",
        description=f"The first day (UTC), such as 2025-03-14; {DAYS_SHOWN} days up to `to` if absent.",
    )
    to: Day | None = Field(None, description="The last day, which counts as well; today where absent.")
    by: str = Field("day", description=f"With commas between them: {', '.join(ReadsBy)}. `key` needs the scope admin.")
    limit: QueryInt = Field(100, ge=1, le=10_000, description="How many counts are listed at most.")

    def told_apart(self) -> list[ReadsBy]:
        """What the reads are told apart by. Raises BadRequest."""
        try:
            return list(dict.fromkeys(ReadsBy(each) for each in self.by.split(",")))
        except ValueError as error:
            known = ", ".join(ReadsBy)
            raise BadRequest(f"by={printable(self.by[:60])} cannot be counted by: use {known}") from error

    def days(self, today: date) -> tuple[date, date]:
        """The first and the last day. Raises BadRequest where they are the wrong way round."""
        last = self.to or today
        first = self.from_ or max(date.min + timedelta(DAYS_SHOWN), last) - timedelta(DAYS_SHOWN - 1)
        if first > last:
            raise BadRequest(f"from={first} comes after to={last}: put the earlier day first")
        return first, last

    def template(self) -> TemplateName | None:
        """The template's name. Raises BadRequest."""
        return parse_name(self.name) if self.name is not None else None


class ReadsOf(Answered):
    """How often something was read. Only what was asked for in `by` is there, besides `reads`."""

    model_config = example(day="2025-03-14", version=12, label="production", reads=4711)

    day: date | None = Field(None, description="In UTC.")
    name: str | None = Field(None, description="The template's name when it was read.")
    version: int | None = Field(None, description="Null for a state of a branch that is no version.")
    label: str | None = Field(None, description="The label that was asked for; null where none was.")
    key: str | None = Field(None, description="The id of the API key; `promptuary key list` says whose it is.")
    reads: int

    @classmethod
    def from_domain(cls, count: ReadCount, by: Collection[ReadsBy]) -> "ReadsOf":
        """The body for a count, with what it is told apart by."""
        return cls(reads=count.reads, **{each.value: getattr(count, each.value) for each in by})


class ReadList(Answered):
    """Counts of reads: the newest day first, then the most read."""

    model_config = example(
        **{"from": "2025-03-13", "to": "2025-03-14", "total": 4720, "more": False},
        reads=[
            {"day": "2025-03-14", "version": 12, "label": "production", "reads": 4711},
            {"day": "2025-03-13", "version": 13, "label": None, "reads": 9},
        ],
    )

    from_: date = Field(alias="from")
    to: date
    total: int = Field(description="All reads of those days, also those that are not listed.")
    more: bool = Field(description="Whether there are more counts than `limit`.")
    reads: list[ReadsOf]

    @classmethod
    def from_domain(cls, found: ReadCounts, *, first: date, last: date, by: Collection[ReadsBy]) -> "ReadList":
        """The body for what was found."""
        listed = [ReadsOf.from_domain(count, by) for count in found.counts]
        days = {"from": first, "to": last}
        return cls.model_validate({**days, "total": found.total, "more": found.more, "reads": listed})
