"""Frames between the server and its child processes: four bytes of length, big-endian, then the payload."""

import socket

HEADER = 4
"""Bytes before each payload: its length."""


def frame(payload: bytes) -> bytes:
    """The payload with its header."""
    return len(payload).to_bytes(HEADER, "big") + payload


def receive(channel: socket.socket) -> bytes | None:
    """The worker's side: the next payload; None where the server has gone, which ends the worker."""
    header = _read(channel, HEADER)
    return None if header is None else _read(channel, int.from_bytes(header, "big"))


def _read(channel: socket.socket, length: int) -> bytes | None:
    data = channel.recv(length)
    if len(data) == length:
        return data
    pieces = bytearray(data)
    while data and len(pieces) < length:
        data = channel.recv(length - len(pieces))
        pieces += data
    return bytes(pieces) if len(pieces) == length else None
