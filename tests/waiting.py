"""What the waiting process of ``tests.warm`` does: it imports the program, and divides itself whenever it is asked."""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

PRELOADED = (
    "api.app",
    "api.server",
    "registry.bootstrap",
    "registry.processes",
    "registry.tiers",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "aiohttp",
    "asyncpg",
    "redis.asyncio",
    "rich.progress",
    "rich.table",
)
BIGGEST = 200_000
"""Bytes that a request may have: arguments and environment."""
NUMBER = struct.Struct("i")


def ask(way: int, request: Mapping[str, Any], streams: Sequence[int]) -> tuple[int, socket.socket]:
    """Asks the waiting process at the end of a way for a new one: its number, and where its end will be told."""
    text = json.dumps(request).encode()
    assert len(text) < BIGGEST
    told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, socket.socket(fileno=os.dup(way)) as asked:
        socket.send_fds(asked, [text], [theirs.fileno(), *streams])
    return number_of(told), told


def number_of(told: socket.socket) -> int:
    """The next number that is told: the process's, then what ``waitpid`` says."""
    said = told.recv(NUMBER.size)
    assert said, "the waiting process has ended"
    return int(NUMBER.unpack(said)[0])


def run_in_place(way: int) -> NoReturn:
    """Runs the program in the place of this process: with its arguments, folder, environment and streams."""
    here = {"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: TID251, PTH109
    _, told = ask(way, here, (0, 1, 2))
    os._exit(os.waitstatus_to_exitcode(number_of(told)))


def until_asked() -> None:
    """Returns in each new process, which then has the arguments, folder, environment and streams it was asked for.

    The waiting process itself ends with whoever asks. To each end of a new process belongs a socket, on which its
    number is told, and later what ``waitpid`` says of it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends those who ask
    asked = socket.socket(fileno=int(sys.argv[1]))
    for name in PRELOADED:
        importlib.import_module(name)
    _make_commands()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a process of several threads cannot be divided"
    gc.collect()
    gc.freeze()
    started: dict[int, tuple[int, socket.socket]] = {}
    ready = select.poll()
    ready.register(asked, select.POLLIN)
    while True:
        for found, _ in ready.poll():
            if found in started:
                ready.unregister(found)
                pid, told = started.pop(found)
                os.close(found)
                _tell(told, os.waitpid(pid, 0)[1])
                told.close()
                continue
            request, streams, _, _ = socket.recv_fds(asked, BIGGEST, 4)
            if not request:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                return _become(json.loads(request), streams[1:])
            for stream in streams[1:]:
                os.close(stream)
            told = socket.socket(fileno=streams[0])
            end = os.pidfd_open(pid)
            started[end] = (pid, told)
            ready.register(end, select.POLLIN)
            _tell(told, pid)


def end_with(main: Callable[[], object]) -> NoReturn:
    """Runs the program and ends the process as Python does, but does not first take apart what was imported."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:  # noqa: BLE001 - what Python itself does
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        code = 120
    os._exit(code if isinstance(code, int) else 1)


def _make_commands() -> None:
    """Has typer make the commands out of their functions now, and keep them."""
    from typer import main

    from api.cli import app

    main.get_command = cache(main.get_command)
    main.get_command(app)


def _tell(told: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody wants to know any more
        told.send(NUMBER.pack(number))


def _become(request: dict[str, Any], streams: list[int]) -> None:
    for ours, given in enumerate(streams):
        os.dup2(given, ours)
    os.closerange(3, max(int(each.name) for each in Path("/proc/self/fd").iterdir()) + 1)
    os.chdir(request["folder"])
    os.environ.clear()  # noqa: TID251 - the child's own
    os.environ.update(request["environment"])  # noqa: TID251
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = request["arguments"]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - they stay open
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
