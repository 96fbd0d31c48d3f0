"""Asking a server: the calls that the command line makes, on the standard library's HTTP client."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener
from uuid import uuid4

from api.commands.addresses import address_fault, without_password
from api.commands.output import REFUSED, UNUSABLE, fail, plain
from api.commands.typed import typed_repository
from registry.settings import ClientSettings

TIMEOUT_SECONDS = 30.0
"""How long a server may be silent."""
DEADLINE_SECONDS = 300.0
"""How long a whole answer may take, however busily it trickles."""
MAX_ANSWER_BYTES = 256 * 1024 * 1024
READING = frozenset({"render", "check"})
"""What changes nothing, whatever its method."""
NOT_OURS = "answered something that is not Promptuary's; check that it is the server's address"
IN_DOUBT = "It may have been done nevertheless: look before you repeat it"
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


class Server:
    """A server, and one of its repositories."""

    def __init__(self, url: str, key: str, repository: str) -> None:
        self._key = key
        self._root = url.strip().rstrip("/")
        self.shown = without_password(url)
        self.repository = repository

    @property
    def git_address(self) -> str:
        """Where Git finds the repository."""
        return f"{self._root}/git/{self.repository}.git"

    @property
    def authorization(self) -> str:
        """The header that identifies the caller. A secret: for the environment of a child, never for its arguments."""
        return f"Authorization: Bearer {self._key}"

    def ask(self, method: str, *path: str, **given: Any) -> Reply:
        """As ``call``; whatever is no success ends the program with what the server said."""
        try:
            reply = self.call(method, *path, **given)
        except NoAnswer as error:
            doubt = error.sent and method != "GET" and path[0] not in READING
            fail(f"{error}. {IN_DOUBT}" if doubt else str(error), UNUSABLE)
        if reply.status >= 300:
            refuse(reply)
        return reply

    def get(self, *path: str, needs: Sequence[str] = (), **query: Any) -> dict[str, Any]:
        """The JSON object at an address of the repository. Ends the program where there is none with these fields."""
        return self.read(self.ask("GET", *path, query=query), *needs)

    def read(self, reply: Reply, *needs: str) -> dict[str, Any]:
        """The JSON object of a reply. Ends the program where it is none with these fields."""
        try:
            return reply.json(*needs)
        except NoAnswer as error:
            fail(f"{self.shown} {error}", UNUSABLE)

    def look(self, path: str) -> Reply:
        """Asks for what is of no repository, such as ``/readyz``. Raises NoAnswer."""
        sent = {"Accept": "application/json", **({"Authorization": f"Bearer {self._key}"} if self._key else {})}
        return self._send(Request(self._root + path, headers=sent))  # noqa: S310  (address_fault checks the scheme)

    def call(
        self,
        method: str,
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Asks; redirections are not followed, so that the key goes nowhere else. Raises NoAnswer.

        ``path`` are the parts after the repository's name. A mapping as ``body`` is sent as JSON. A write whose answer
        is lost is sent once more under the same Idempotency-Key, so it is done once.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        address = self._root + _target(("/api/v1/repositories", self.repository, *path), given)
        sent = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if isinstance(body, Mapping):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        writes = method != "GET" and path[0] not in READING
        if writes:
            sent["Idempotency-Key"] = str(uuid4())
        request = Request(address, data=body, headers={**sent, **(headers or {})}, method=method)  # noqa: S310  (address_fault checks the scheme)
        try:
            return self._send(request)
        except NoAnswer as error:
            if not (writes and error.sent):
                raise
        return self._send(request)

    def _send(self, request: Request) -> Reply:
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


def open_server(
    url: str | None = None, repository: str | None = None, key_file: Path | None = None, *, why: str = ""
) -> Server:
    """The server of the options, else of the environment. Ends the program where it cannot be asked as that is set.

    ``why`` says before the demand for a key why a server is needed at all.
    """
    settings = ClientSettings()
    address = settings.url if url is None else url
    key = read_key(settings, key_file)
    shown, said = without_password(address), "PROMPTUARY_URL" if url is None else "--url"
    if not key:
        fail(f"{why}PROMPTUARY_KEY is not set to ask {shown} (--key-file reads a key from a file)", UNUSABLE)
    if fault := address_fault(address):
        fail(f"{said} {shown!r} {fault}", UNUSABLE)
    return Server(address, key, typed_repository(settings.repository if repository is None else repository))


def refuse(reply: Reply, *more: str) -> NoReturn:
    """Ends the program with what the server said, and further lines."""
    wrong_question = reply.status == 400 or reply.status >= 500
    fail("\n".join([*refusal_lines(reply), *more]), UNUSABLE if wrong_question else REFUSED)


def refusal_lines(reply: Reply) -> list[str]:
    """What the server said: a line of its own, then one for each finding or field."""
    problem = reply.problem
    first = str(problem.get("detail") or f"the server answered {reply.status}")
    nearest = [str(name) for name in problem.get("nearest") or ()]
    if not all(name in first for name in nearest):
        first += f" Did you mean {' or '.join(nearest)}?"
    fields = [(str(each.get("field")), str(each.get("message"))) for each in _objects(problem.get("problems"))]
    told = [
        f"  {plain(f'{field}: {message}')}"
        for field, message in fields
        if f"{field}: {message}" not in first and f"{field} {message}" not in first
    ]
    for each in (findings := _objects(problem.get("diagnostics"))):
        first = first.removesuffix(f": {each.get('message')}")
    return [plain(first), *told, *finding_lines(findings)]


def finding_lines(diagnostics: Any) -> Iterator[str]:
    """Findings of an answer as ``path:line:column: [rule] message``."""
    for each in _objects(diagnostics):
        mark = "warning: " if each.get("severity") == "warning" else ""
        place = f"{each.get('path')}:{each.get('line')}:{each.get('column')}"
        yield plain(f"{place}: {mark}[{each.get('rule')}] {each.get('message')}")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def read_key(settings: ClientSettings, file: Path | None) -> str:
    """The key without the white space around it. Ends the program where it cannot stand in a header; never shows it."""
    said = "PROMPTUARY_KEY" if file is None else f"--key-file {file}"
    try:
        key = settings.key.get_secret_value() if settings.key is not None else ""
        key = (key if file is None else file.read_text("utf-8")).strip()
    except (OSError, ValueError) as error:
        fail(f"{said}: {(isinstance(error, OSError) and error.strerror) or 'it holds no text'}", UNUSABLE)
    if not key.isascii() or not key.isprintable() or " " in key:
        found = "white space or control characters" if key.isascii() else "characters that are not ASCII"
        fail(f"{said} holds {found}: a key is pmt_ and letters, digits, - and _, nothing else", UNUSABLE)
    return key


def _target(path: Sequence[str], query: Mapping[str, Any]) -> str:
    """Path and query as they stand in an address. Raises NoAnswer where what was typed is no text."""
    try:
        return "/".join(quote(part) for part in path) + (f"?{urlencode(query)}" if query else "")
    except UnicodeEncodeError:
        said = "what was typed holds bytes that are no UTF-8: type it in a terminal that is set to UTF-8"
        raise NoAnswer(said, sent=False) from None


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
