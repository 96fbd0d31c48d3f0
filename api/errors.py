"""The one table from error to status, and the problem (RFC 9457) that tells the caller about it."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from api.answers import PROBLEM_JSON, Answer, make_answer
from api.problem_types import EDGE_PROBLEMS, TOO_MANY_REQUESTS, ProblemType
from api.redaction import hide_tokens
from registry.domain import errors as domain
from registry.domain.diagnostics import Diagnostic
from registry.domain.errors import PromptuaryError

RETRY_SECONDS = 2


_NAME = "Check the spelling: `nearest` lists the names most like it. List them with the GET of the collection."

TABLE: Mapping[type[PromptuaryError], ProblemType] = {
    domain.PromptuaryError: ProblemType(
        "internal-error", 500, "The server failed", "Report it with the `request_id`; nothing of it is your fault."
    ),
    domain.NotFound: ProblemType("not-found", 404, "Not found", _NAME),
    domain.RepositoryNotFound: ProblemType("repository-not-found", 404, "No such repository", _NAME),
    domain.TemplateNotFound: ProblemType("template-not-found", 404, "No such template", _NAME),
    domain.VersionNotFound: ProblemType(
        "version-not-found",
        404,
        "No such version",
        "The template has no version of that number, or none that can be served (a broken state takes a number but is "
        "never served). List them with `GET …/versions/{name}`.",
    ),
    domain.VersionPurged: ProblemType(
        "version-purged",
        410,
        "The version was purged",
        "An administrator removed its content from the history for good; its number stays taken. Read another version, "
        "which `GET …/versions/{name}` lists.",
    ),
    domain.LabelNotFound: ProblemType(
        "label-not-found",
        404,
        "No such label",
        "The template does not carry that label; there is no silent fallback to another state. See which it carries "
        "with `GET …/templates/{name}?label=latest`, and set it with `PUT …/labels/{label}/{name}`.",
    ),
    domain.RevisionNotFound: ProblemType(
        "revision-not-found",
        404,
        "No such revision",
        "Give a branch, a tag, or the id of a commit that can be reached from one.",
    ),
    domain.TemplateGone: ProblemType(
        "template-gone",
        410,
        "The template was deleted",
        "`last_version` is the last number that it had; that version can still be read with `?version=`.",
    ),
    domain.TemplateMoved: ProblemType(
        "template-moved",
        308,
        "The template was renamed",
        "Follow `Location`; `to` is the new name. Versions of the old name can still be read with `?version=`.",
    ),
    domain.Conflict: ProblemType(
        "conflict", 409, "The change does not fit the present state", "Read the present state and decide again."
    ),
    domain.RefMoved: ProblemType(
        "ref-moved",
        409,
        "The branch moved meanwhile",
        "Somebody else wrote at the same moment: send the request again.",
    ),
    domain.RepositoryExists: ProblemType(
        "repository-exists", 409, "The repository exists", "Choose another name, or use the repository that is there."
    ),
    domain.PreconditionFailed: ProblemType(
        "precondition-failed",
        412,
        "The template is not in the state that you named",
        "Somebody changed it since you read it: read it again (`etag` and `version` say what it is now), put your "
        "change on top, and send the new ETag in If-Match.",
    ),
    domain.PreconditionRequired: ProblemType(
        "precondition-required",
        428,
        "Say which state you change",
        "Send `If-Match` with the ETag that you read (or `*` for whatever is there), or `If-None-Match: *` to make a "
        "new template.",
    ),
    domain.KeyReused: ProblemType(
        "idempotency-key-reused",
        422,
        "The Idempotency-Key came with another request before",
        "A key marks repeats of one request: send the same request again as it was, or a new key with a new one. "
        "Nothing was changed.",
    ),
    domain.Refused: ProblemType(
        "refused",
        422,
        "The gate refused the change",
        "`diagnostics` lists what is wrong: rule, message, path, line and column. The folder "
        "`docs/rules` of Promptuary has a page for every rule. Nothing was written.",
    ),
    domain.Denied: ProblemType(
        "denied", 403, "You may not do this", "Use a key with a wider scope, or ask somebody who may."
    ),
    domain.Unauthenticated: ProblemType(
        "unauthenticated",
        401,
        "You are not identified",
        "Programs send a key, `Authorization: Bearer <key>`, which `promptuary key create` makes; people sign in at "
        "`/sign-in`. A key may have been revoked or have ended, a session be over, or the password be another one.",
    ),
    domain.BadRequest: ProblemType(
        "bad-request", 400, "The request cannot be understood", "Mend the name, selector, cursor or query it names."
    ),
    domain.PasswordRefused: ProblemType(
        "password-refused", 400, "The new password will not do", "Take some words that do not belong together."
    ),
    domain.VariablesInvalid: ProblemType(
        "variables-invalid",
        422,
        "The variables do not fit the declaration",
        "`problems` names each variable and what is wrong with it: missing, of the wrong type, out of bounds, or (with "
        "`strict=true`) not declared.",
    ),
    domain.RenderFailed: ProblemType(
        "render-failed",
        422,
        "The template cannot be rendered with these values",
        "The message says where and why. A value can be of the right type and still not fit what the template does.",
    ),
    domain.RenderLimit: ProblemType(
        "render-limit",
        422,
        "Rendering takes too much time or memory",
        "The template (or these values) asks for more than a render may use; see the rule `render-limit`.",
    ),
    domain.PayloadTooLarge: ProblemType(
        "payload-too-large",
        413,
        "The request body is too large",
        "Send less. The limit is `PROMPTUARY_MAX_BODY_BYTES`; many templates at once are better pushed with git.",
    ),
    domain.TooManyRequests: TOO_MANY_REQUESTS,
    domain.Unavailable: ProblemType(
        "unavailable",
        503,
        "Not available just now",
        "Nothing was changed. Try again after the seconds in `Retry-After`.",
    ),
}
"""Every class of the domain's error tree, each with a type of its own."""

