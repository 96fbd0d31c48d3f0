"""The answers that a route documents, built from the one error table, so that text and behaviour cannot differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from api.errors import HTTP_PROBLEMS, INTERNAL, TABLE
from api.problem_types import ProblemType
from registry.domain import errors as domain
from registry.domain.errors import PromptuaryError

Responses = dict[int | str, dict[str, Any]]

_EXAMPLE_ID = "5f0c9d1e2b3a-1f"
_INSTANCE = "/api/v1/repositories/default/templates/support/triage"
_DIAGNOSTIC = {
    "rule": "variable-undeclared",
    "message": 'the template uses "tone", which is not declared: add it under variables',
    "path": "prompts/support/triage.prompt.yaml",
    "line": 12,
    "column": 21,
    "severity": "error",
}

_MEMBERS: Mapping[str, dict[str, Any]] = {
    "repository-not-found": {"detail": "There is no repository 'defualt'. Nearest: default.", "nearest": ["default"]},
    "template-not-found": {
        "detail": 'There is no template "support/traige". Nearest: support/triage.',
        "nearest": ["support/triage"],
    },
    "template-gone": {"detail": "support/triage was deleted; its last version is 12.", "last_version": 12},
    "template-moved": {"detail": "support/triage is now support/sort.", "to": "support/sort"},
    "precondition-failed": {"etag": '"13-8c21"', "version": 13},
    "refused": {"diagnostics": [_DIAGNOSTIC]},
    "variables-invalid": {
        "detail": "The variable ticket is missing.",
        "problems": [{"field": "ticket", "message": "is missing: it is required (string)"}],
    },
    "invalid-body": {
        "detail": "The request body does not fit: body.version.",
        "problems": [{"field": "body.version", "message": "Input should be greater than or equal to 1"}],
    },
    "bad-request": {
        "detail": "version=0 is no version: give a number from 1, such as version=12",
        "problems": [{"field": "query.version", "message": "Input should be greater than or equal to 1"}],
    },
}

_HEADERS: Mapping[int, dict[str, Any]] = {
    308: {"Location": {"description": "The same address with the new name.", "schema": {"type": "string"}}},
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    412: {"ETag": {"description": "What it is now.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}

READ = (domain.Unauthenticated, domain.Denied, domain.BadRequest, domain.RepositoryNotFound, domain.Unavailable)
"""What every read of a repository can answer besides its body."""

WRITE = (
    *(*READ, domain.Refused, domain.KeyReused),
    *(domain.RefMoved, domain.Conflict, domain.PayloadTooLarge),
)
"""What every write can answer."""

STATE = (
    domain.TemplateNotFound,
    domain.TemplateGone,
    domain.TemplateMoved,
    domain.VersionNotFound,
    domain.VersionPurged,
    domain.LabelNotFound,
    domain.RevisionNotFound,
)
"""What reading a state of a template can answer."""


def problems(*errors: type[PromptuaryError] | int) -> Responses:
    """The documented problems of a route: error classes, and statuses of problems that arise before a service."""
    kinds = [TABLE[error] if isinstance(error, type) else HTTP_PROBLEMS[error] for error in errors]
    by_status: defaultdict[int, list[ProblemType]] = defaultdict(list)
    for kind in dict.fromkeys([*kinds, INTERNAL]):
        by_status[kind.status].append(kind)
    return {status: _response(status, kinds) for status, kinds in sorted(by_status.items())}


def problem_example(kind: ProblemType) -> dict[str, Any]:
    """A problem of that type as it is answered."""
    return {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.title + ".",
        "instance": _INSTANCE,
        "request_id": _EXAMPLE_ID,
        **_MEMBERS.get(kind.name, {}),
    }


def _response(status: int, kinds: Iterable[ProblemType]) -> dict[str, Any]:
    known = list(kinds)
    return {
        "description": "; ".join(kind.title for kind in known),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/ProblemBody"},
                "examples": {kind.name: {"summary": kind.title, "value": problem_example(kind)} for kind in known},
            }
        },
        **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
    }
