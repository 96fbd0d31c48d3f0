"""Reading all prompts of a Langfuse project over its REST API."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from api.commands.import_progress import shown_progress
from api.commands.kept_reads import KeptReads, kept_reads
from registry.domain.importing.imported import Imported, SourceUnreadable
from registry.domain.importing.langfuse import gather
from registry.settings import LangfuseSettings

PROMPTS = "/api/public/v2/prompts"
PAGE = 100
TIMEOUT_SECONDS = 30.0
ATTEMPTS = 6
LONGEST_WAIT_SECONDS = 60.0
READERS = 4
"""Versions read at a time: more than one hides the way to the server, and few are kind to its limits."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_AGAIN = "nothing was written, and what was read is kept for a day: say it again, and only the rest is read"


def read_langfuse(address: str) -> list[Imported]:
    """Every version of every prompt. Raises SourceUnreadable where the server cannot be read to the end."""
    server = _Server(address)
    wanted = [(name, number, state) for name, numbers, state in _listed(server) for number in numbers]
    with (
        kept_reads(server.shown, LangfuseSettings().public_key) as kept,
        shown_progress("read", len(wanted)) as step,
        ThreadPoolExecutor(READERS) as pool,
    ):
        reads = pool.map(lambda each: _version(server, kept, *each), wanted)
        try:
            return gather((entry for entry in reads if step() is None), server.shown)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Server:
    """A Langfuse server, and the keys of one of its projects."""

    def __init__(self, address: str) -> None:
        settings = LangfuseSettings()
        if not settings.public_key or settings.secret_key is None:
            raise SourceUnreadable("set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY to the keys of the project")
        keys = f"{settings.public_key}:{settings.secret_key.get_secret_value()}"
        scheme, _, rest = address.strip().partition("://")
        self.shown = f"{scheme}://{rest.rpartition('@')[2]}".partition("/api/public")[0].rstrip("/")
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(keys.encode()).decode()}",
            "Accept": "application/json",
        }

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON object at a path. Waits where the server asks for it. Raises SourceUnreadable."""
        for attempt in range(ATTEMPTS):
            try:
                return self._once(path, query)
            except _NotNow as error:
                if attempt == ATTEMPTS - 1:
                    raise SourceUnreadable(f"{self.shown} {error}: {_AGAIN}") from None
                asked = error.seconds
                time.sleep(min(LONGEST_WAIT_SECONDS, asked if asked is not None else 0.2 * 2**attempt))
        raise AssertionError("the last attempt raises")

    def _once(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        request = Request(f"{self.shown}{path}?{urlencode(query)}", headers=self._headers)  # noqa: S310  (http or https)
        try:
            with build_opener(_NoRedirection).open(request, timeout=TIMEOUT_SECONDS) as answer:
                data = answer.read(MAX_ANSWER_BYTES)
        except HTTPError as error:
            with error:
                raise self._refused(error, path) from None
        except (OSError, HTTPException, ValueError) as error:
            cause = error.reason if isinstance(error, URLError) else error
            said = (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
            raise _NotNow(f"gave no answer ({said})") from None
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise SourceUnreadable(f"{self.shown}{path} answered something that is not Langfuse's: check the address")
        return found

    def _refused(self, error: HTTPError, path: str) -> Exception:
        if error.code == 429 or error.code >= 500:
            said = str(error.headers.get("Retry-After") or "")
            return _NotNow(f"answered {error.code}", float(said) if said.isdecimal() else None)
        if error.code in {401, 403}:
            return SourceUnreadable(f"{self.shown} refuses the keys in LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")
        if 300 <= error.code < 400:
            return SourceUnreadable(f"{self.shown} answers from elsewhere ({error.code}): give that address")
        return SourceUnreadable(f"{self.shown}{path} answered {error.code}: check that it is a Langfuse server")


class _NoRedirection(HTTPRedirectHandler):
    """Leaves a redirection as it is, so that the keys go nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """No redirection."""


class _NotNow(Exception):
    """The server cannot answer at the moment; ``seconds`` is how long it asks to wait."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


def _listed(server: _Server) -> Iterator[tuple[str, list[int], str]]:
    """The names of all prompts, each with the numbers of its versions and a word that changes with them."""
    page, pages = 1, 1
    while page <= pages:
        answer = server.get(PROMPTS, page=page, limit=PAGE)
        entries, meta = answer.get("data"), answer.get("meta")
        if not isinstance(entries, list):
            raise SourceUnreadable(f"{server.shown}{PROMPTS} answered no list of prompts: check the address")
        for each in entries:
            if not isinstance(each, dict) or not isinstance(each.get("versions"), list):
                raise SourceUnreadable(f"{server.shown}{PROMPTS} lists something that is no prompt")
            yield str(each.get("name")), each["versions"], f"{each.get('lastUpdatedAt')} {each.get('labels')}"
        total = meta.get("totalPages") if isinstance(meta, dict) else None
        pages = total if isinstance(total, int) else page + 1 if len(entries) == PAGE else page
        page += 1


def _version(server: _Server, kept: KeptReads, name: str, number: int, state: str) -> dict[str, Any]:
    """One version, with its references as they are written; from an import that broke off, if nothing changed since."""
    asked = json.dumps([name, number, state])
    answer = kept.find(asked)
    if answer is None:
        answer = server.get(f"{PROMPTS}/{quote(name, safe='')}", version=number, resolve="false")
        kept.add(asked, answer)
    return answer
