"""The gate on a push of 1,000 changed templates, beside parsing and validating the same files alone."""

import asyncio
import gc
import time
from datetime import UTC, datetime

from bench.bench import Bench, shown
from bench.data import repository_name
from bench.machine import wait_for_quiet
from bench.rows import Row, ratio_at_least
from registry.bootstrap import Registry, open_registry
from registry.domain.access import Actor
from registry.domain.ids import CommitId, UserName
from registry.domain.names import template_name
from registry.domain.refs import RefUpdate, Signature
from registry.domain.rights import EVERY_RIGHT
from registry.domain.template_file import read_template
from registry.settings import Settings

CHANGED = 1_000
_ACTOR = Actor(UserName("bench"), "Bench", "bench@example.com", EVERY_RIGHT)


def measure(bench: Bench) -> list[Row]:
    """Templates a second; each run judges a new commit, so nothing is known from before."""
    floor_runs: list[float] = []
    product_runs: list[float] = []
    size = bench.sizes.small
    changed = min(CHANGED, size // 2)
    with bench.data.copy(size, bench.sizes.small_versions) as data:
        settings = Settings(data=data, sample=False)
        asyncio.run(_measure(bench, settings, changed, floor_runs, product_runs))
    return [
        Row(
            figure=f"gate on a push of {changed} changed templates",
            size=shown(size),
            unit="templates/s",
            product_runs=product_runs,
            floor_runs=floor_runs,
            floor_words="parsing and validating them alone",
            must=ratio_at_least(0.5),
            aim=ratio_at_least(0.8),
            note="offline tests included",
        )
    ]


async def _measure(
    bench: Bench, settings: Settings, changed: int, floor_runs: list[float], product_runs: list[float]
) -> None:
    async with open_registry(settings) as registry:
        tip = (await registry.indexing.poke(repository_name())).commit or _tip(registry)
        # The first judgement of a server's life loads what is projected and starts the renderers.
        commit, _ = _change(registry, tip, "warm", 200)
        await _judge(registry, tip, commit)
        gc.collect()
        gc.freeze()  # as the server does once it is ready
        for run in range(bench.runs):
            commit, files = _change(registry, tip, f"judged{run}", changed)
            wait_for_quiet()
            started = time.perf_counter()
            for path, data in files.items():
                if read_template(data, path).template is None:
                    raise RuntimeError(f"{path} is not valid")
            floor_runs.append(len(files) / (time.perf_counter() - started))
            started = time.perf_counter()
            await _judge(registry, tip, commit)
            product_runs.append(len(files) / (time.perf_counter() - started))


def _tip(registry: Registry) -> CommitId:
    with registry.git.open(repository_name()) as store:
        tip = store.resolve("refs/heads/main")
    assert tip is not None
    return tip


def _change(registry: Registry, tip: CommitId, word: str, count: int) -> tuple[CommitId, dict[str, bytes]]:
    """A commit on the tip that changes so many templates, and their new bytes."""
    with registry.git.open(repository_name()) as store:
        entries = [e for e in store.entries(tip, "prompts/") if "/partials/" not in e.path and template_name(e.path)]
        some = entries[:: max(1, len(entries) // count)][:count]
        bodies = dict(store.read([entry.id for entry in some]))
        files = {e.path: bodies[e.id].replace(b"\ntype:", f" {word}\ntype:".encode(), 1) for e in some}
        who = Signature("Bench", "bench@example.com", datetime.now(UTC))
        return store.write_commit(tip, files, who, who, f"change {count} templates\n"), files


async def _judge(registry: Registry, tip: CommitId, commit: CommitId) -> None:
    ref = registry.git.default_branch(repository_name())
    verdict = await registry.gate.judge(repository_name(), [RefUpdate(ref, tip, commit)], _ACTOR)
    if not verdict.accepted:
        raise RuntimeError("\n".join(map(str, verdict.diagnostics[:10])))
