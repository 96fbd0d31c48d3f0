"""What is noted of a request that is denied: what it was about, and why."""

from collections.abc import Sequence
from unicodedata import normalize

from starlette.types import Scope

from api.redaction import hide_tokens
from registry.domain.aims import Aim
from registry.domain.branches import HEADS
from registry.domain.denied import Denial, denials_of
from registry.domain.errors import BadRequest, PromptuaryError
from registry.domain.names import repository_name

DENIALS = "promptuary.denials"
"""Where in the ASGI scope it stands what was denied."""

_IN_PATH = ("/api/v1/repositories/", "/git/")
_BRANCH = "/branches/{name}"


def note_denied(error: PromptuaryError, scope: Scope) -> None:
    """Notes what an error denies, before it is made the answer that the caller may see."""
    if denials := denials_of(error):
        scope[DENIALS] = denials


def note_denial(scope: Scope, reason: str) -> None:
    """The same of an answer that is made of no such error."""
    scope[DENIALS] = [Denial(reason=reason)]


def aims_of(denials: Sequence[Denial], scope: Scope, route: str) -> list[Aim]:
    """What was denied each time: as its error says it, else as the address does; with no key of ours in it."""
    asked = _asked(scope, route)
    found = (denial.aim.within(asked) for denial in denials)
    return [Aim(*(hide_tokens(text.encode()).decode() if text else None for text in aim)) for aim in found]


def _asked(scope: Scope, route: str) -> Aim:
    """What the address is about."""
    told = scope.get("path_params", {})
    name = normalize("NFC", told["name"]) if "name" in told else None
    is_branch = route.endswith(_BRANCH)
    return Aim(
        _repository_in(scope["path"]),
        name=None if is_branch else name,
        label=told.get("label"),
        ref=f"{HEADS}{name}" if is_branch else None,
    )


def _repository_in(path: str) -> str | None:
    """The repository that an address names; None where no repository can be called so."""
    for folder in _IN_PATH:
        if path.startswith(folder):
            try:
                return repository_name(path.removeprefix(folder).partition("/")[0].removesuffix(".git"))
            except BadRequest:
                return None
    return None
