"""Where the server is, as the environment says: the only reader of it here."""

from __future__ import annotations

import os


def from_environment() -> dict[str, str]:
    """``url``, ``key`` and ``repository`` out of PROMPTUARY_URL, PROMPTUARY_KEY and PROMPTUARY_REPOSITORY.

    Raises ValueError where there is no key.
    """
    key = os.environ.get("PROMPTUARY_KEY", "")
    if not key:
        raise ValueError("PROMPTUARY_KEY is not set: put a key into it (promptuary key create --scope read)")
    return {
        "url": os.environ.get("PROMPTUARY_URL", "http://127.0.0.1:8000"),
        "key": key,
        "repository": os.environ.get("PROMPTUARY_REPOSITORY", "default"),
    }
