"""Where a Git repository is: what git is told of it, and what nobody else may see."""

import base64
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from registry.domain.importing.imported import SourceUnreadable

ADDRESS = re.compile(r"(?:ssh|git|git\+ssh|ssh\+git)://|[\w.-]+(?::[^/@]*)?@[\w.-]+:(?!//)")
"""How addresses begin that can be nothing else's."""
_PASSWORD = re.compile(r"[\w.-]+:[^/@]*@")
"""How an address without a scheme begins that holds one."""


def shown_source(source: str) -> str:
    """A source for messages, without credentials."""
    scheme, separator, rest = source.partition("://")
    if separator:
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return source.rpartition("@")[2] if _PASSWORD.match(source) else source


def split_address(source: str) -> tuple[str, list[tuple[str, str]]]:
    """What git is told on its command line, which all users can see, and its settings for the credentials in it.

    Raises SourceUnreadable for an address that is none, and for a password that could be given there alone.
    """
    if "://" not in source:
        if _PASSWORD.match(source) and not Path(source).exists():
            raise _takes_no_password(source)
        return source if ADDRESS.match(source) else str(Path(source).absolute()), []
    try:
        parts = urlsplit(source)
        fits = parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        way = "in a password write / as %2F, # as %23, ? as %3F"
        raise SourceUnreadable(f"{shown_source(source)} is no address: {way}")
    if parts.scheme not in {"http", "https"}:
        if parts.password is not None:
            raise _takes_no_password(source)
        return source, []
    return _without_credentials(parts)


def _without_credentials(parts: SplitResult) -> tuple[str, list[tuple[str, str]]]:
    if "@" not in parts.netloc:
        return parts.geturl(), []
    host = parts.netloc.rpartition("@")[2]
    keys = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    header = f"Authorization: Basic {base64.b64encode(keys.encode()).decode()}"
    return parts._replace(netloc=host).geturl(), [(f"http.{parts.scheme}://{host}/.extraHeader", header)]


def _takes_no_password(source: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"{shown_source(source)}: a password in such an address would be seen by every user of this machine: "
        "leave it out, and give SSH a key (ssh-add) or import over https"
    )
