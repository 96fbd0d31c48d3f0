"""What can go wrong, by what the caller can do about it. No message ever holds the key.

PromptuaryError
├── NotFound            no such template, version, label or revision; ``nearest`` are similar names
│   └── Gone            the template was deleted; ``last_version`` can still be read
├── Moved               a write to a template that was renamed; ``to`` is its name now
├── BadRequest          a name, selector or value that the server cannot read
├── Unauthorized        no key, or one that is unknown, expired or revoked
├── Denied              the key's scope is too narrow
├── Conflict            the change does not fit the present state
│   └── PreconditionFailed   somebody was quicker; ``etag`` and ``version`` say what the state is now
├── VariablesInvalid    the values do not fit the declaration; ``problems`` names each variable
├── RenderFailed        the template cannot be rendered with these values
├── Refused             the gate refused the change; ``diagnostics`` lists what is wrong
└── Unavailable         no answer, or none that can be used; ``retry_after`` seconds where the server says so
    └── Untrustworthy   an answer that is not what it says it is (its digest is another), or not a Promptuary server's
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class PromptuaryError(Exception):
    """The parent of all. ``status`` and ``type`` are the problem's, ``request_id`` finds it in the server's log."""

    status: int | None = None
    type: str = ""
    request_id: str = ""


class NotFound(PromptuaryError):
    """There is nothing of that name."""

    nearest: tuple[str, ...] = ()


class Gone(NotFound):
    """The template was deleted; ``last_version`` can still be read with ``version=``."""

    last_version: int | None = None


class Moved(PromptuaryError):
    """The template to be changed was renamed; ``to`` is its name now."""

    to: str = ""


class BadRequest(PromptuaryError):
    """The request cannot be understood: a name, a selector, a body."""


class Unauthorized(PromptuaryError):
    """The server does not know the key."""


class Denied(PromptuaryError):
    """The key may not do this."""


class Conflict(PromptuaryError):
    """The change does not fit the present state."""


class PreconditionFailed(Conflict):
    """The template is in another state than the one that was named; ``etag`` and ``version`` are its state now."""

    etag: str | None = None
    version: int | None = None


class VariablesInvalid(PromptuaryError):
    """The values do not fit the declaration; ``problems`` are pairs (variable, what is wrong)."""

    problems: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that are wrong, or places in them (``history[0].role``), each once."""
        return tuple(dict.fromkeys(name for name, _ in self.problems))


class RenderFailed(PromptuaryError):
    """The template cannot be rendered with these values, or takes too much."""


class Refused(PromptuaryError):
    """The gate refused the change; each of ``diagnostics`` has rule, message, path, line, column, severity."""

    diagnostics: tuple[Mapping[str, Any], ...] = ()


class Unavailable(PromptuaryError):
    """There is no answer that can be used. ``unsent`` says that the server has certainly done nothing."""

    retry_after: float | None = None
    unsent: bool = False


class Untrustworthy(Unavailable):
    """The answer is not what it says it is, or not that of a Promptuary server."""


_BY_STATUS: Mapping[int, type[PromptuaryError]] = {
    308: Moved,
    401: Unauthorized,
    403: Denied,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    428: PreconditionFailed,
}
_BY_NAME: Mapping[str, type[PromptuaryError]] = {
    "variables-invalid": VariablesInvalid,
    "render-failed": RenderFailed,
    "render-limit": RenderFailed,
    "refused": Refused,
}


def problem_error(status: int, body: bytes, headers: Mapping[str, str]) -> PromptuaryError:
    """The error that an answer which is no success tells of, whether its body is a problem or not."""
    problem = _read_problem(body)
    name = str(problem.get("type", "")).partition("#")[2]  # another program's are elsewhere
    kind = _kind(status, name)
    words = problem.get("detail") or problem.get("title") or f"The server answered {status}."
    if kind is Untrustworthy:
        words = f"The server answered {status}, but not as Promptuary does: is the URL that of a Promptuary server?"
    error = kind(str(words))
    error.status, error.type = status, name
    error.request_id = str(problem.get("request_id") or headers.get("x-request-id", ""))
    _add_members(error, problem)
    return error


def _kind(status: int, name: str) -> type[PromptuaryError]:
    """The error for a status and the name of a problem; without one it is a proxy that speaks, not Promptuary.

    A proxy may say that there is no way in or that the server is down, but not what is there and what is not: where one
    answers 404 because its server has gone, what is in memory still holds.
    """
    if status == 429 or status >= 500:
        return _BY_NAME.get(name, Unavailable)
    if (not name and status not in {401, 403}) or name == "route-not-found":
        return Untrustworthy
    return _BY_NAME.get(name) or _BY_STATUS.get(status) or (BadRequest if status >= 400 else Unavailable)


def _read_problem(body: bytes) -> Mapping[str, Any]:
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _add_members(error: PromptuaryError, problem: Mapping[str, Any]) -> None:
    """The fields that a type of problem has of its own; what a server sends in another form is left out."""
    if isinstance(error, NotFound):
        error.nearest = tuple(str(name) for name in _listed(problem, "nearest"))
    if isinstance(error, Gone) and isinstance(problem.get("last_version"), int):
        error.last_version = problem["last_version"]
    if isinstance(error, Moved):
        error.to = str(problem.get("to", ""))
    if isinstance(error, PreconditionFailed):
        error.etag, error.version = problem.get("etag"), problem.get("version")
    if isinstance(error, VariablesInvalid):
        pairs = [each for each in _listed(problem, "problems") if isinstance(each, dict)]
        error.problems = tuple((str(each.get("field", "")), str(each.get("message", ""))) for each in pairs)
    if isinstance(error, Refused):
        error.diagnostics = tuple(each for each in _listed(problem, "diagnostics") if isinstance(each, dict))


def _listed(problem: Mapping[str, Any], key: str) -> list[Any]:
    found = problem.get(key)
    return found if isinstance(found, list) else []
