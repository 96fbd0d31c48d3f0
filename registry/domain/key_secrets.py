"""The secret of an API key: its form, and what is stored of it."""

import hashlib
import secrets
import zlib

KEY_PREFIX = "pmt_"
"""What every key begins with, so that a secret scanner can recognise one."""


def hash_secret(secret: str) -> str:
    """What is stored of a key. A key has 256 random bits, so a plain SHA-256 needs no salt and no stretching."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """A new key: prefix, 43 random characters, 8 hexadecimal digits of checksum (CRC-32) against typing errors."""
    body = KEY_PREFIX + secrets.token_urlsafe(32)
    return f"{body}{zlib.crc32(body.encode()):08x}"


def well_formed(secret: str) -> bool:
    """Whether the prefix and checksum fit: what does not fit cannot be a key and needs no look-up."""
    body, checksum = secret[:-8], secret[-8:]
    return secret.startswith(KEY_PREFIX) and checksum == f"{zlib.crc32(body.encode()):08x}"
