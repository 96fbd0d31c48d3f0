"""Asking a server: the few calls that the command line makes, on the standard library's HTTP client."""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from api.commands.output import REFUSED, UNUSABLE, fail
from registry.settings import ClientSettings

TIMEOUT_SECONDS = 30


def render_remotely(
    name: str, values: Mapping[str, Any], *, repository: str | None, query: Mapping[str, Any]
) -> dict[str, Any]:
    """The server's rendering. Ends the program where the server says no or cannot be reached."""
    settings = ClientSettings()
    key = _sendable_key(settings.key.get_secret_value() if settings.key is not None else "")
    shown = _without_password(settings.url)
    if not key:
        fail(f"{name} is not in this checkout, and PROMPTUARY_KEY is not set to ask {shown} for it", UNUSABLE)
    given = {key: value for key, value in query.items() if value is not None}
    where = f"/api/v1/repositories/{quote(repository or settings.repository, safe='')}/render/{quote(name)}"
    address = settings.url.strip().rstrip("/") + where + (f"?{urlencode(given)}" if given else "")
    if not address.startswith(("http://", "https://")) or not address.isascii() or not address.isprintable():
        fail(f"PROMPTUARY_URL {shown!r} is no address: it begins with http:// or https://, all in ASCII", UNUSABLE)
    request = Request(  # noqa: S310  (the scheme was checked)
        address,
        data=json.dumps({"variables": dict(values)}).encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        },
        method="POST",
    )
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  (the same)
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        _refused(error)
    except URLError as error:
        fail(f"{shown} cannot be asked: {error.reason}. Set PROMPTUARY_URL to the server's address", UNUSABLE)
    except (OSError, HTTPException, ValueError) as error:
        # Their texts may quote what was sent; the kind of the error says enough.
        reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
        fail(f"{shown} gave no answer that can be read ({reason}). Is PROMPTUARY_URL the server's address?", UNUSABLE)


def _sendable_key(key: str) -> str:
    """The key without the white space around it. Ends the program where it cannot stand in a header; never shows it."""
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        found = "white space or control characters" if key.isascii() else "characters that are not ASCII"
        fail(f"PROMPTUARY_KEY holds {found}: a key is pmt_ and letters, digits, - and _, nothing else", UNUSABLE)
    return key


def _without_password(url: str) -> str:
    """An address as it can be shown."""
    scheme, mark, rest = url.strip().partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else "(hidden)" if "@" in url else url


def _refused(error: HTTPError) -> NoReturn:
    try:
        problem = json.load(error)
    except ValueError:
        problem = {}
    lines = [str(problem.get("detail") or f"the server answered {error.code}")]
    lines += [f"  {each.get('field')}: {each.get('message')}" for each in problem.get("problems") or []]
    fail("\n".join(lines), REFUSED if error.code < 500 else UNUSABLE)
