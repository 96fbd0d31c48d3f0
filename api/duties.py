"""What a process does beside answering: by its kind it follows Git, waits to lead, or listens to who projects."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from indexer import follow, lead
from registry.background import on_and_on, running
from registry.bootstrap import Registry


@asynccontextmanager
async def on_duty(registry: Registry) -> AsyncIterator[None]:
    """Does it while the context is open."""
    async with AsyncExitStack() as duties:
        if registry.process.projects and registry.leadership is not None and registry.signals is not None:
            await duties.enter_async_context(running(lead.run(registry, registry.leadership, registry.signals)))
        elif registry.process.has_disk:
            await duties.enter_async_context(on_and_on("following Git", partial(follow.run, registry)))
        if registry.relay is not None and not registry.process.projects:
            await duties.enter_async_context(on_and_on("listening to who projects", registry.relay.run))
        if registry.snapshots is not None:
            await duties.enter_async_context(on_and_on("the snapshot of versions", registry.snapshots.run))
        await duties.enter_async_context(on_and_on("keeping the audit", registry.audit_keeping.run))
        yield
