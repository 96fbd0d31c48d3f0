"""Asking a server: the calls that the command line makes, on the standard library's HTTP client."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlencode
from urllib.request import Request
from uuid import uuid4

from api.commands.addresses import address_fault, without_password
from api.commands.logins import Login, find_login
from api.commands.output import REFUSED, UNUSABLE, fail, plain
from api.commands.transport import NoAnswer, Reply, Transport
from api.commands.typed import typed_repository
from registry.settings import ClientSettings

READING = frozenset({"render", "check"})
"""What changes nothing, whatever its method."""
IN_DOUBT = "It may have been done nevertheless: look before you repeat it"


class Server:
    """A server, and one of its repositories."""

    def __init__(self, url: str, key: str | Login, repository: str) -> None:
        """``key`` may be the login of somebody, which gives a new access token whenever the last one has expired."""
        self._key = key
        self._way = Transport(url)
        self.shown = self._way.shown
        self.repository = repository

    @property
    def git_address(self) -> str:
        """Where Git finds the repository."""
        return f"{self._way.root}/git/{self.repository}.git"

    @property
    def authorization(self) -> str:
        """The header that identifies the caller. A secret: for the environment of a child, never for its arguments."""
        try:
            return f"Authorization: {self._bearer()}"
        except NoAnswer as error:
            fail(str(error), UNUSABLE)

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
        sent = {"Accept": "application/json", **({"Authorization": self._bearer()} if self._key else {})}
        return self._way.send(Request(self._way.root + path, headers=sent))  # noqa: S310  (address_fault checks the scheme)

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
        address = self._way.root + _target(("/api/v1/repositories", self.repository, *path), given)
        sent = {"Authorization": self._bearer(), "Accept": "application/json"}
        if isinstance(body, Mapping):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        writes = method != "GET" and path[0] not in READING
        if writes:
            sent["Idempotency-Key"] = str(uuid4())
        request = Request(address, data=body, headers={**sent, **(headers or {})}, method=method)  # noqa: S310  (address_fault checks the scheme)
        try:
            return self._way.send(request)
        except NoAnswer as error:
            if not (writes and error.sent):
                raise
        return self._way.send(request)

    def _bearer(self) -> str:
        """Raises NoAnswer where the login has ended, or its server gives no new token."""
        return f"Bearer {self._key if isinstance(self._key, str) else self._key.access_token()}"


def open_server(
    url: str | None = None, repository: str | None = None, key_file: Path | None = None, *, why: str = ""
) -> Server:
    """The server of the options, else of the environment. Ends the program where it cannot be asked as that is set.

    ``why`` says before the demand for a key why a server is needed at all.
    """
    settings = ClientSettings()
    address = settings.url if url is None else url
    shown, said = without_password(address), "PROMPTUARY_URL" if url is None else "--url"
    key: str | Login | None = read_key(settings, key_file) or login_at(address)
    if not key:
        way_out = "promptuary login signs in there, --key-file reads a key from a file"
        fail(f"{why}PROMPTUARY_KEY is not set to ask {shown} ({way_out})", UNUSABLE)
    if fault := address_fault(address):
        fail(f"{said} {shown!r} {fault}", UNUSABLE)
    return Server(address, key, typed_repository(settings.repository if repository is None else repository))


def login_at(address: str) -> Login | None:
    """The login at a server. Ends the program where the file of logins cannot be used."""
    try:
        return find_login(address) if address_fault(address) is None else None
    except NoAnswer as error:
        fail(str(error), UNUSABLE)


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
