"""What a process does beside answering: by its kind it follows Git, waits to lead, or listens to who projects."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from api.background import on_and_on
from indexer import follow, lead
from registry.bootstrap import Registry


@asynccontextmanager
async def on_duty(registry: Registry) -> AsyncIterator[None]:
    """Does it while the context is open."""
    async with AsyncExitStack() as duties:
        if registry.process.projects and registry.leadership is not None and registry.signals is not None:
            leading = partial(lead.run, registry, registry.leadership, registry.signals)
            await duties.enter_async_context(on_and_on(leading, "leading the projection"))
        elif registry.process.has_disk:
            await duties.enter_async_context(on_and_on(partial(follow.run, registry), "following Git"))
        if registry.relay is not None and not registry.process.projects:
            await duties.enter_async_context(on_and_on(registry.relay.run, "listening to who projects"))
        if registry.snapshots is not None:
            await duties.enter_async_context(on_and_on(registry.snapshots.run, "the snapshot of versions"))
        yield
