"""Secrets that this server makes, such as API keys: their form, and what is stored of them."""

import base64
import hashlib
import secrets
import zlib

KEY_PREFIX = "pmt_"
SESSION_PREFIX = "pms_"
REFRESH_PREFIX = "pmr_"
DEVICE_PREFIX = "pmd_"
LINK_PREFIX = "pml_"
"""What each of a kind begins with, so that people and secret scanners can recognise one."""


def hash_secret(secret: str) -> str:
    """What is stored of a secret. It has 256 random bits, so a plain SHA-256 needs no salt and no stretching."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret(prefix: str = KEY_PREFIX) -> str:
    """A new one: prefix, 43 random characters, 8 hexadecimal digits of checksum (CRC-32) against typing errors."""
    return secret_of(secrets.token_bytes(32), prefix)


def secret_of(random: bytes, prefix: str) -> str:
    """The secret of such a form that 32 random bytes make."""
    body = prefix + base64.urlsafe_b64encode(random).decode().rstrip("=")
    return f"{body}{zlib.crc32(body.encode()):08x}"


def well_formed(secret: str, prefix: str) -> bool:
    """Whether the prefix and checksum fit: what does not fit cannot be one of its kind and needs no look-up."""
    body, checksum = secret[:-8], secret[-8:]
    return secret.isascii() and secret.startswith(prefix) and checksum == f"{zlib.crc32(body.encode()):08x}"
