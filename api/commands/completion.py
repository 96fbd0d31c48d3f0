"""What the Tab key completes from a server: names and labels, where there is a key or a login.

Silent and quick: whoever types waits for it, and anything but words would stand in the middle of the line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from api.commands.remote import Server

SECONDS = 1.0
"""How long it may take; what is known by then is offered."""
LARGEST_PAGE = 500
MOST_HITS = 100


@dataclass(frozen=True, slots=True)
class _List:
    """A list of a server: its path, the field with its entries, and which of them."""

    path: str
    entries: str
    query: Mapping[str, Any] = field(default_factory=dict)


_LABELS = _List("labels", "labels")


def complete_name(context: typer.Context, incomplete: str) -> list[str]:
    """The names of templates that begin so."""
    folder, _, last = incomplete.rpartition("/")
    listed = _List("templates", "templates", {"folder": folder or None, "limit": LARGEST_PAGE})
    # Where there are more, those that begin so may be anywhere behind the first page; a search finds them.
    found = _List("search", "hits", {"folder": folder or None, "q": last, "limit": MOST_HITS})
    return _begin(_asked(context, *([listed, found] if last else [listed])), incomplete)


def complete_label(context: typer.Context, incomplete: str) -> list[str]:
    """The labels that begin so."""
    return _begin(_asked(context, _LABELS), incomplete)


def complete_state_label(context: typer.Context, incomplete: str) -> list[str]:
    """The same with the one that is built in."""
    return _begin([*_asked(context, _LABELS), "latest"], incomplete)


def _begin(words: list[str], incomplete: str) -> list[str]:
    return sorted(word for word in set(words) if word.startswith(incomplete))


def _asked(context: typer.Context, *lists: _List) -> list[str]:
    """The names in the first of the lists, and in the next while one goes on; those that are here in time."""
    from api.commands.request_threads import within

    found: list[str] = []
    within(SECONDS, lambda: _read(context.params, found, lists))
    return list(found)


def _read(given: dict[str, Any], found: list[str], lists: Sequence[_List]) -> None:
    try:
        server = _server(given)
        if server is None:
            return
        for each in lists:
            page = server.call("GET", each.path, query=each.query).json(each.entries)
            found.extend(str(entry["name"]) if isinstance(entry, dict) else str(entry) for entry in page[each.entries])
            if page.get("next_cursor") is None:
                break
    except Exception:  # noqa: BLE001  (whatever it is, nothing is completed, and nobody asked)
        return


def _server(given: dict[str, Any]) -> "Server | None":
    """The server of the options that were typed, else of the environment; None where that cannot be asked."""
    from api.commands.addresses import address_fault
    from api.commands.logins import find_login
    from api.commands.remote import Server
    from registry.settings import ClientSettings

    settings = ClientSettings()
    address = given.get("url") or settings.url
    file = given.get("key_file")
    if address_fault(address):
        return None
    set_key = file.read_text("utf-8").strip() if file else settings.key.get_secret_value() if settings.key else ""
    key = set_key or find_login(address)
    return None if not key else Server(address, key, given.get("repository") or settings.repository)
