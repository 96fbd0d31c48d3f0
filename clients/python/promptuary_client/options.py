"""How a client behaves: its options, as they are given and as they are kept."""

from __future__ import annotations

import math
import os
import ssl
from dataclasses import dataclass
from typing import TypedDict


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of ``Client`` and ``AsyncClient``, for editors and type checkers. See ``Client``."""

    repository: str
    ttl: float
    timeout: float
    write_timeout: float
    retries: int
    cache_bytes: int
    bundle: str | os.PathLike[str] | None
    events: bool
    ssl_context: ssl.SSLContext | None


@dataclass(frozen=True)
class Options:
    """How a client behaves; times are seconds. See ``Client``."""

    repository: str = "default"
    ttl: float = 60.0
    timeout: float = 5.0
    write_timeout: float = 30.0
    retries: int = 2
    cache_bytes: int = 64 * 1_048_576
    bundle: str | os.PathLike[str] | None = None
    events: bool = False
    ssl_context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        for name in ("ttl", "timeout", "write_timeout", "retries", "cache_bytes"):
            value = getattr(self, name)
            wrong = not math.isfinite(value) or value < 0 or (value == 0 and "timeout" in name)
            if wrong:
                raise ValueError(f"{name} must be a number above zero, not {value}")
