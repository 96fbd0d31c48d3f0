"""Bytes to text, as every YAML file of a repository must be: strict UTF-8, no marks, no control characters."""

import re

from registry.domain.diagnostics import Diagnostic, Place

_REFUSED = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\r(?!\n)",
)
_SUSPECTS = bytes({*range(0x20), 0x7F, 0xC2, 0xE2, 0xEF} - {0x09, 0x0A})
"""A text without any of these bytes holds nothing that is refused: most need no closer look."""

_NAMES = {
    "\x00": "NUL",
    "\x85": "NEL (next line)",
    "\u2028": "LS (line separator)",
    "\u2029": "PS (paragraph separator)",
    "\ufeff": "a byte order mark",
    "\r": "a lone carriage return",
}
_SHOWN = 10


def decode(data: bytes, path: str, max_bytes: int) -> tuple[str, list[Diagnostic]]:
    """The text, or "" with what is wrong with the bytes (``file-size``, ``yaml-encoding``)."""
    if len(data) > max_bytes:
        message = (
            f"the file has {len(data):,} bytes, and at most {max_bytes:,} are allowed: "
            "split it into partials, or move long examples out of it"
        )
        return "", [Diagnostic("file-size", message, path)]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return "", [_not_utf8(data, path, error.start)]
    if len(data.translate(None, _SUSPECTS)) == len(data) or _REFUSED.search(text) is None:
        return text, []
    found = [
        Diagnostic("yaml-encoding", _what(m[0], m.start()), path, _place(text[: m.start()]))
        for _, m in zip(range(_SHOWN), _REFUSED.finditer(text), strict=False)
    ]
    return "", found


def _what(character: str, offset: int) -> str:
    name = _NAMES.get(character, f"the control character U+{ord(character):04X}")
    if character == "\ufeff" and offset == 0:
        return "the file begins with a byte order mark: save it as UTF-8 without BOM"
    if character == "\r":
        return "a lone carriage return is no line end here: save the file with LF or CRLF line ends"
    return f"the file holds {name} here: remove it"


def _not_utf8(data: bytes, path: str, offset: int) -> Diagnostic:
    place = _place(data[:offset].decode("utf-8", "replace"))
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Diagnostic("yaml-encoding", "the file is UTF-16: save it as UTF-8", path, Place())
    return Diagnostic(
        "yaml-encoding", f"the byte 0x{data[offset]:02X} here is no UTF-8: save the file as UTF-8", path, place
    )


def _place(before: str) -> Place:
    """The place of what follows the text ``before``."""
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
