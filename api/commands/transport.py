"""Requests to a server on the standard library's HTTP client, and what comes back."""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from api.commands.addresses import without_password
from api.commands.output import plain

TIMEOUT_SECONDS = 30.0
"""How long a server may be silent."""
DEADLINE_SECONDS = 300.0
"""How long a whole answer may take, however busily it trickles."""
MAX_ANSWER_BYTES = 256 * 1024 * 1024
NOT_OURS = "answered something that is not Promptuary's; check that it is the server's address"
_CHUNK = 1 << 16


class NoAnswer(Exception):
    """The server cannot be asked, or its answer cannot be read; the text says why, and holds no key.

    ``sent`` says that the server had the request: nobody knows what became of it.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; the names of the headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    def json(self, *needs: str) -> dict[str, Any]:
        """The body as an object that has these fields. Raises NoAnswer where it is none."""
        try:
            found = json.loads(self.data)
        except ValueError:
            found = None
        if not isinstance(found, dict) or any(field not in found for field in needs):
            raise NoAnswer(NOT_OURS)
        return found

    @property
    def problem(self) -> dict[str, Any]:
        """The problem that a refusal tells; empty where it tells none."""
        try:
            return self.json()
        except NoAnswer:
            return {}


class Transport:
    """The way to a server. Redirections are not followed, so that a key goes nowhere else."""

    def __init__(self, url: str) -> None:
        self.root = url.strip().rstrip("/")
        self.shown = without_password(url)

    def send(self, request: Request) -> Reply:
        """Sends a request, and gives the answer whatever its status. Raises NoAnswer."""
        try:
            with build_opener(_NoRedirection).open(request, timeout=TIMEOUT_SECONDS) as answer:
                reply = Reply(answer.status, _lowered(answer.headers), _read(answer))
        except HTTPError as error:
            with error:
                return Reply(error.code, _lowered(error.headers), self._read_refusal(error))
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswer(self._reason(error), sent=not isinstance(error, URLError)) from None
        if reply.headers.get("content-type", "").partition(";")[0] != request.get_header("Accept"):
            raise NoAnswer(f"{self.shown} {NOT_OURS}")
        return reply

    def _read_refusal(self, error: HTTPError) -> bytes:
        try:
            return _read(error)
        except (OSError, HTTPException) as failure:
            raise NoAnswer(self._reason(failure)) from None

    def _reason(self, error: Exception) -> str:
        """Why there is no answer. Errors' texts may quote what was sent, so only the system's own are shown."""
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{self.shown} cannot be trusted: its certificate does not hold ({plain(cause.verify_message)})"
        if isinstance(cause, ssl.SSLError):
            return f"{self.shown} does not speak TLS as it should ({cause.reason or 'no reason given'}): http or https?"
        if isinstance(cause, TimeoutError):
            return f"{self.shown} took too long to answer; it may be busy, or the wrong address. Try again"
        if isinstance(error, URLError):
            said = cause.strerror if isinstance(cause, OSError) and cause.strerror else type(cause).__name__
            return f"{self.shown} cannot be asked: {said}. Set PROMPTUARY_URL (or --url) to the server's address"
        said = (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
        return f"{self.shown} gave no answer that can be read ({said}); check that it is the server's address"


class _NoRedirection(HTTPRedirectHandler):
    """Leaves a redirection as it is: an answer like others."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """No redirection."""


def _lowered(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _read(answer: Any) -> bytes:
    """The whole body. Raises OSError for one without an end, or that ends too soon."""
    until, data = time.monotonic() + DEADLINE_SECONDS, bytearray()
    while chunk := answer.read1(_CHUNK):
        data += chunk
        if time.monotonic() > until:
            raise TimeoutError
        if len(data) > MAX_ANSWER_BYTES:
            raise OSError(0, "it is too large")
    if getattr(answer, "length", None):
        raise OSError(0, "it ends too soon")
    return bytes(data)
