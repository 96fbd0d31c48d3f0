"""Asking a server: the few calls that the command line makes, on the standard library's HTTP client."""

import json
from collections.abc import Mapping
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
    if settings.key is None:
        fail(f"{name} is not in this checkout, and PROMPTUARY_KEY is not set to ask {settings.url} for it", UNUSABLE)
    given = {key: value for key, value in query.items() if value is not None}
    where = f"/api/v1/repositories/{quote(repository or settings.repository, safe='')}/render/{quote(name)}"
    address = settings.url.rstrip("/") + where + (f"?{urlencode(given)}" if given else "")
    if not address.startswith(("http://", "https://")):
        fail(f"PROMPTUARY_URL {settings.url!r} is no address: it begins with http:// or https://", UNUSABLE)
    request = Request(  # noqa: S310  (the scheme was checked)
        address,
        data=json.dumps({"variables": dict(values)}).encode(),
        headers={
            "Authorization": f"Bearer {settings.key.get_secret_value()}",
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
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        fail(f"{settings.url} cannot be asked: {reason}. Set PROMPTUARY_URL to the server's address", UNUSABLE)


def _refused(error: HTTPError) -> NoReturn:
    try:
        problem = json.load(error)
    except ValueError:
        problem = {}
    lines = [str(problem.get("detail") or f"the server answered {error.code}")]
    lines += [f"  {each.get('field')}: {each.get('message')}" for each in problem.get("problems") or []]
    fail("\n".join(lines), REFUSED if error.code < 500 else UNUSABLE)
