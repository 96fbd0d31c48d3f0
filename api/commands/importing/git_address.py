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
_WITH_PORT = re.compile(r"(?:\[[^]]*\]|[^:\[]*):.*", re.DOTALL)
Settings = list[tuple[str, str]]


def shown_source(source: str) -> str:
    """A source for messages, without credentials, nor what may be some in its query."""
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source.rpartition("@")[2] if _PASSWORD.match(source) else source
    host, path = _split(rest)
    if _parts(source) is None:  # a sign of a password may have ended the host
        return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"
    return f"{scheme}://{host.rpartition('@')[2]}{re.split('[?#]', path)[0]}"


def checked_address(source: str) -> SplitResult:
    """The parts of an address with a scheme. Raises SourceUnreadable where it is none, with what is wrong."""
    parts = _parts(source)
    if parts is not None:
        return parts
    host, path = _split(source.partition("://")[2])
    if "@" in path:
        way = "in a password write / as %2F, # as %23, ? as %3F"
    elif _WITH_PORT.fullmatch(host.rpartition("@")[2]):
        way = "its port has to be a number from 1 to 65535"
    else:
        way = "write one such as https://example.com/team/prompts.git"
    raise SourceUnreadable(f"{shown_source(source)} is no address: {way}")


def split_address(source: str) -> tuple[str, list[Settings]]:
    """What git is told on its command line, which all users can see, and its settings for the credentials in it.

    Of several settings the next are for a git that finds no password with these. Raises SourceUnreadable for an
    address that is none, and for a password that could be given there alone.
    """
    if "://" not in source:
        if _PASSWORD.match(source) and not Path(source).exists():
            raise _takes_no_password(source)
        return source if ADDRESS.match(source) else str(Path(source).absolute()), [[]]
    parts = checked_address(source)
    if parts.scheme not in {"http", "https"}:
        if parts.password is not None:
            raise _takes_no_password(source)
        return source, [[]]
    return _without_credentials(parts)


def _parts(source: str) -> SplitResult | None:
    try:
        parts = urlsplit(source)
        fits = parts.port != 0 and (parts.hostname or parts.scheme == "file")
    except ValueError:
        return None
    return parts if fits else None


def _split(rest: str) -> tuple[str, str]:
    """What is between ``//`` and the path, and all that follows."""
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    return host, rest[len(host) :]


def _without_credentials(parts: SplitResult) -> tuple[str, list[Settings]]:
    if "@" not in parts.netloc:
        return parts.geturl(), [[]]
    host = parts.netloc.rpartition("@")[2]
    address, place = parts._replace(netloc=host).geturl(), f"{parts.scheme}://{host}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    header = f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    alone = [(f"http.{place}/.extraHeader", header)]
    if parts.password is not None or not user:
        return address, [alone if user or password else []]
    # A credential helper may have the password; where none has, the user is a token, as GitHub takes it.
    return address, [[(f"credential.{place}.username", user)], alone]


def _takes_no_password(source: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"{shown_source(source)}: a password in such an address would be seen by every user of this machine: "
        "leave it out, and give SSH a key (ssh-add) or import over https"
    )
