"""Asking a server of another tool over REST: patiently, never elsewhere, and never for more than it should give."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from api.commands.request_threads import within
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.wording import shown

TIMEOUT_SECONDS = 30.0
ANSWER_SECONDS = 300.0
"""So long one answer may take from its first byte to its last."""
PROBE_SECONDS = 5.0
ATTEMPTS = 6
LONGEST_WAIT_SECONDS = 60.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_SIGNS = re.compile(r"[\x21-\x7e]*")


def plain_address(said: str, *ends: str) -> str:
    """An address as somebody gives it, without credentials and without what begins with one of ``ends``.

    Raises SourceUnreadable where it is none.
    """
    scheme, _, rest = said.strip().partition("://")
    address = f"{scheme.lower()}://{rest.rpartition('@')[2]}"
    for end in ("?", "#", *ends):
        address = address.partition(end)[0]
    try:
        fits = _SIGNS.fullmatch(address) and urlsplit(address).hostname and urlsplit(address).port != 0
    except ValueError:
        fits = False
    if not fits:
        raise SourceUnreadable(f"{shown(address)} is no address: write one such as https://example.com")
    return address.rstrip("/")


@dataclass(frozen=True, slots=True)
class SourceServer:
    """A server at ``address``; ``product`` is whose it is, ``keys`` what to say of keys that it refuses.

    ``again`` is what to say where it stays away.
    """

    address: str
    product: str
    keys: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    again: str = "nothing was written; try again"

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON object at a path. Waits where the server asks for it. Raises SourceUnreadable."""
        for attempt in range(ATTEMPTS):
            try:
                return self._once(path, query)
            except NotNow as error:
                if attempt == ATTEMPTS - 1:
                    raise SourceUnreadable(f"{self.address} {error}: {self.again}") from None
                asked = error.seconds
                time.sleep(min(LONGEST_WAIT_SECONDS, asked if asked is not None else 0.2 * 2**attempt))
        raise AssertionError("the last attempt raises")

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that a write is answered with. Where no answer comes it is not sent again.

        Raises Refused with what the server says, else SourceUnreadable.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._once(path, {}, json.dumps(body).encode())
            except NotNow as error:
                if error.seconds is None or attempt == ATTEMPTS - 1:
                    raise SourceUnreadable(f"{self.address} {error}: {self.again}") from None
                time.sleep(min(LONGEST_WAIT_SECONDS, error.seconds))
        raise AssertionError("the last attempt raises")

    def _once(self, path: str, query: Mapping[str, Any], body: bytes | None = None) -> dict[str, Any]:
        url = f"{self.address}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        headers = {"Accept": "application/json", **self.headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with _open(url, headers, TIMEOUT_SECONDS, body) as answer:
                data = read_answer(answer, MAX_ANSWER_BYTES, f"{self.address}{path} answered with")
        except HTTPError as error:
            with error:
                if body is not None and error.code in {400, 404, 409}:
                    raise _write_refused(error) from None
                raise self._refused(error, path) from None
        except (OSError, HTTPException, ValueError) as error:
            raise NotNow(no_answer(error)) from None
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise SourceUnreadable(
                f"{self.address}{path} answered something that is not {self.product}'s: check the address"
            )
        return found

    def _refused(self, error: HTTPError, path: str) -> Exception:
        if error.code == 429 or error.code >= 500:
            said = str(error.headers.get("Retry-After") or "")
            return NotNow(f"answered {error.code}", float(said) if said.isascii() and said.isdecimal() else None)
        if error.code in {401, 403}:
            return SourceUnreadable(f"{self.address} refuses {self.keys}")
        if 300 <= error.code < 400:
            return SourceUnreadable(f"{self.address} answers from elsewhere ({error.code}): give that address")
        return SourceUnreadable(
            f"{self.address}{path} answered {error.code}: check that it is a server of {self.product}'s"
        )


def read_answer(answer: HTTPResponse, most: int, what: str) -> bytes:
    """The whole body. Raises NotNow where it breaks off or trickles, SourceUnreadable for more than ``most`` bytes."""
    data = bytearray()
    until = time.monotonic() + ANSWER_SECONDS
    while piece := answer.read1(_PIECE_BYTES):
        data += piece
        if len(data) > most:
            raise SourceUnreadable(f"{what} more than {most:,} bytes")
        if time.monotonic() > until:
            raise NotNow("is too slow")
    if answer.length:
        raise NotNow("broke off in its answer")
    return bytes(data)


def no_answer(error: Exception) -> str:
    """What is said of a server that could not be asked."""
    cause = error.reason if isinstance(error, URLError) else error
    return f"gave no answer ({(isinstance(cause, OSError) and cause.strerror) or type(cause).__name__})"


def looks_like_mlflow(address: str) -> bool:
    """Whether the server at an address says within some seconds that it is MLflow's, asked once and without any key."""
    return within(PROBE_SECONDS, lambda: _says_mlflow(address)) is True


def _says_mlflow(address: str) -> bool:
    try:
        with _open(f"{address}/version", {}, PROBE_SECONDS) as answer:
            return re.fullmatch(rb"\d+\.\d+\.\d+[\w.+-]*\s*", answer.read(64)) is not None
    except HTTPError as error:
        with error:
            return error.code == 401 and "mlflow" in str(error.headers.get("WWW-Authenticate")).lower()
    except (OSError, HTTPException, ValueError):
        return False


def _open(url: str, headers: Mapping[str, str], seconds: float, body: bytes | None = None) -> Any:
    request = Request(url, data=body, headers=dict(headers))  # noqa: S310  (http or https: the address is checked)
    return build_opener(_NoRedirection).open(request, timeout=seconds)


def _write_refused(error: HTTPError) -> "Refused":
    try:
        said = json.loads(error.read(MAX_ANSWER_BYTES))
    except (OSError, HTTPException, ValueError, RecursionError):
        said = {}
    found = said if isinstance(said, dict) else {}
    return Refused(str(found.get("error_code", "")), " ".join(str(found.get("message", error.reason)).split())[:400])


class Refused(Exception):
    """The server refuses a write; ``code`` is its word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _NoRedirection(HTTPRedirectHandler):
    """Leaves a redirection as it is, so that the keys go nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """No redirection."""


class NotNow(Exception):
    """The server cannot answer at the moment; ``seconds`` is how long it asks to wait."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds
