"""What the Tab key completes from a server: names and labels, where PROMPTUARY_KEY is set.

Silent and quick: whoever types waits for it, and anything but words would stand in the middle of the line.
"""

import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from api.commands.remote import Server

SECONDS = 1.0
"""How long it may take; what is known by then is offered."""
LARGEST_PAGE = 500


def complete_name(context: typer.Context, incomplete: str) -> list[str]:
    """The names of templates that begin so."""
    folder = incomplete.rpartition("/")[0]
    return _begin(_asked(context, "templates", "templates", folder=folder or None, limit=LARGEST_PAGE), incomplete)


def complete_label(context: typer.Context, incomplete: str) -> list[str]:
    """The labels that begin so."""
    return _begin(_asked(context, "labels", "labels"), incomplete)


def complete_state_label(context: typer.Context, incomplete: str) -> list[str]:
    """The same with the one that is built in."""
    return _begin([*_asked(context, "labels", "labels"), "latest"], incomplete)


def _begin(words: list[str], incomplete: str) -> list[str]:
    return sorted(word for word in words if word.startswith(incomplete))


def _asked(context: typer.Context, path: str, entries: str, **query: Any) -> list[str]:
    """The names of the entries of a list; those that are here in time."""
    found: list[str] = []
    # A server may be silent, or trickle: nobody waits for the thread.
    asking = Thread(target=_read, args=(context.params, found, path, entries, query), daemon=True)
    asking.start()
    asking.join(SECONDS)
    return list(found)


def _read(given: dict[str, Any], found: list[str], path: str, entries: str, query: dict[str, Any]) -> None:
    until = time.monotonic() + SECONDS
    try:
        server = _server(given)
        cursor: str | None = None
        while server is not None and time.monotonic() < until:
            page = server.call("GET", path, query={**query, "cursor": cursor})
            listed = page.json(entries)
            found.extend(str(each["name"]) if isinstance(each, dict) else str(each) for each in listed[entries])
            cursor = listed.get("next_cursor")
            if cursor is None:
                break
    except Exception:  # noqa: BLE001  (whatever it is, nothing is completed, and nobody asked)
        return


def _server(given: dict[str, Any]) -> "Server | None":
    """The server of the options that were typed, else of the environment; None where that cannot be asked."""
    from api.commands.addresses import address_fault
    from api.commands.remote import Server
    from registry.settings import ClientSettings

    settings = ClientSettings()
    address = given.get("url") or settings.url
    file = given.get("key_file")
    key = file.read_text("utf-8").strip() if file else settings.key.get_secret_value() if settings.key else ""
    if not key or address_fault(address):
        return None
    return Server(address, key, given.get("repository") or settings.repository)
