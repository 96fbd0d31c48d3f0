"""Reading all prompts of a Langfuse project over its REST API."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from api.commands.importing.kept_reads import AGAIN, KeptReads, kept_reads
from api.commands.importing.source_server import SourceServer, plain_address
from api.commands.progress import shown_progress
from api.commands.request_threads import request_threads
from registry.domain.importing.imported import Imported, SourceUnreadable
from registry.domain.importing.langfuse import gather
from registry.domain.importing.source_values import number_of
from registry.domain.wording import shown
from registry.settings import LangfuseSettings

PROMPTS = "/api/public/v2/prompts"
HEALTH = "/api/public/health"
PAGE = 100
READERS = 4
"""Versions read at a time: more than one hides the way to the server, and few are kind to its limits."""
_KEYS = "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"
_WAY = "no key was sent; --from langfuse says that it is Langfuse's, --from git that it is a Git repository"
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def read_langfuse(address: str, *, named: bool) -> list[Imported]:
    """Every version of every prompt. ``named``: somebody said that the server is Langfuse's.

    Raises SourceUnreadable where the server cannot be read to the end.
    """
    server = _open(address)
    if not named and not _is_set(server.address):
        _check_is_langfuse(server.address)
    wanted = [(name, number, state) for name, numbers, state in _listed(server) for number in numbers]
    with (
        kept_reads(server.address, LangfuseSettings().public_key) as kept,
        shown_progress("read", len(wanted)) as step,
        request_threads(READERS) as pool,
    ):
        entries = [each for each in pool.map(lambda each: _version(server, kept, *each), wanted) if step() is None]
    return gather(entries, server.address)


def _open(address: str) -> SourceServer:
    """A Langfuse server, and the keys of one of its projects."""
    settings = LangfuseSettings()
    if not settings.public_key or settings.secret_key is None:
        raise SourceUnreadable(f"set {_KEYS} to the keys of the project; of another tool say --from mlflow or git")
    keys = f"{settings.public_key}:{settings.secret_key.get_secret_value()}"
    headers = {"Authorization": f"Basic {base64.b64encode(keys.encode()).decode()}"}
    return SourceServer(plain_address(address, "/api/public"), "Langfuse", f"the keys in {_KEYS}", headers, AGAIN)


def _is_set(address: str) -> bool:
    """Whether the environment says that this is the server."""
    host = LangfuseSettings().host
    try:
        return bool(host) and plain_address(host, "/api/public") == address
    except SourceUnreadable:
        return False


def _check_is_langfuse(address: str) -> None:
    """Raises SourceUnreadable where a server does not answer as Langfuse does; it gets no key for that."""
    server = SourceServer(address, "Langfuse", "to tell what it is", again="try again")
    try:
        said = server.get(HEALTH)
    except SourceUnreadable as error:
        raise SourceUnreadable(f"{error} ({_WAY})") from None
    if not isinstance(said.get("status"), str) or not _VERSION.match(str(said.get("version"))):
        raise SourceUnreadable(f"{address} does not answer as Langfuse does ({_WAY})")


def _listed(server: SourceServer) -> Iterator[tuple[str, list[int], str]]:
    """The names of all prompts, each with the numbers of its versions and a word that changes with them."""
    page, pages = 1, 1
    seen: set[tuple[str, tuple[int, ...]]] = set()
    while page <= pages:
        answer = server.get(PROMPTS, page=page, limit=PAGE)
        entries, meta = answer.get("data"), answer.get("meta")
        if not isinstance(entries, list):
            raise SourceUnreadable(f"{server.address}{PROMPTS} answered no list of prompts: check the address")
        before = len(seen)
        for each in entries:
            name, numbers = _identity(each, server)
            if (name, tuple(numbers)) not in seen:
                seen.add((name, tuple(numbers)))
                yield name, numbers, f"{each.get('lastUpdatedAt')} {each.get('labels')}"
        if not entries:  # whatever it says of the number of its pages
            return
        if len(seen) == before:
            raise SourceUnreadable(
                f"{server.address}{PROMPTS} lists on page {page} only what it listed before: say it again, and if it "
                "stays so, export the prompts there to a file"
            )
        total = meta.get("totalPages") if isinstance(meta, dict) else None
        pages = total if isinstance(total, int) else page + 1 if len(entries) == PAGE else page
        page += 1


def _identity(entry: Any, server: SourceServer) -> tuple[str, list[int]]:
    """The name of a prompt and the numbers of its versions."""
    if not isinstance(entry, dict) or not isinstance(entry.get("versions"), list):
        raise SourceUnreadable(f"{server.address}{PROMPTS} lists something that is no prompt")
    name = str(entry.get("name"))
    numbers = [number for each in entry["versions"] if (number := number_of(each)) is not None]
    if any("\ud800" <= sign <= "\udfff" for sign in name) or len(numbers) < len(entry["versions"]):
        raise SourceUnreadable(f"{server.address}{PROMPTS} lists {shown(name)}, which cannot be asked for")
    return name, numbers


def _version(server: SourceServer, kept: KeptReads, name: str, number: int, state: str) -> dict[str, Any]:
    """One version, with its references as they are written; from an import that broke off, if nothing changed since."""
    path = f"{PROMPTS}/{quote(name, safe='')}"
    return kept.get(json.dumps([name, number, state]), lambda: server.get(path, version=number, resolve="false"))
