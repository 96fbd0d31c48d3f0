"""Content codings of answers: which one a client wants (RFC 9110, section 12.5.3), and bytes put into it."""

import gzip
import re
from enum import StrEnum

import zstandard

GZIP_LEVEL = 5
"""A level more costs half as much time again for a hundredth of the bytes."""
ZSTD_LEVEL = 3
"""Beyond it the time grows faster than the bytes shrink; its window is one that every client has to take (RFC 9659)."""


class Coding(StrEnum):
    """What bytes can be put into; of those that a client wants equally the first is taken."""

    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"


def choose_coding(accept_encoding: str) -> Coding:
    """What an Accept-Encoding header wants most; as it is where the header is empty or allows none of ours."""
    wanted: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        name, *parameters = (part.strip(" \t") for part in element.split(";"))
        wanted[_OTHER_NAMES.get(name, name)] = _quality(parameters)
    rest = wanted.get("*")
    qualities = {coding: wanted.get(coding, rest or 0.0) for coding in Coding}
    if Coding.IDENTITY not in wanted and rest is None:
        qualities[Coding.IDENTITY] = _UNSAID
    best = max(Coding, key=lambda coding: qualities[coding])  # the first of equals
    return best if qualities[best] else Coding.IDENTITY


def encode(body: bytes, coding: Coding) -> bytes:
    """The bytes in a coding; the same bytes always become the same."""
    if coding is Coding.ZSTD:
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compress(body)
    return gzip.compress(body, GZIP_LEVEL, mtime=0) if coding is Coding.GZIP else body


def _quality(parameters: list[str]) -> float:
    """The weight, 1 where none is said, 0 where what is said is none."""
    said = next((part for part in parameters if part.startswith("q=")), None)
    if said is None:
        return 1.0
    return float(said[2:]) if _WEIGHT.fullmatch(said[2:]) else 0.0


_UNSAID = 0.0001
"""Bytes as they are may always be sent where nothing speaks against it; whatever is named goes before."""
_OTHER_NAMES = {"x-gzip": Coding.GZIP}
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
