"""Where ``promptuary login`` keeps what it was given: one file, for its owner alone, with a login for each server."""

import json
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.commands.addresses import without_password
from api.commands.token_server import TokenServer, fault_of
from api.commands.transport import NoAnswer, Reply
from registry.settings import ConfigSettings

FORMAT = "promptuary-logins/v1"
EARLY_SECONDS = 30.0
"""How long before its end a token is not used any more: it is under way, and a clone takes a while."""

OURS_ALONE = 0o600


class LoginEnded(NoAnswer):
    """The login at a server gives no tokens any more; sign in again."""


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """What a server gave for somebody. ``expires_at`` is by this machine's clock."""

    user: str
    scope: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float

    @classmethod
    def of(cls, reply: Reply, asked_at: float) -> "StoredLogin":
        """What stands in an answer to a request of that time. Raises NoAnswer."""
        found = reply.json("user", "scope", "access_token", "refresh_token", "expires_in")
        user, scope, access, refresh = (str(found[name]) for name in ("user", "scope", "access_token", "refresh_token"))
        is_plain = all(text.isascii() and text.isprintable() for text in (user, scope, access, refresh))
        if not is_plain or not isinstance(found["expires_in"], int):
            raise NoAnswer("the server answered something that is no token")
        return cls(user, scope, access, refresh, asked_at + found["expires_in"])

    @property
    def is_fresh(self) -> bool:
        """Whether the access token can still be used."""
        return time.time() < self.expires_at - EARLY_SECONDS


class LoginFile:
    """The file with the logins. Every call raises NoAnswer where it cannot be used, with the way out."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or ConfigSettings().folder / "credentials.json"

    def find(self, url: str) -> StoredLogin | None:
        """The login at a server."""
        return self._read().get(server_address(url))

    def put(self, url: str, login: StoredLogin | None) -> None:
        """Keeps the login at a server, or with None forgets it; within ``locked`` alone."""
        found = {**self._read()}
        found.pop(server_address(url), None)
        if login is not None:
            found[server_address(url)] = login
        self._write(found)

    def addresses(self) -> list[str]:
        """The servers that there are logins at."""
        return list(self._read())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time, in whatever process: a refresh token is for one use."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OURS_ALONE)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            flock(descriptor, LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> Mapping[str, StoredLogin]:
        try:
            with self.path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & 0o077:
                    raise NoAnswer(f"others on this machine can read {self.path}: chmod 600 it", sent=False)
                return _parse(json.load(file))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            damaged = f"{self.path} is damaged: remove it, and sign in again with promptuary login"
            raise NoAnswer(damaged, sent=False) from error

    def _write(self, logins: Mapping[str, StoredLogin]) -> None:
        """Puts a whole new file in the place of the old one."""
        text = json.dumps({"format": FORMAT, "logins": {each: asdict(login) for each, login in logins.items()}})
        new = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OURS_ALONE), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> NoAnswer:
        return NoAnswer(f"{self.path} cannot be used: {error.strerror or type(error).__name__}", sent=False)


class Login:
    """The login at a server, which is refreshed whenever that is due."""

    def __init__(self, url: str, file: LoginFile) -> None:
        self._url = url
        self._file = file
        self._known: StoredLogin | None = None

    def access_token(self) -> str:
        """An access token that holds. Raises NoAnswer where there is none (any more), or the server cannot be asked."""
        if self._known is None or not self._known.is_fresh:
            self._known = self._file.find(self._url)
        if self._known is None or not self._known.is_fresh:
            with self._file.locked():
                self._known = self._refreshed()
        return self._known.access_token

    def _refreshed(self) -> StoredLogin:
        """What another process has got meanwhile, else what the server gives."""
        stored = self._file.find(self._url)
        shown = without_password(self._url)
        if stored is None:
            raise LoginEnded(f"nobody is signed in to {shown} any more: promptuary login", sent=False)
        if stored.is_fresh:
            return stored
        asked_at = time.time()
        reply = TokenServer(self._url).refresh(stored.refresh_token)
        if reply.status != 200:
            fault, said = fault_of(reply)
            if fault == "invalid_grant":
                self._file.put(self._url, None)
            raise LoginEnded(f"{shown} gives no new token: {said}", sent=False)
        renewed = StoredLogin.of(reply, asked_at)
        self._file.put(self._url, renewed)
        return renewed


def _parse(found: Any) -> Mapping[str, StoredLogin]:
    if found["format"] != FORMAT:
        raise ValueError(found["format"])
    return {address: StoredLogin(**login) for address, login in found["logins"].items()}


def find_login(url: str) -> Login | None:
    """The login at a server; None where nobody has signed in there. Raises NoAnswer where the file cannot be used."""
    file = LoginFile()
    return Login(url, file) if file.find(url) is not None else None


def server_address(url: str) -> str:
    """An address in one spelling. Raises NoAnswer for what is none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise NoAnswer(f"{without_password(url)} is no address", sent=False) from error
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme.lower())
    return (
        f"{parts.scheme.lower()}://{host}" + (f":{port}" if port not in {None, usual} else "") + parts.path.rstrip("/")
    )
