"""Which adapters a set-up has: settings in, open ports out. ``bootstrap`` makes the services over them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from pydantic import SecretStr

from registry.adapters.breakers import Breaker as Breaker  # noqa: PLC0414  (the API has one of its own, for the Git node)
from registry.adapters.local.password_hasher import Argon2Hasher
from registry.adapters.memory.cache import MemoryCache
from registry.adapters.memory.event_bus import MemoryEventBus
from registry.adapters.memory.rate_limits import MemoryRateLimits
from registry.adapters.oidc.client import HttpProviderClient
from registry.adapters.sql.accounts import SqlKeys, SqlUsers
from registry.adapters.sql.audit_log import SqlAuditLog, SqlAuditMarks
from registry.adapters.sql.bundles import SqlBundleIndex
from registry.adapters.sql.device_grants import SqlDeviceGrants
from registry.adapters.sql.engine import Database
from registry.adapters.sql.event_log import SqlEventLog
from registry.adapters.sql.former_states import SqlFormerStates
from registry.adapters.sql.grants import SqlGrants, SqlGroups
from registry.adapters.sql.kept_records import SqlKeptRecords
from registry.adapters.sql.known_repositories import KnownRepositories
from registry.adapters.sql.links import SqlLinks
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.passwords import SqlPasswords
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.provider_accounts import SqlProviderAccounts
from registry.adapters.sql.providers import SqlProviders
from registry.adapters.sql.pushers import SqlPushers
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.adapters.sql.refresh_tokens import SqlRefreshTokens
from registry.adapters.sql.registry_id import SqlRegistryId
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.sessions import SqlSessions
from registry.adapters.sql.sharding import ShardedDatabase
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.adapters.sql.verifying import SqlStoredRows
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.adapters.sql.version_origins import SqlVersionOrigins
from registry.domain.catalogue import Fed
from registry.domain.dependencies import PoolUse
from registry.domain.ids import RepositoryName
from registry.ports.accounts import Grants, Groups, Keys, Users
from registry.ports.audit import AuditLog
from registry.ports.backups import KeptRecords
from registry.ports.bundles import BundleIndex
from registry.ports.cache import Cache
from registry.ports.catalogue import TemplateIndex, VersionIndex, VersionOrigins
from registry.ports.dependencies import Dependency
from registry.ports.events import EventBus, EventLog
from registry.ports.keyring import SecretHolder
from registry.ports.leadership import Leadership
from registry.ports.pairing import IdPlace
from registry.ports.projection import Outbox, Projection
from registry.ports.purging import FormerStates
from registry.ports.pushers import Pushers
from registry.ports.rate_limits import RateLimits
from registry.ports.reads import ReadLedger
from registry.ports.search_index import CountedSearchIndex
from registry.ports.sign_in import SignInPorts
from registry.ports.signals import Signals
from registry.ports.verifying import StoredRows
from registry.settings import Settings

CACHE_BYTES = 16_777_216
"""What a process holds of the cache itself; most of what it reads it keeps as ready answers besides."""
CACHED_BYTES = 65_536
"""The largest value among them: bundles, which are larger, it keeps as answers."""


@dataclass(frozen=True, slots=True)
class Tier:
    """The open ports of catalogue, search and events."""

    users: Users
    groups: Groups
    grants: Grants
    keys: Keys
    sign_in: SignInPorts
    kept: KeptRecords
    registry_id: IdPlace
    audit: AuditLog
    secret_holders: tuple[SecretHolder, ...]
    templates: TemplateIndex
    versions: VersionIndex
    origins: VersionOrigins
    bundles: BundleIndex
    stored: StoredRows
    ledger: ReadLedger
    pushers: Pushers
    event_log: EventLog
    projection: Projection
    outbox: Outbox
    search: CountedSearchIndex
    """The catalogue's own full text."""
    engine: "Engine | None"
    events: EventBus
    own_events: EventBus
    """What this process alone hears of; the same as ``events`` where there is no Redis."""
    cache: Cache
    rate_limits: RateLimits
    known_repositories: KnownRepositories
    signals: Signals | None
    leadership: Leadership | None
    """None on SQLite, as the signals: one process projects, and has nobody to tell."""
    dependencies: tuple[Dependency, ...]
    """The services that are used, for who wants to know how they are."""
    former_states: tuple[FormerStates, ...]
    """All that may hold what is not shown any more, in the order in which it is forgotten."""
    pools: Callable[[], Sequence[PoolUse]]
    make_missing_tables: Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Engine:
    """A search engine beside the catalogue, which is asked before the catalogue's own full text."""

    index: CountedSearchIndex
    former_states: FormerStates
    outbox: Outbox
    urgent: Outbox
    """What of it somebody who wrote waits for."""
    dependency: Dependency


@dataclass(frozen=True, slots=True)
class Shared:
    """What the processes of a registry have in common besides the catalogue; of this one alone without Redis."""

    events: EventBus
    own_events: EventBus
    cache: Cache
    rate_limits: RateLimits
    dependencies: tuple[Dependency, ...]


@asynccontextmanager
async def open_tier(settings: Settings) -> AsyncIterator[Tier]:
    """The ports until the context is left. Raises Unavailable where the catalogue cannot be opened."""
    url = _secret(settings.database_url)
    async with AsyncExitStack() as stack:
        if not url:
            database = await Database.open(settings.catalogue)
            stack.push_async_callback(database.close)
            engine, shared = await _open_engine(stack, settings, database), await _open_shared(stack, settings)
            yield _over(database, engine, shared, None, None)
            return
        # The drivers of the server tier are installed and imported where they are used.
        from registry.adapters.sql.leadership import PostgresLeadership  # noqa: PLC0415
        from registry.adapters.sql.signals import PostgresSignals  # noqa: PLC0415

        database = await _open_databases(stack, settings, url)
        signals = PostgresSignals(url)
        await stack.enter_async_context(signals.connected())
        engine, shared = await _open_engine(stack, settings, database), await _open_shared(stack, settings)
        yield _over(database, engine, shared, signals, PostgresLeadership(url))


