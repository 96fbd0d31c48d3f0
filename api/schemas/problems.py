"""Problems (RFC 9457) and diagnostics as they stand in answers."""

from pydantic import BaseModel, ConfigDict, Field

from registry.domain.diagnostics import Diagnostic as DomainDiagnostic


class DiagnosticBody(BaseModel):
    """What a rule says about a place in a file."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "rule": "variable-undeclared",
                    "message": 'the template uses "tone", which is not declared: add it under variables',
                    "path": "prompts/support/triage.prompt.yaml",
                    "line": 12,
                    "column": 21,
                    "severity": "error",
                }
            ]
        },
    )

    rule: str = Field(description="The rule's code; each has a page in the documentation.")
    message: str
    path: str = Field(description="The file in the repository; empty where the finding is not about a file.")
    line: int = Field(ge=1)
    column: int = Field(ge=1)
    severity: str = Field(pattern="^(error|warning)$")

    @classmethod
    def from_domain(cls, diagnostic: DomainDiagnostic) -> "DiagnosticBody":
        """The body for a diagnostic."""
        return cls(
            rule=diagnostic.rule,
            message=diagnostic.message,
            path=diagnostic.path,
            line=diagnostic.place.line,
            column=diagnostic.place.column,
            severity=diagnostic.severity.value,
        )


class FieldProblem(BaseModel):
    """One thing that is wrong with a variable or a field of the request."""

    field: str = Field(description="The variable's name, or the field as `body.version` or `query.limit`.")
    message: str


class ProblemBody(BaseModel):
    """A problem (RFC 9457). Which of the later fields there are depends on `type`."""

    type: str = Field(description="The kind of problem, as a link to its explanation.")
    title: str
    status: int
    detail: str = Field(description="What happened here, and what to do about it.")
    instance: str = Field(description="The path of the request.")
    request_id: str = Field(description="The same as X-Request-Id; the server's log has it too.")
    nearest: list[str] | None = Field(None, description="Not found: the names most like the one asked for.")
    last_version: int | None = Field(None, description="Deleted: the last version that the template had.")
    to: str | None = Field(None, description="Renamed: the new name.")
    etag: str | None = Field(None, description="Precondition failed: what to send in If-Match for what is there now.")
    version: int | None = Field(None, description="Precondition failed: what the version is now.")
    diagnostics: list[DiagnosticBody] | None = Field(None, description="Refused: everything that is wrong.")
    problems: list[FieldProblem] | None = Field(None, description="Values that do not fit: each with its reason.")
