"""The key ring in a file: AES-256-GCM for secrets, Ed25519 for statements, both derived from each key's 32 bytes.

The file is replaced whole under a lock, and read again whenever it is another one: what ``promptuary keyring rotate``
writes, a running server uses with its next call.
"""

import base64
import json
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.adapters.fsync import fsync_path
from registry.domain.errors import Conflict, Unavailable
from registry.domain.keyring import RingKey, RingKeyState, SealedToken, SignedStatement, read_token

FORMAT = "promptuary-keyring/v1"
_NONCE_BYTES = 12
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    made_at: datetime
    state: RingKeyState
    secret: bytes = field(repr=False)
    former_since: datetime | None = None

    def derived(self, use: str) -> bytes:
        """A key for one use alone, so that what one use gives away says nothing of another."""
        return HKDF(SHA256(), 32, None, f"promptuary/{use}".encode()).derive(self.secret)

    def signer(self, purpose: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.derived(f"sign/{purpose}"))


class FileKeyRing:
    """Implements ``ports.keyring.KeyRing``. With ``makes`` a ring that is not there is made when it is first needed."""

    def __init__(self, path: Path, *, makes: bool) -> None:
        self._path = path
        self._makes = makes
        self._seen: tuple[int, int, int] | None = None
        self._known: tuple[_Key, ...] = ()
        self._reading = threading.Lock()

    def encrypt(self, purpose: str, record: str, plain: bytes) -> str:
        """A token of the current key."""
        key, nonce = self._current(), secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(key.derived("encrypt")).encrypt(nonce, plain, _context(key.id, purpose, record))
        return str(SealedToken(key.id, base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")))

    def decrypt(self, purpose: str, record: str, token: str) -> bytes:
        """What was encrypted. Raises Unavailable."""
        read = read_token(token)
        key = self._find(read.key_id)
        if key is None:
            raise Unavailable(
                f"A secret ({purpose}) was encrypted under the key {read.key_id}, which the key ring {self._path} has "
                "not: put back the key ring that has it (PROMPTUARY_KEYRING_FILE), or set the secret anew."
            )
        try:
            sealed = base64.b64decode(read.sealed + "=" * (-len(read.sealed) % 4), altchars=b"-_", validate=True)
            context = _context(key.id, purpose, record)
            return AESGCM(key.derived("encrypt")).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise Unavailable(
                f"A stored secret ({purpose} of {record}) is damaged, or not what the key {key.id} encrypted there: "
                "set it anew."
            ) from error

    def sign(self, purpose: str, statement: bytes) -> SignedStatement:
        """Signs with the current key."""
        key = self._current()
        signer = key.signer(purpose)
        return SignedStatement(key.id, signer.public_key().public_bytes_raw().hex(), signer.sign(statement).hex())

    def verify(self, purpose: str, statement: bytes, signed: SignedStatement) -> bool | None:
        """Whether a key of this ring signed it; what the statement says is its public key does not count."""
        key = self._find(signed.key_id)
        if key is None:
            return None
        try:
            key.signer(purpose).public_key().verify(bytes.fromhex(signed.signature), statement)
        except (InvalidSignature, ValueError):
            return False
        return True

    def signing_key(self, purpose: str) -> tuple[str, Ed25519PrivateKey]:
        """The current key's id, and what it signs with, for who signs in a form of its own. Raises Unavailable."""
        key = self._current()
        return key.id, key.signer(purpose)

    def public_key(self, purpose: str, key_id: str) -> Ed25519PublicKey | None:
        """The public half of what a key signs with; None where the ring has not that key. Raises Unavailable."""
        key = self._find(key_id)
        return key.signer(purpose).public_key() if key is not None else None

    def list_keys(self) -> Sequence[RingKey]:
        """Its keys, oldest first."""
        return [_shown(key) for key in self._read()]

    def rotate(self, at: datetime, *, prepare: bool = False) -> RingKey:
        """Makes the prepared key current, else a new one. Raises Conflict, Unavailable."""
        with self._changing():
            keys = list(self._read())
            prepared = next((key for key in keys if key.state is RingKeyState.PREPARED), None)
            if prepare and prepared is not None:
                raise Conflict(
                    f"The key {prepared.id} is prepared already: give every machine the file {self._path}, then rotate."
                )
            made = prepared or _new_key(at, RingKeyState.PREPARED)
            keys = [*(key for key in keys if key.id != made.id), made]
            if not prepare:
                keys = [_after(key, made, at) for key in keys]
            self._write(keys)
        return next(_shown(key) for key in keys if key.id == made.id)

    def _current(self) -> _Key:
        found = next((key for key in self._read() if key.state is RingKeyState.CURRENT), None)
        if found is not None:
            return found
        if not self._makes:
            raise Unavailable(
                f"There is no key ring at {self._path}, and secrets need one: copy keyring.json from the data "
                "folder of the Git node, and name its place in PROMPTUARY_KEYRING_FILE."
            )
        with self._changing():
            keys = self._read()  # somebody else may have been quicker
            if not any(key.state is RingKeyState.CURRENT for key in keys):
                self._write([*keys, _new_key(datetime.now(UTC), RingKeyState.CURRENT)])
        return self._current()

    def _find(self, key_id: str) -> _Key | None:
        return next((key for key in self._read() if key.id == key_id), None)

    def _read(self) -> tuple[_Key, ...]:
        """The keys of the file as it is now; none where it is not there."""
        with self._reading:
            try:
                found = self._path.stat()
                seen = (found.st_ino, found.st_mtime_ns, found.st_size)
                if seen != self._seen:
                    self._known = _parse(self._path.read_text())
                    self._seen = seen
            except FileNotFoundError:
                self._known, self._seen = (), None
            except OSError as error:
                raise Unavailable(
                    f"The key ring {self._path} cannot be read: {error.strerror}. "
                    "Run this as the user that it belongs to."
                ) from error
            except (ValueError, KeyError, TypeError) as error:
                raise Unavailable(
                    f"The key ring {self._path} is damaged: put back a copy of it (PROMPTUARY_KEYRING_FILE)."
                ) from error
            return self._known

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time. Raises Unavailable where the folder cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            flock(descriptor, LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, keys: Sequence[_Key]) -> None:
        """Puts a whole new file in the place of the old one: at each moment there is one that can be read."""
        text = json.dumps({"format": FORMAT, "keys": [_written(key) for key in keys]}, indent=1) + "\n"
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            fsync_path(self._path.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(f"The key ring {self._path} cannot be written: {error.strerror}. Nothing was changed.")


def _context(key_id: str, purpose: str, record: str) -> bytes:
    """What the tag holds fast besides the secret; JSON, so that no two of them read alike."""
    return json.dumps(["pk1", key_id, purpose, record]).encode()


def _new_key(at: datetime, state: RingKeyState) -> _Key:
    return _Key(secrets.token_hex(6), at, state, secrets.token_bytes(_SECRET_BYTES))


def _after(key: _Key, made: _Key, at: datetime) -> _Key:
    if key.id == made.id:
        return replace(key, state=RingKeyState.CURRENT)
    since = at if key.state is RingKeyState.CURRENT else key.former_since
    return replace(key, state=RingKeyState.FORMER, former_since=since)


def _shown(key: _Key) -> RingKey:
    return RingKey(key.id, key.made_at, key.state, key.former_since)


def _written(key: _Key) -> dict[str, str]:
    return {
        "id": key.id,
        "made_at": key.made_at.isoformat(),
        "state": key.state.value,
        "secret": base64.b64encode(key.secret).decode(),
        **({"former_since": key.former_since.isoformat()} if key.former_since is not None else {}),
    }


def _parse(text: str) -> tuple[_Key, ...]:
    body = json.loads(text)
    if body["format"] != FORMAT:
        raise ValueError(body["format"])
    keys = tuple(
        _Key(
            each["id"],
            datetime.fromisoformat(each["made_at"]),
            RingKeyState(each["state"]),
            base64.b64decode(each["secret"], validate=True),
            datetime.fromisoformat(each["former_since"]) if "former_since" in each else None,
        )
        for each in body["keys"]
    )
    if any(len(key.secret) != _SECRET_BYTES for key in keys):
        raise ValueError("a key of another length")
    return keys
