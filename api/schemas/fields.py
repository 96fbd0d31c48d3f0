"""Models and values that several nouns use: the strict parent, selectors in a query, commits and examples."""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from registry.domain.selectors import Selector, parse_selector

COMMIT = "9c1f0a6d3b7e4c2f8a5d1e0b9c8f7a6d5e4c3b2a"
DIGEST = "3f9ac1d2b4e5f60718293a4b5c6d7e8f9a0b1c2d3e4f5061728394a5b6c7d8e9"
ETAG = '"v13.3f9ac1d2b4e5f607.8c21d4e0"'
TIME = "2025-03-14T09:26:53Z"
NAME = "support/triage"
REFERENCE = (
    "The string to log: name@version#digest; of a state that is no version name@commit#digest, with twelve digits."
)

MAX_NUMBER = 2_147_483_647
"""The largest version number that is read from a request; real ones are small."""

_DIGITS = re.compile(r"0|-?[1-9][0-9]*")


def _digits(text: Any) -> Any:
    """A number's text from a query. Raises ValueError for spellings that not every reader takes for that number."""
    if isinstance(text, str) and not _DIGITS.fullmatch(text):
        raise ValueError("an integer is asked for, in plain digits such as 12")
    return text


QueryInt = Annotated[int, BeforeValidator(_digits)]
"""An integer in a query string, which holds text only: not 4.0, +4, 04 or 4_0."""

Number = Annotated[QueryInt, Field(ge=1, le=MAX_NUMBER)]
"""A version in a query string."""

JsonNumber = Annotated[int, Field(ge=1, le=MAX_NUMBER, strict=True)]
"""A version in a JSON body: a number, not true, "4" or 4.0."""


def _said(text: str) -> str:
    """A text for a commit's message. Raises ValueError for control characters, which Git's tools would act upon."""
    for place, sign in enumerate(text, 1):
        if unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\n\r\t":
            raise ValueError(f"character {place} is U+{ord(sign):04X}: control characters cannot stand here")
    return text


Said = Annotated[str, AfterValidator(_said)]
"""Text that a person wrote for people: a commit's message, a reason."""


class Body(BaseModel):
    """An answer's or request's body: unknown fields are refused, so that a misspelt one is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answered(BaseModel):
    """A body that this server writes. Readers should tolerate fields that are added later."""

    model_config = ConfigDict(frozen=True)


def example(**fields: Any) -> ConfigDict:
    """The configuration that gives a model its example."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class QueryModel(BaseModel):
    """Query parameters: an unknown one is refused, because a misspelt selector must not mean the default state."""

    model_config = ConfigDict(extra="forbid", frozen=True)


COMMIT_ID = re.compile("[0-9a-f]{40}")


def _commit_id(text: str) -> str:
    if not COMMIT_ID.fullmatch(text):
        raise ValueError("a full commit id is asked for: 40 hexadecimal digits, as Promptuary-Commit has it")
    return text


class ReadQuery(QueryModel):
    """What every read of the default branch takes."""

    min_commit: Annotated[str, AfterValidator(_commit_id)] | None = Field(
        None,
        description="A commit of the default branch that the answer must have seen, such as that of your own write. "
        "The read waits for it, at most two seconds; then it is a 503.",
        json_schema_extra={"pattern": f"^{COMMIT_ID.pattern}$"},
    )


class SelectorQuery(ReadQuery):
    """Which state of the template: a label, a version or a Git revision; none means the repository's default."""

    label: str | None = Field(None, description="A label such as `production`; `latest` is built in.")
    version: Number | None = Field(None, description="A version's number. Stands alone.")
    ref: str | None = Field(None, description="A branch, tag or reachable commit; with `label`: as it was there.")
    at: str | None = Field(None, description="An RFC 3339 time: the state, or the label's state, as it was then.")

    def selector(self) -> Selector:
        """The domain's selector. Raises BadRequest."""
        return parse_selector(label=self.label, version=self.version, ref=self.ref, at=self.at)


class Author(Answered):
    """Who wrote a commit."""

    name: str
    email: str


Time = datetime
