"""An import worker: a child process that reads the uploaded files of one import, and ends.

Files of other tools may be large and hostile: what they cost is this process's memory and time, not the server's.
Request and answers are pickles, as the judge worker's are: they are trusted as far as the server's own.
"""

import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from registry.adapters.local.worker_frames import frame, receive
from registry.domain.importing.files import SourceFile, read_files
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.plans import plan_import
from registry.domain.prompt_formats import PromptFormat
from registry.ports.import_reader import Planned

READY = b""
PLANNED, UNREADABLE, FAILED = "planned", "unreadable", "failed"
_NICE = 5
"""Reading of templates goes first."""


def boot() -> None:
    """What the child process runs: its arguments are memory in bytes and the deadline in seconds."""
    memory, deadline = map(int, sys.argv[2:])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)
    with socket.socket(fileno=0) as channel:
        channel.sendall(frame(READY))
        signal.alarm(deadline + 1)  # where the parent, gone or stuck, cannot end it
        if (request := receive(channel)) is not None:
            for answer in _answers(request):
                channel.sendall(frame(pickle.dumps(answer, protocol=5)))


def _answers(request: bytes) -> Iterator[Any]:
    """First what became of it; after PLANNED, which tells how many plans there are, each plan by itself."""
    try:
        plans, left_out = _plan(*pickle.loads(request))  # noqa: S301  # nosec B301  # from the parent, over a private socket
    except SourceUnreadable as error:
        yield UNREADABLE, str(error)
    except MemoryError:
        raise  # which ends the process, as the deadline does
    except Exception:  # noqa: BLE001 - the parent logs it
        yield FAILED, traceback.format_exc()
    else:
        yield PLANNED, (len(plans), left_out)
        yield from plans


def _plan(files: Sequence[SourceFile], form: PromptFormat | None, folder: str) -> Planned:
    found = read_files(files, form)
    return plan_import(found.prompts, folder), found.left_out
