"""The child processes that render and judge: for the registry, and for files that lie in none."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from registry.adapters.local.judge_pool import ProcessJudges
from registry.adapters.local.render_pool import ProcessRenderer
from registry.ports.judging import Judges
from registry.ports.renderer import Renderer
from registry.settings import Settings

MOST_JUDGES = 4
"""Whoever has them judge cannot hand out faster than so many processes judge."""


@asynccontextmanager
async def open_renderer(settings: Settings) -> AsyncIterator[Renderer]:
    """The render processes; they start when there is something to render."""
    renderer = ProcessRenderer(processes=settings.render_workers, deadline=settings.render_seconds)
    try:
        yield renderer
    finally:
        await renderer.close()


@asynccontextmanager
async def open_judges() -> AsyncIterator[Judges]:
    """One process a core while there is much to judge, none on a machine with one: they would only be in the way."""
    cores = usable_cores()
    judges = ProcessJudges(processes=min(cores, MOST_JUDGES) if cores > 1 else 0)
    try:
        yield judges
    finally:
        await judges.close()


def usable_cores() -> int:
    """How many cores this process may run on; a container or ``taskset`` may leave it fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
