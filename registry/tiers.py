"""Which adapters a set-up has: settings in, open ports out. ``bootstrap`` makes the services over them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from registry.adapters.memory.event_bus import MemoryEventBus
from registry.adapters.sql.accounts import SqlKeys, SqlUsers
from registry.adapters.sql.bundles import SqlBundleIndex
from registry.adapters.sql.engine import Database
from registry.adapters.sql.event_log import SqlEventLog
from registry.adapters.sql.known_repositories import KnownRepositories
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.adapters.sql.verifying import SqlStoredRows
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.adapters.sql.version_origins import SqlVersionOrigins
from registry.domain.catalogue import Fed
from registry.ports.accounts import Keys, Users
from registry.ports.bundles import BundleIndex
from registry.ports.catalogue import TemplateIndex, VersionIndex, VersionOrigins
from registry.ports.dependencies import Dependency
from registry.ports.events import EventBus, EventLog
from registry.ports.leadership import Leadership
from registry.ports.projection import Outbox, Projection
from registry.ports.reads import ReadLedger
from registry.ports.search_index import CountedSearchIndex
from registry.ports.signals import Signals
from registry.ports.verifying import StoredRows
from registry.settings import Settings


@dataclass(frozen=True, slots=True)
class Tier:
    """The open ports of catalogue, search and events."""

    users: Users
    keys: Keys
    templates: TemplateIndex
    versions: VersionIndex
    origins: VersionOrigins
    bundles: BundleIndex
    stored: StoredRows
    ledger: ReadLedger
    event_log: EventLog
    projection: Projection
    outbox: Outbox
    search: CountedSearchIndex
    """The catalogue's own full text."""
    engine: "Engine | None"
    events: EventBus
    own_events: EventBus
    """What this process alone hears of; the same as ``events`` where there is one process."""
    known_repositories: KnownRepositories
    signals: Signals | None
    leadership: Leadership | None
    """None on SQLite, as the signals: one process projects, and has nobody to tell."""
    dependencies: tuple[Dependency, ...]
    """The services that are used, for who wants to know how they are."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A search engine beside the catalogue, which is asked before the catalogue's own full text."""

    index: CountedSearchIndex
    outbox: Outbox
    dependency: Dependency


@asynccontextmanager
async def open_tier(settings: Settings) -> AsyncIterator[Tier]:
    """The ports until the context is left. Raises Unavailable where the catalogue cannot be opened."""
    url = _secret(settings.database_url)
    async with AsyncExitStack() as stack:
        if not url:
            database = await Database.open(settings.catalogue)
            stack.push_async_callback(database.close)
            yield _over(database, await _open_engine(stack, settings, database))
            return
        # The drivers of the server tier are installed and imported where they are used.
        from registry.adapters.sql.leadership import PostgresLeadership  # noqa: PLC0415
        from registry.adapters.sql.signals import PostgresSignals  # noqa: PLC0415

        readers, seconds = settings.database_connections, settings.database_seconds
        database = await Database.open(url, readers=readers, seconds=seconds)
        stack.push_async_callback(database.close)
        signals = PostgresSignals(url)
        await stack.enter_async_context(signals.connected())
        yield _over(database, await _open_engine(stack, settings, database), signals, PostgresLeadership(url))


async def _open_engine(stack: AsyncExitStack, settings: Settings, database: Database) -> Engine | None:
    """Elasticsearch where it is set; whether it answers shows when it is asked."""
    url = _secret(settings.elasticsearch_url)
    if not url:
        return None
    from registry.adapters.elasticsearch.cluster import Cluster  # noqa: PLC0415 - of the extra ``server``
    from registry.adapters.elasticsearch.search_index import ElasticsearchSearchIndex  # noqa: PLC0415

    cluster = Cluster(
        url,
        username=settings.elasticsearch_username,
        password=_secret(settings.elasticsearch_password),
        api_key=_secret(settings.elasticsearch_api_key),
        ca_file=settings.elasticsearch_ca_file,
    )
    stack.push_async_callback(cluster.close)
    index = ElasticsearchSearchIndex(cluster, namespace=settings.namespace, templates=SqlTemplateIndex(database))
    return Engine(index, SqlOutbox(database, fed=Fed.ENGINE), cluster.breaker)


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


def _over(
    database: Database,
    engine: Engine | None,
    signals: Signals | None = None,
    leadership: Leadership | None = None,
) -> Tier:
    fed = (Fed.OWN,) if engine is None else (Fed.OWN, Fed.ENGINE)
    search, events = SqlSearchIndex(database), MemoryEventBus()
    return Tier(
        users=SqlUsers(database),
        keys=SqlKeys(database),
        templates=SqlTemplateIndex(database),
        versions=SqlVersionIndex(database),
        origins=SqlVersionOrigins(database),
        bundles=SqlBundleIndex(database),
        stored=SqlStoredRows(database),
        ledger=SqlReadLedger(database),
        event_log=SqlEventLog(database),
        projection=SqlProjection(database, index=search, fed=fed),
        outbox=SqlOutbox(database),
        search=search,
        engine=engine,
        events=events,
        own_events=events,
        known_repositories=KnownRepositories(database),
        signals=signals,
        leadership=leadership,
        dependencies=(*database.dependencies(), *((engine.dependency,) if engine is not None else ())),
    )
