"""The end of a receive-pack's answer, which the server keeps back until it has said what is live.

An answer with side bands is a row of packets, each with its band in its fifth byte, and ends with a flush packet
(gitprotocol-pack(5), "Report Status"). Packets of band 2 are what git shows as ``remote: ...``.
"""

from collections.abc import Iterable

FLUSH = b"0000"
_BANDS = (1, 2, 3)
_PROGRESS = b"\x02"
_TEXT_BYTES = 65_515  # with its length and its band that is the longest packet, 65,520


class Ending:
    """Passes an answer on but for its last four bytes, before which more can be said."""

    def __init__(self) -> None:
        self._start = b""
        self._held = b""

    def pass_on(self, piece: bytes) -> bytes:
        """What can be sent now that this piece has come."""
        self._start = (self._start + piece[:5])[:5]
        whole = self._held + piece
        self._held = whole[-len(FLUSH) :]
        return whole[: -len(FLUSH)]

    def close(self, lines: Iterable[str]) -> bytes:
        """What is left to be sent: the lines, if the client reads side bands and the answer is whole, and the end."""
        if self._held != FLUSH or len(self._start) < 5 or self._start[4] not in _BANDS:
            return self._held
        return b"".join(_packets("".join(f"{line}\n" for line in lines).encode())) + FLUSH


def _packets(text: bytes) -> Iterable[bytes]:
    for start in range(0, len(text), _TEXT_BYTES):
        payload = _PROGRESS + text[start : start + _TEXT_BYTES]
        yield f"{len(payload) + 4:04x}".encode() + payload
