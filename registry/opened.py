"""An open registry: everything that a way in needs. ``bootstrap`` makes it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from registry.domain.dependencies import PoolUse
from registry.ports.cache import Cache
from registry.ports.events import EventBus
from registry.ports.git import Repositories
from registry.ports.keyring import KeyRing, SecretHolder
from registry.ports.leadership import Leadership
from registry.ports.renderer import Renderer
from registry.ports.signals import Signals
from registry.process_kinds import ProcessKind
from registry.services.access_control import AccessControl
from registry.services.accounts import Accounts
from registry.services.api_keys import ApiKeys
from registry.services.audit import Audit
from registry.services.audit_keeping import AuditKeeping
from registry.services.backups import Backups
from registry.services.blames import Blames
from registry.services.branches import Branches
from registry.services.bundles import Bundles
from registry.services.denials import Denials
from registry.services.diffs import Diffs
from registry.services.digests import Digests
from registry.services.events import EventStreams
from registry.services.freshness import Freshness
from registry.services.gate import Gate
from registry.services.git_reads import GitReads
from registry.services.identification import Identification
from registry.services.imports import Imports
from registry.services.indexing import Indexing
from registry.services.key_uses import KeyUses
from registry.services.labels import Labels
from registry.services.maintenance import Maintenance
from registry.services.meters import Meters
from registry.services.promotions import Promotions
from registry.services.proposals import Proposals
from registry.services.purging import Purging
from registry.services.rate_limits import RateLimiting
from registry.services.readiness import Readiness
from registry.services.reads import Reads
from registry.services.ref_audit import RefAudit
from registry.services.relaying import Relay
from registry.services.reporting import Reporting
from registry.services.repositories import RepositoryService
from registry.services.search import Search
from registry.services.seeding import Seeding
from registry.services.snapshots import Snapshots
from registry.services.template_edits import TemplateEdits
from registry.services.templates import Templates
from registry.services.verifying import Verifying
from registry.services.versions import Versions
from registry.services.writes import Writes
from registry.settings import Settings
from registry.signing_in import SigningIn
from registry.tiers import forget_elsewhere as forget_elsewhere  # noqa: PLC0414  (the command line may not ask tiers)


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that a way in needs."""

    settings: Settings
    process: ProcessKind
    git: Repositories
    renderer: Renderer
    cache: Cache
    events: EventBus
    signals: Signals | None
    leadership: Leadership | None
    relay: Relay | None
    event_streams: EventStreams
    reads: Reads
    identification: Identification
    signing_in: SigningIn
    accounts: Accounts
    access: AccessControl
    api_keys: ApiKeys
    key_uses: KeyUses
    repositories: RepositoryService
    seeding: Seeding
    templates: Templates
    edits: TemplateEdits
    versions: Versions
    diffs: Diffs
    blames: Blames
    digests: Digests
    bundles: Bundles
    freshness: Freshness
    labels: Labels
    promotions: Promotions
    imports: Imports
    branches: Branches
    search: Search
    gate: Gate
    proposals: Proposals
    writes: Writes
    indexing: Indexing
    reporting: Reporting
    verifying: Verifying
    maintenance: Maintenance
    readiness: Readiness
    meters: Meters
    rate_limits: RateLimiting
    backups: Backups
    purging: Purging
    keyring: KeyRing
    audit: Audit
    denials: Denials
    ref_audit: RefAudit
    audit_keeping: AuditKeeping
    secret_holders: Sequence[SecretHolder]
    """Whose secrets are stored anew after a rotation."""
    pools: Callable[[], Sequence[PoolUse]]
    make_missing_tables: Callable[[], Awaitable[bool]]
    """In a catalogue that has lost all of them; whether that was so. Raises Unavailable."""
    snapshots: Snapshots | None
    git_reads: GitReads | None
    """Both where writes come to: the repositories are on the disk, and one process at a time is there for them."""
