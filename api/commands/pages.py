"""Reading lists of a server to their end, or to as many entries as are wanted."""

from typing import Any

from api.commands.output import warn
from api.commands.remote import Server

LARGEST_PAGE = 500


def read_all(
    server: Server, *path: str, entries: str, limit: int, largest: int = LARGEST_PAGE, **query: Any
) -> dict[str, Any]:
    """The last page, with the entries of all pages up to ``limit``; ``next_cursor`` is where the rest begins."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = server.get(*path, needs=[entries], **query, limit=min(largest, limit - len(found)), cursor=cursor)
        found += page[entries]
        cursor = page.get("next_cursor")
        if cursor is None or len(found) >= limit or not page[entries]:
            return {**page, entries: found, "next_cursor": cursor}


def tell_more(page: dict[str, Any], shown: int) -> None:
    """Says on standard error where there is more than what is shown."""
    if page.get("next_cursor") is not None:
        warn(f"{more_than(shown)}: see them with a larger --limit")


def more_than(shown: int) -> str:
    """How it is said that a list goes on."""
    return f"there are more than these {shown}" if shown != 1 else "there are more than this one"
