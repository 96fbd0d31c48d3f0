"""Pages for people who sign in: a few forms, made here, without a script."""

from functools import cache
from importlib.resources import files

import minijinja
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.page_texts import TEXTS

FIRST_PAGE = "/sign-in"
"""Where people come out who did not want to be anywhere: it says who is signed in, and where to go."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_LONGEST_PATH = 1_024


def page(name: str, request: Request, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page of ``api/templates``, in the reader's language. Everything that stands in it is escaped."""
    language = language_of(request)
    shown = _environment().render_template(f"{name}.html", **values, t=TEXTS[language], language=language)
    headers = {"content-security-policy": POLICY, "cache-control": "no-store", "vary": "Accept-Language"}
    return HTMLResponse(shown, status, headers)


def local_path(text: str | None) -> str:
    """Where to go on: an address of this server, else who is signed in. What looks like another server's is not taken.

    Browsers read a backslash as a slash, and leave out tabs and line ends.
    """
    found = text or FIRST_PAGE
    is_local = len(found) <= _LONGEST_PATH and found.startswith("/") and not found.startswith(("//", "/\\"))
    return found if is_local and all("!" <= letter <= "~" and letter != "\\" for letter in found) else FIRST_PAGE


def language_of(request: Request) -> str:
    """The language that a browser asks for most among those that there are."""
    weights: dict[str, float] = {}
    for part in request.headers.get("accept-language", "")[:200].lower().split(","):
        tag, _, weight = part.partition(";q=")
        language = tag.strip().partition("-")[0]
        weights.setdefault(language, _weight(weight))
    known = [language for language in TEXTS if weights.get(language)]
    return max(known, key=lambda language: weights[language], default="en")


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0


@cache
def _environment() -> minijinja.Environment:
    folder = files("api").joinpath("templates")

    def load(name: str) -> str:
        return folder.joinpath(name).read_text("utf-8")

    return minijinja.Environment(loader=load, auto_escape_callback=lambda _name: "html", undefined_behavior="strict")
