"""A judge worker: a child process that parses and checks templates, batch after batch, until its standard input ends.

Requests and answers are pickles in frames (``worker_frames``). It renders nothing, and parses nothing that the server
would not parse itself where it had no worker, so its answers are trusted as far as the server's own.
"""

import functools
import gc
import os
import pickle
import resource
import socket
from collections.abc import Mapping, Sequence

from registry.adapters.local.worker_frames import frame, receive
from registry.domain.ids import BlobId, TemplateName
from registry.domain.judging import Case, Checked, JudgedFile, Outcome, judge, judge_file

READY = b""
_NICE = 5
"""Reading goes first: what is judged in here is waited for by a pusher, who waits for seconds anyway."""
_REMEMBERED = 1_024
_SMALL = 16_384
"""Partials up to so many bytes are remembered, which bounds the memory."""


def boot() -> None:
    """What the child process runs: serves requests until the parent closes the socket."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)
    gc.freeze()
    with socket.socket(fileno=0) as channel:
        channel.sendall(frame(READY))
        while (request := receive(channel)) is not None:
            cases, bodies, whole = pickle.loads(request)  # noqa: S301  # nosec B301  # from the parent, over a private socket
            channel.sendall(frame(pickle.dumps(_answer(cases, bodies, whole=whole), protocol=5)))


def _answer(
    cases: Sequence[Case], bodies: Mapping[BlobId, bytes], *, whole: bool
) -> list[tuple[Outcome, Checked | None]]:
    own: TemplateName

    def file_of(name: TemplateName, blob: BlobId) -> JudgedFile:
        body = bodies[blob]
        return judge_file(name, body) if name == own or len(body) > _SMALL else _partial(name, body)

    checked = []
    for own, closure in cases:
        checked.append(judge((own, closure), file_of))
    return [(each.outcome, each if whole and each.outcome.tested else None) for each in checked]


_partial = functools.lru_cache(maxsize=_REMEMBERED)(judge_file)
