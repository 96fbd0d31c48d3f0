"""A render worker: a child process that renders one template after the other, until its standard input ends.

It speaks frames (``worker_frames``) on one socket, its standard input. A request is a pickle, because the parent is
trusted; an answer is JSON, because what happens in here is not: templates, values and patterns may be hostile. The
worker limits its own memory, and an alarm kills it where the parent, gone or stuck, cannot. Kept light: it imports the
domain's rendering and nothing else.
"""

import json
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from registry.adapters.local.render_frames import Request, read_request
from registry.adapters.local.worker_frames import frame, receive
from registry.domain.errors import RenderFailed, RenderLimit, VariablesInvalid
from registry.domain.offline_tests import run_test, run_tests
from registry.domain.rendering import TestResult, render

READY = b"{}"
_PAGE = resource.getpagesize()
_FAT = 128 * 1024
"""Kibibytes of resident memory from which on a worker asks to be replaced: freed memory does not all go back."""


def main(memory: int, deadline: float) -> None:
    """Serves requests until the parent closes the socket. ``memory`` in bytes, ``deadline`` in seconds."""
    _limit(memory)
    with socket.socket(fileno=0) as channel:
        channel.sendall(frame(READY))
        while (request := receive(channel)) is not None:
            signal.setitimer(signal.ITIMER_REAL, deadline + 1)
            answer = _answer(request)
            signal.setitimer(signal.ITIMER_REAL, 0)
            channel.sendall(frame(answer))


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _answer(request: bytes) -> bytes:
    try:
        answer = _perform(read_request(request))
        data = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    except MemoryError:
        return b'{"error":"limit","message":"Rendering takes too much memory [render-limit]","leave":true}'
    return data


def _perform(request: Request) -> dict[str, Any]:
    work, template, partials, more, strict = request
    try:
        if work == "render":
            rendered = render(template, partials, more, strict=strict)
            answer: dict[str, Any] = {
                "messages": rendered.messages,
                "text": rendered.text,
                "ignored": rendered.ignored_variables,
            }
        elif work == "tests":
            answer = {"tests": [_plain(result) for result in run_tests(template, partials)]}
        else:
            answer = {"tests": [_plain(run_test(template, partials, template.tests[more]))]}
    except VariablesInvalid as error:
        answer = {"error": "variables", "message": error.message, "problems": error.problems}
    except RenderLimit as error:
        answer = {"error": "limit", "message": error.message}
    except RenderFailed as error:
        answer = {"error": "failed", "message": error.message}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a template brings about is its failure, not the worker's end
        answer = {"error": "failed", "message": f"The template cannot be rendered ({type(error).__name__}: {error})"}
    if _resident() > _FAT:
        answer["leave"] = True
    return answer


def _resident() -> int:
    """Kibibytes of resident memory.

    Not ``ru_maxrss``: on Linux a child's begins with what its parent had when it was forked, so that every worker of a
    server with a large catalogue would count as fat and be replaced after one rendering.
    """
    try:
        with Path("/proc/self/statm").open("rb") as statm:
            return int(statm.read().split()[1]) * _PAGE // 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _plain(result: TestResult) -> list[Any]:
    return [result.name, result.passed, result.problems]


def boot() -> None:
    """What the child process runs: its arguments are memory and deadline."""
    memory, deadline = sys.argv[2:]
    main(int(memory), float(deadline))
