"""How large a template may be."""

from dataclasses import dataclass

MAX_FILE_BYTES = 262_144
"""No repository can allow more: the parser reads no larger file."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The repository's limits: bytes of one file, and estimated tokens of its texts."""

    file_bytes: int = MAX_FILE_BYTES
    tokens: int = 32_000
