"""Every command of the program, so that a test can say something of all of them and fail where one is left out."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from typer.main import get_command

from api.cli import app

NAME = "고객지원/환불"
SOURCE = "schema: prompt/v1\ntype: text\ntext: Hello.\n"


class Asked(NamedTuple):
    """A command that asks a server.

    ``words`` are what it is given about ``NAME``, which is there; ``missing`` about something that is not there, with
    the exit code. ``writes`` says that it needs a key of scope write; ``text`` that its output is a file's own.
    """

    words: tuple[str, ...]
    missing: tuple[str, ...]
    missing_code: int = 1
    writes: bool = False
    text: bool = False


REMOTE = {
    "list": Asked((), ("--owner", "@nosuch"), 0),
    "get": Asked((NAME,), ("nosuch",), text=True),
    "put": Asked((NAME,), ("nosuch",), writes=True),
    "edit": Asked((NAME,), ("nosuch",), writes=True),
    "log": Asked((NAME,), ("nosuch",)),
    "diff": Asked((NAME, "1", "latest"), ("nosuch",), text=True),
    "search": Asked(("환불",), ("nosuchword",)),
    "export": Asked(("내보냄.json", NAME, "--force"), ("내보냄.json", "nosuch")),
    "import": Asked(("환불.md", "--folder", "들여옴"), ("nosuch.md",), 2, writes=True),
    "render": Asked((NAME, "--ref", "main", "--var", "이름=Kim"), ("nosuch", "--ref", "main"), text=True),
    "label list": Asked((), ("nosuch",)),
    "label get": Asked(("canary", NAME), ("canary", "nosuch")),
    "label set": Asked(("canary", NAME, "2"), ("canary", "nosuch", "1"), writes=True),
    "label drop": Asked(("canary", NAME), ("canary", "nosuch"), writes=True),
    "label rollback": Asked(("canary", NAME, "--reason", "r"), ("canary", "nosuch", "--reason", "r"), writes=True),
    "label history": Asked(("canary", NAME), ("canary", "nosuch")),
}
LOCAL = {
    "serve", "init", "validate", "check", "test", "key create", "key list", "key rotate", "key revoke", "index status",
    "index rebuild", "index verify", "user list", "user put", "user disable", "user enable", "user remove",
    "user invite", "user reset-password", "mail test",
    "group list", "group put", "group remove", "grant list", "grant add", "grant remove", "keyring list",
    "keyring rotate", "audit list", "audit export", "audit verify", "provider list",
    "provider add", "provider test", "provider remove",
}  # fmt: skip
"""Commands that ask no server."""
OF_SERVERS = {"git", "indexer", "api", "backup", "restore", "index move", "purge"}
"""Commands that ask no server, and stand on servers or places of their own: tests/processes and test_backup have them."""
SIGNING_IN = {"login", "logout", "whoami", "credential"}
"""Ask a server who somebody is, or keep what it said: tests/cli/test_login.py has them."""
BOTH = {"doctor"}
"""Looks at both; what it finds wrong is its answer, and has tests of its own."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that is shown to people, with what typer made of it."""

    def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
        below = getattr(command, "commands", None)
        if below is None:
            yield path, command
            return
        for name, each in below.items():
            if not each.hidden:
                yield from walk(each, f"{path} {name}".strip())

    return walk(get_command(app), "")
