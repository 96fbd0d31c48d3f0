"""What a process does beside answering: by its role it follows Git, waits to lead, or listens to who projects."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from api.background import running
from indexer import follow, lead
from registry.bootstrap import Registry


@asynccontextmanager
async def on_duty(registry: Registry) -> AsyncIterator[None]:
    """Does it while the context is open."""
    async with AsyncExitStack() as duties:
        if registry.role.projects and registry.leadership is not None and registry.signals is not None:
            await duties.enter_async_context(running(lead.run(registry, registry.leadership, registry.signals)))
        elif registry.role.has_disk:
            await duties.enter_async_context(running(follow.run(registry)))
        if registry.relay is not None and not registry.role.projects:
            await duties.enter_async_context(running(registry.relay.run()))
        if registry.snapshots is not None:
            await duties.enter_async_context(running(registry.snapshots.run()))
        yield
