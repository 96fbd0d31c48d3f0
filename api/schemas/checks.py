"""Judging files before they are committed, over HTTP."""

from typing import Annotated

from pydantic import AfterValidator, Field

from api.schemas.fields import COMMIT, Answered, Body, Said, example
from api.schemas.problems import DiagnosticBody
from api.schemas.templates import SOURCE_EXAMPLE
from registry.domain.diagnostics import Diagnostic, has_errors
from registry.domain.ids import CommitId
from registry.domain.selectors import Selector, parse_state
from registry.services.gate import Verdict

MOST_FILES = 500
_PATH = "prompts/support/brief.prompt.yaml"
_FINDING: dict[str, object] = {
    "rule": "breaking-change",
    "message": "ticket (max_length): was not set, is 500, so calls that fit version 12 (production) may be refused. "
    'Take it back, or say why in the commit\'s message, on a line "Breaking-Change: <why>".',
    "path": _PATH,
    "line": 6,
    "column": 5,
    "severity": "error",
}


def _sendable(text: str) -> str:
    """Raises ValueError for text that no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("text holds half of a surrogate pair (\\ud800 to \\udfff): it is no Unicode text") from error
    return text


Path = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_sendable)]
Content = Annotated[str, AfterValidator(_sendable)]


class ValidateRequest(Body):
    """Files to look at, each alone."""

    model_config = example(files={_PATH: SOURCE_EXAMPLE})

    files: dict[Path, Content] = Field(
        min_length=1, max_length=MOST_FILES, description="Path in the repository to the file's text."
    )

    def contents(self) -> dict[str, bytes]:
        """The files as bytes."""
        return {path: text.encode() for path, text in self.files.items()}


class CheckRequest(Body):
    """Files as one commit on the default branch would change them."""

    model_config = example(files={_PATH: SOURCE_EXAMPLE, "prompts/support/old.prompt.yaml": None})

    files: dict[Path, Content | None] = Field(
        min_length=1, max_length=MOST_FILES, description="Path in the repository to the file's text; null: it goes."
    )
    message: Said = Field(
        "Check", min_length=1, max_length=10_000, description="The commit's message; `Breaking-Change: <why>` counts."
    )
    against: str | None = Field(
        None,
        max_length=1_000,
        description="Compare callers with this state (`version:12`, `label:production`, `ref:main`, `at:…`) instead "
        "of the state before and what labels name.",
    )

    def contents(self) -> dict[str, bytes | None]:
        """The files as bytes."""
        return {path: None if text is None else text.encode() for path, text in self.files.items()}

    def selector(self) -> Selector | None:
        """The state to compare with. Raises BadRequest."""
        return parse_state(self.against) if self.against is not None else None


class ValidateAnswer(Answered):
    """What is wrong with the files."""

    model_config = example(
        valid=False, diagnostics=[{**_FINDING, "rule": "wrong-type", "message": "must be a mapping"}]
    )

    valid: bool = Field(description="Whether there is no error; warnings may stand there all the same.")
    diagnostics: list[DiagnosticBody]

    @classmethod
    def from_domain(cls, found: list[Diagnostic]) -> "ValidateAnswer":
        """The body for findings."""
        return cls(valid=not has_errors(found), diagnostics=[DiagnosticBody.from_domain(d.visible()) for d in found])


class CheckAnswer(Answered):
    """What the gate would say."""

    model_config = example(accepted=False, commit=COMMIT, diagnostics=[_FINDING])

    accepted: bool = Field(description="Whether the commit would be taken.")
    commit: str | None = Field(description="The tip that it was judged on; null in an empty repository.")
    diagnostics: list[DiagnosticBody]

    @classmethod
    def from_domain(cls, verdict: Verdict, tip: CommitId | None) -> "CheckAnswer":
        """The body for a verdict."""
        found = [DiagnosticBody.from_domain(d) for d in verdict.diagnostics]
        return cls(accepted=verdict.accepted, commit=tip, diagnostics=found)
