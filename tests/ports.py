"""Ports that nobody else takes between the question and the server's start."""

import itertools
import random

from scripts.services.ports import is_free

# Below the ports that systems hand out to whoever asks for any: a client's connection could sit on one of those.
_FIRST, _PORTS = 10_000, 15_000
_turns = itertools.count(random.randrange(_PORTS))  # test processes run beside each other: each starts elsewhere


def free_port() -> int:
    """A port of 127.0.0.1 that is free and that this process has not been given before."""
    asked = (_FIRST + turn % _PORTS for turn in itertools.islice(_turns, _PORTS))
    return next(port for port in asked if is_free(port))