INTERNAL = TABLE[domain.PromptuaryError]

HTTP_PROBLEMS: Mapping[int, ProblemType] = {
    400: TABLE[domain.BadRequest],
    401: TABLE[domain.Unauthenticated],
    404: ProblemType(
        "route-not-found", 404, "There is nothing at this address", "See `/docs` for the addresses that there are."
    ),
    405: ProblemType(
        "method-not-allowed", 405, "The method is not allowed here", "`Allow` lists the methods that are."
    ),
    413: TABLE[domain.PayloadTooLarge],
    415: ProblemType(
        "unsupported-media-type",
        415,
        "The body's type is not one that is taken here",
        "Set `Content-Type`: templates are `application/yaml` or `application/json`, all else is `application/json`.",
    ),
    422: ProblemType(
        "invalid-body",
        422,
        "The request body does not fit",
        "`problems` names each field and what is wrong with it. The fields are described in `/docs`.",
    ),
    500: INTERNAL,
    **EDGE_PROBLEMS,
}
"""Problems that arise before any service is asked, by status."""


def problem_types() -> list[ProblemType]:
    """Every problem type once, by status and name: what docs/errors.md and /docs/errors explain."""
    known = {kind.name: kind for kind in (*TABLE.values(), *HTTP_PROBLEMS.values())}
    return sorted(known.values(), key=lambda kind: (kind.status, kind.name))


def type_of(error: PromptuaryError) -> ProblemType:
    """The problem type of an error: that of its class, else of the nearest class above."""
    return next((TABLE[cls] for cls in type(error).__mro__ if cls in TABLE), INTERNAL)


def diagnostic_body(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as it stands in answers."""
    return {
        "rule": diagnostic.rule,
        "message": diagnostic.message,
        "path": diagnostic.path,
        "line": diagnostic.place.line,
        "column": diagnostic.place.column,
        "severity": diagnostic.severity.value,
    }


def make_problem(
    kind: ProblemType,
    detail: str,
    *,
    instance: str,
    request_id: str,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A problem as an answer; ``members`` are the type's own fields."""
    body = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": printable_text(detail),
        "instance": printable_text(instance),
        "request_id": request_id,
        **(members or {}),
    }
    return make_answer(hide_tokens(orjson.dumps(body)), media_type=PROBLEM_JSON, status=kind.status, headers=headers)


def error_answer(error: PromptuaryError, *, instance: str, request_id: str, location: str | None = None) -> Answer:
    """The problem that tells a caller about an error; ``location`` is where a renamed template is now."""
    kind = type_of(error)
    members = next((show(error) for cls, show in _MEMBERS.items() if isinstance(error, cls)), {})
    headers: dict[str, str] = {}
    if isinstance(error, domain.Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="Promptuary"'
    elif isinstance(error, domain.TooManyRequests):
        headers["retry-after"] = str(error.seconds)
    elif isinstance(error, domain.Unavailable):
        headers["retry-after"] = str(RETRY_SECONDS)
    elif isinstance(error, domain.PreconditionFailed) and error.etag:
        headers["etag"] = error.etag
    elif isinstance(error, domain.TemplateMoved) and location:
        headers["location"] = location
    return make_problem(kind, error.message, instance=instance, request_id=request_id, members=members, headers=headers)


def printable_text(text: str) -> str:
    """Text that is certainly UTF-8: lone surrogates (undecodable bytes) are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def moved_location(path: str, old: str, new: str, query: str) -> str:
    """Where a request for a renamed template goes: the same address with the new name, percent-encoded.

    ``path`` is the decoded path, which holds ``old`` last or before a version's number.
    """
    head, _, tail = path.rpartition(old)
    return quote(f"{head}{new}{tail}", safe="/") + (f"?{query}" if query else "")


_MEMBERS: Mapping[type[PromptuaryError], Callable[[Any], dict[str, Any]]] = {
    domain.NotFound: lambda e: {"nearest": list(e.nearest)} if e.nearest else {},
    domain.TemplateGone: lambda e: {"last_version": e.last_version},
    domain.TemplateMoved: lambda e: {"to": e.to},
    domain.PreconditionFailed: lambda e: {"etag": e.etag, "version": e.version},
    domain.Refused: lambda e: {"diagnostics": [diagnostic_body(d) for d in e.diagnostics]},
    domain.VariablesInvalid: lambda e: {"problems": [{"field": f, "message": m} for f, m in e.problems]},
}
