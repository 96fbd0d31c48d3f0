"""The error tree. Services raise these; ``api/errors.py`` has the one table from error to status.

PromptuaryError
├── NotFound               RepositoryNotFound, TemplateNotFound, VersionNotFound, LabelNotFound, RevisionNotFound
├── TemplateGone           deleted; knows its last version
├── TemplateMoved          renamed; knows where to
├── Conflict               RefMoved, RepositoryExists, WriteBusy
├── PreconditionFailed     the state is not the one that the caller named (If-Match)
├── PreconditionRequired   the caller named no state
├── KeyReused              the same Idempotency-Key with another request
├── Refused                the gate said no; carries the diagnostics
├── Denied                 the caller may see but not do this
├── Unauthenticated        no key, or one that is unknown, expired or revoked
├── BadRequest             a name, selector, cursor or query that cannot be read
├── VariablesInvalid       the values do not fit the declaration; carries problems
├── RenderFailed           the template cannot be rendered with these values
├── RenderLimit            rendering took too much time or memory
├── PayloadTooLarge
├── TooManyRequests        more than a rate limit allows; knows when to try again
└── Unavailable            a dependency is away, the disk is full or read-only
"""

from collections.abc import Sequence

from registry.domain.aims import Aim
from registry.domain.diagnostics import Diagnostic
from registry.domain.rate_limits import Allowance


class PromptuaryError(Exception):
    """Something that the caller can understand and mend. The docstring is the default message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").split("\n")[0])

    @property
    def message(self) -> str:
        """What to tell the caller."""
        return str(self.args[0])


class NotFound(PromptuaryError):
    """There is nothing of that name."""

    def __init__(self, message: str = "", *, nearest: Sequence[str] = (), hidden: Aim | None = None) -> None:
        """``hidden``: what the caller may not see, there or not, where that is why. No answer may differ by it."""
        if nearest:
            message = f"{message} Nearest: {', '.join(nearest)}."
        super().__init__(message)
        self.nearest = tuple(nearest)
        self.hidden = hidden


class RepositoryNotFound(NotFound):
    """There is no such repository."""


class TemplateNotFound(NotFound):
    """There is no such template; ``moved`` says what became of one that there was."""

    def __init__(
        self,
        message: str,
        *,
        nearest: Sequence[str] = (),
        hidden: Aim | None = None,
        moved: "TemplateMoved | None" = None,
    ) -> None:
        super().__init__(message, nearest=nearest, hidden=hidden)
        self.moved = moved


class VersionNotFound(NotFound):
    """The template has no such version."""


class VersionPurged(VersionNotFound):
    """The version was there, and its content was purged."""


class LabelNotFound(NotFound):
    """The template does not carry that label."""


class RevisionNotFound(NotFound):
    """No branch, tag or reachable commit has that name."""


class TemplateGone(PromptuaryError):
    """The template was deleted."""

    def __init__(self, message: str, *, last_version: int) -> None:
        super().__init__(message)
        self.last_version = last_version


class TemplateMoved(PromptuaryError):
    """The template was renamed.

    ``names`` are those that it had since, ``to`` the last of them; who does not see all of them is told ``gone``.
    """

    def __init__(self, message: str, *, to: str, names: Sequence[str] = (), gone: TemplateGone | None = None) -> None:
        super().__init__(message)
        self.to = to
        self.names = names or (to,)
        self.gone = gone


class Conflict(PromptuaryError):
    """The change does not fit the present state."""


class RefMoved(Conflict):
    """The ref moved meanwhile: fetch and try again."""


class RepositoryExists(Conflict):
    """A repository of that name exists."""


class PreconditionFailed(PromptuaryError):
    """The template changed since you read it."""

    def __init__(self, message: str = "", *, etag: str | None = None, version: int | None = None) -> None:
        super().__init__(message)
        self.etag = etag
        self.version = version


class PreconditionRequired(PromptuaryError):
    """Say which state you change: If-Match with the ETag that you read, or If-None-Match: * for a new template."""


class KeyReused(PromptuaryError):
    """This Idempotency-Key came with another request before; nothing was changed. Use a new key for a new request."""


class Refused(PromptuaryError):
    """The gate refused the change."""

    def __init__(self, message: str, *, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class Denied(PromptuaryError):
    """You may not do this."""

    def __init__(self, message: str = "", *, aim: Aim | None = None) -> None:
        super().__init__(message)
        self.aim = aim or Aim()


class Unauthenticated(PromptuaryError):
    """You are not identified: by a valid key, a session or a password."""


class BadRequest(PromptuaryError):
    """The request cannot be understood."""


class PasswordRefused(BadRequest):
    """A new password will not do; ``fault`` is a ``PasswordFault``, for who says so in other words."""

    def __init__(self, message: str, fault: str) -> None:
        super().__init__(message)
        self.fault = fault


class VariablesInvalid(PromptuaryError):
    """The variables do not fit the template's declaration."""

    def __init__(self, message: str, *, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class RenderFailed(PromptuaryError):
    """The template cannot be rendered with these values."""


class RenderLimit(PromptuaryError):
    """Rendering was stopped: it takes too much time or memory [render-limit]."""


class PayloadTooLarge(PromptuaryError):
    """The request body is larger than this server takes."""


class TooManyRequests(PromptuaryError):
    """There were too many requests."""

    def __init__(self, message: str, *, seconds: int, allowance: Allowance | None = None) -> None:
        """``seconds`` is after how many of them there may be another one, ``allowance`` what the limit said."""
        super().__init__(message)
        self.seconds = seconds
        self.allowance = allowance


class Unavailable(PromptuaryError):
    """The server cannot do this just now; nothing was changed. Try again later."""
