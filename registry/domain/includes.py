"""Which names a file's bytes include: the frozen expression that digests (``closure/v1``) rest on.

It reads raw bytes and knows neither YAML nor templates, so that no upgrade of a parser ever moves a version number.
It may find more than the template language does (a tag inside a comment); it must never find less, which the gate
checks for every file. Changing anything here makes other digests and needs a ``closure/v2``.
"""

import re
from collections.abc import Mapping

from registry.domain.ids import TemplateName

_INCLUDE = re.compile(rb"""\{%[-+]?\s*include\s*(["'])([^"'\n]{1,400})\1""")
_MARK = b"include"


def raw_includes(data: bytes) -> frozenset[TemplateName]:
    """The names that the bytes of one file include, as they are written there.

    Bytes that are no UTF-8 become U+FFFD; names are not normalised and need not be well formed.
    """
    if _MARK not in data:
        return frozenset()
    return frozenset(TemplateName(found[1].decode("utf-8", "replace")) for found in _INCLUDE.findall(data))


def rename_include(data: bytes, old: TemplateName, new: TemplateName) -> bytes:
    """The bytes with ``new`` wherever they include ``old``; all else, the quotes too, stays as it is."""
    return rename_includes(data, {old: new})


def rename_includes(data: bytes, names: Mapping[TemplateName, TemplateName]) -> bytes:
    """The same for many names at once, old to new."""
    encoded = {old.encode(): new.encode() for old, new in names.items()}

    def renamed(found: re.Match[bytes]) -> bytes:
        whole, start = found[0], found.start()
        other = encoded.get(found[2], found[2])
        return whole[: found.start(2) - start] + other + whole[found.end(2) - start :]

    return _INCLUDE.sub(renamed, data)
