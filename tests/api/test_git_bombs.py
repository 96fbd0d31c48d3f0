"""Packs that become much larger than they are sent, with a real server and the real git client."""

import hashlib
import re
import struct
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.test_git_http import Client, Server, alice, children, consistent, send_raw, server, tip

__all__ = ["alice", "server"]


def memory_of(process: int) -> int:
    """The most bytes that a process had in memory so far; 0 where it is gone."""
    with suppress(OSError):
        if told := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text()):
            return int(told[1]) << 10
    return 0


def peaks(server: Server, pushed: Callable[[], object]) -> dict[str, int]:
    """The most memory (VmHWM, in bytes) that git's processes had which took in what is pushed meanwhile, by their name."""
    found = {"unpack-objects": 0, "index-pack": 0}
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for word, most in list(found.items()):
                found[word] = max([most, *(memory_of(process) for process in children(server, word))])

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        pushed()
    finally:
        done.set()
        watching.join()
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("process", ["unpack-objects", "index-pack"])
def test_a_pack_that_unpacks_to_much_more_takes_no_memory(server: Server, alice: Client, process: str) -> None:
    size = 96 << 20
    many = {f"{number}.md": f"{number}\n" for number in range(120)} if process == "index-pack" else {}
    alice.commit({"zeros.bin": b"\0" * size, **many})
    found = peaks(server, lambda: alice("push", "-q", "origin", "main"))
    assert 1 << 20 < found[process] < 32 << 20, found
    consistent(server)


def packed(*entries: tuple[int, int, bytes]) -> bytes:
    """A pack of entries: kind, size as it is told, and what comes behind that."""
    pack = bytearray(b"PACK" + struct.pack(">II", 2, len(entries)))
    for kind, size, body in entries:
        head, left = [kind << 4 | size & 15], size >> 4
        while left:
            head[-1] |= 128
            head.append(left & 127)
            left >>= 7
        pack += bytes(head) + body
    return bytes(pack + hashlib.sha1(pack, usedforsecurity=False).digest())


def number(value: int) -> bytes:
    """A size as deltas write it."""
    return bytes([value & 127 | 128]) + number(value >> 7) if value > 127 else bytes([value])


BASE = bytes(1 << 16)
NAME = hashlib.sha1(b"blob %d\0" % len(BASE) + BASE, usedforsecurity=False).digest()


def repeated() -> bytes:
    """A blob, and a delta that says it over and over."""
    size = 256 << 20
    delta = number(len(BASE)) + number(size) + b"\x80" * (size // len(BASE))
    return packed((3, len(BASE), zlib.compress(BASE)), (7, len(delta), NAME + zlib.compress(delta)))


def waiting() -> bytes:
    """Deltas, each of them long and of zeros, which wait for what they are made of."""
    size = 24 << 20
    delta = NAME + zlib.compress(number(len(BASE)) + number(size) + bytes(size))
    told = size + len(number(len(BASE)) + number(size))
    return packed(*[(7, told, delta)] * 12, (3, len(BASE), zlib.compress(BASE)))


def long_commit() -> bytes:
    """A commit that says little, at length."""
    said = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor e <e@x> 1 +0000\ncommitter e <e@x> 1 +0000\n\n"
    return packed((1, len(said) + (40 << 20), zlib.compress(said + b" " * (40 << 20))))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("chunked", [False, True], ids=["unpack-objects", "index-pack"])
@pytest.mark.parametrize("pack", [repeated, waiting, long_commit])
def test_what_has_to_be_in_memory_and_is_too_large_is_refused(
    server: Server, alice: Client, pack: Callable[[], bytes], chunked: bool
) -> None:
    old = tip(server)
    line = f"{old} {'1' * 40} refs/heads/main\0 report-status agent=test".encode()
    body = f"{len(line) + 4:04x}".encode() + line + b"0000" + pack()
    answer = bytearray()

    def push() -> None:
        with send_raw(server, body, len(body), chunked=chunked) as connection:
            while piece := connection.recv(1 << 16):
                answer.extend(piece)

    found = peaks(server, push)
    assert re.search(rb"unpack (?!ok)", answer), answer
    assert b"ng refs/heads/main" in answer, answer
    assert max(found.values()) < 128 << 20, found
    assert tip(server) == old
    alice("push", "-q", "origin", "main:refs/heads/other")
    consistent(server)
