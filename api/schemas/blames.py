"""Where lines come from, over HTTP."""

from typing import Any

from pydantic import Field

from api.schemas.fields import COMMIT, DIGEST, NAME, REFERENCE, TIME, Answered, Author, Time, example
from registry.domain.importing.commits import imported_subject
from registry.services.blames import LineOrigin, TemplateBlame

RANGE_EXAMPLE = {
    "first": 1,
    "lines": ["schema: prompt/v1", "type: text"],
    "name": NAME,
    "version": 3,
    "reference": f"{NAME}@3#3f9ac1d2",
    "commit": COMMIT,
    "author": {"name": "Ada Park", "email": "ada@example.com"},
    "committed_at": TIME,
    "authored_at": TIME,
    "subject": "Add triage",
    "imported_subject": None,
}


class BlameRange(Answered):
    """Lines, one after the other, that one commit brought."""

    model_config = example(**RANGE_EXAMPLE)

    first: int = Field(description="The number of the first of the lines, from 1.")
    lines: list[str]
    name: str | None = Field(description="The name that the template had then; null where it was no template.")
    version: int | None = Field(description="The version that the commit made; null off the default branch.")
    reference: str | None = Field(description="Of that version: name@version#digest.")
    commit: str
    author: Author
    committed_at: Time
    authored_at: Time = Field(description="When its author wrote it: of an imported version, when it was made there.")
    subject: str = Field(description="The first line of the commit's message.")
    imported_subject: str | None = Field(description="Of an imported version: what it said there.")


class BlameAnswer(Answered):
    """A state of a template, and which commit brought each of its lines."""

    model_config = example(
        name=NAME, version=12, commit=COMMIT, digest=DIGEST, reference=f"{NAME}@12#3f9ac1d2", ranges=[RANGE_EXAMPLE]
    )

    name: str
    version: int | None = Field(description="Null for a state that is no version.")
    commit: str
    digest: str
    reference: str = Field(description=REFERENCE)
    ranges: list[BlameRange] = Field(description="All lines of the file, in order.")


def blame_body(blame: TemplateBlame) -> dict[str, Any]:
    """The fields of ``BlameAnswer``, as plain values: a large file has thousands of ranges."""
    state = blame.state
    return {
        "name": state.name,
        "version": state.number or None,
        "commit": state.commit,
        "digest": state.digest,
        "reference": state.reference,
        "ranges": [_range(each) for each in blame.origins],
    }


def _range(origin: LineOrigin) -> dict[str, Any]:
    commit, version = origin.commit, origin.version
    return {
        "first": origin.first,
        "lines": origin.lines,
        "name": origin.name,
        "version": version.number if version else None,
        "reference": version.reference if version else None,
        "commit": commit.id,
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committed_at": commit.committer.time,
        "authored_at": commit.author.time,
        "subject": commit.subject,
        "imported_subject": imported_subject(commit.message),
    }