async def _open_databases(stack: AsyncExitStack, settings: Settings, url: str) -> Database:
    """PostgreSQL, with its shards where there are some."""
    opened = {}
    for name, address in {"": url, **settings.shards}.items():
        opened[name] = await Database.open(
            address, readers=settings.database_connections, seconds=settings.database_seconds
        )
        stack.push_async_callback(opened[name].close)
    main = opened.pop("")
    places = {RepositoryName(repository): shard for repository, shard in settings.places.items()}
    return ShardedDatabase(main, opened, places) if opened else main


async def forget_elsewhere(settings: Settings, repository: RepositoryName) -> int:
    """Forgets what is projected of a repository in databases that are not its own; says in how many of them.

    Raises Unavailable.
    """
    async with AsyncExitStack() as stack:
        database = await _open_databases(stack, settings, _secret(settings.database_url) or "")
        others = [each for each in database.every() if each is not database.of(repository)]
        found = 0
        for each in others:
            projection = SqlProjection(each)
            found += await projection.checkpoint(repository) is not None
            await projection.drop(repository)
            await SqlSearchIndex(each).forget(repository)
        return found


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
        search_seconds=settings.elasticsearch_seconds,
    )
    stack.push_async_callback(cluster.close)
    index = ElasticsearchSearchIndex(cluster, namespace=settings.namespace, templates=SqlTemplateIndex(database))
    whole, urgent = SqlOutbox(database, fed=Fed.ENGINE), SqlOutbox(database, fed=Fed.ENGINE, urgent=True)
    return Engine(index, index, whole, urgent, cluster.breaker)


async def _open_shared(stack: AsyncExitStack, settings: Settings) -> Shared:
    """Redis where it is set; whether it answers shows when it is asked, and nothing waits for it."""
    own = MemoryEventBus()
    front = MemoryCache(max_bytes=CACHE_BYTES, value_bytes=CACHED_BYTES)
    url = _secret(settings.redis_url)
    if not url:
        return Shared(own, own, front, MemoryRateLimits(), ())
    from registry.adapters.redis.cache import RedisCache  # noqa: PLC0415 - of the extra ``server``
    from registry.adapters.redis.event_bus import RedisEventBus  # noqa: PLC0415
    from registry.adapters.redis.rate_limits import RedisRateLimits  # noqa: PLC0415
    from registry.adapters.redis.server import RedisServer  # noqa: PLC0415

    server = RedisServer(url, settings.namespace)
    stack.push_async_callback(server.close)
    cache = RedisCache(server, front=front, edition=version("promptuary"))
    stack.push_async_callback(cache.close)
    events = await stack.enter_async_context(RedisEventBus(server, local=own).running())
    rate_limits = RedisRateLimits(server)
    stack.push_async_callback(rate_limits.close)
    return Shared(events, own, cache, rate_limits, (server.breaker,))


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


def _over(
    database: Database, engine: Engine | None, shared: Shared, signals: Signals | None, leadership: Leadership | None
) -> Tier:
    search, projection = _full_text(database, engine)
    return Tier(
        users=SqlUsers(database),
        groups=SqlGroups(database),
        grants=SqlGrants(database),
        keys=SqlKeys(database),
        sign_in=_sign_in(database),
        kept=SqlKeptRecords(database),
        registry_id=SqlRegistryId(database),
        audit=SqlAuditLog(database),
        secret_holders=(SqlAuditMarks(database), SqlProviders(database)),
        templates=SqlTemplateIndex(database),
        versions=SqlVersionIndex(database),
        origins=SqlVersionOrigins(database),
        bundles=SqlBundleIndex(database),
        stored=SqlStoredRows(database),
        ledger=SqlReadLedger(database),
        pushers=SqlPushers(database),
        event_log=SqlEventLog(database),
        projection=projection,
        outbox=SqlOutbox(database),
        search=search,
        engine=engine,
        events=shared.events,
        own_events=shared.own_events,
        cache=shared.cache,
        rate_limits=shared.rate_limits,
        known_repositories=KnownRepositories(database),
        signals=signals,
        leadership=leadership,
        dependencies=_dependencies(database, engine, shared),
        former_states=(SqlFormerStates(database), *([engine.former_states] if engine else []), shared.cache),
        pools=database.pools,
        make_missing_tables=database.make_missing_tables,
    )


def _sign_in(database: Database) -> SignInPorts:
    return SignInPorts(
        *(SqlPasswords(database), Argon2Hasher(), SqlProviders(database), HttpProviderClient()),
        *(SqlProviderAccounts(database), SqlSessions(database), SqlLinks(database)),
        *(SqlRefreshTokens(database), SqlDeviceGrants(database)),
    )


def _full_text(database: Database, engine: Engine | None) -> tuple[SqlSearchIndex, SqlProjection]:
    """Beside a search engine its own full text answers only while that is away: no batch waits for it."""
    search = SqlSearchIndex(database)
    if engine is None:
        return search, SqlProjection(database, index=search, fed=(Fed.OWN,))
    return search, SqlProjection(database, fed=(Fed.OWN, Fed.ENGINE))


def _dependencies(database: Database, engine: Engine | None, shared: Shared) -> tuple[Dependency, ...]:
    searched = (engine.dependency,) if engine is not None else ()
    return (*database.dependencies(), *searched, *shared.dependencies)
