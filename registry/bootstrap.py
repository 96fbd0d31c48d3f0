"""THE composition root: settings in, a registry out. This, ``tiers``, ``disk`` and ``processes`` know the adapters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from time import monotonic

from registry.adapters.git import LocalRepositories
from registry.adapters.local.clock import SystemClock
from registry.adapters.local.import_reader import ProcessImportReader
from registry.adapters.local.registry_id import FolderId
from registry.adapters.sql.known_repositories import KnownRepositories
from registry.catalogue_place import check_catalogue, place_of
from registry.disk import archives_of, keyring_of, open_disk, purging_of, ref_journal_of, signer_of, snapshot_of
from registry.opened import Registry as Registry  # noqa: PLC0414  (who opens one names it)
from registry.ports.git import Repositories
from registry.ports.judging import Judges
from registry.ports.projection import Projection
from registry.ports.renderer import Renderer
from registry.ports.snapshots import VersionSnapshot
from registry.process_kinds import ProcessKind
from registry.processes import open_judges, open_renderer
from registry.projected import projected_by, searched
from registry.services.accounts import Accounts
from registry.services.api_keys import ApiKeys
from registry.services.audit import Audit
from registry.services.audit_keeping import AuditKeeping
from registry.services.backups import Backups
from registry.services.blames import Blames
from registry.services.branches import Branches
from registry.services.bundles import Bundles
from registry.services.checking import Checker
from registry.services.denials import Denials
from registry.services.diffs import Diffs
from registry.services.digests import Digests
from registry.services.events import EventStreams
from registry.services.freshness import Freshness
from registry.services.gate import Gate
from registry.services.gate_compatibility import CompatibilityRules
from registry.services.gate_content import ContentRules
from registry.services.gate_labels import LabelRules
from registry.services.git_reads import GitReads
from registry.services.imports import Imports
from registry.services.indexing import Indexing
from registry.services.key_uses import KeyUses
from registry.services.labels import Labels
from registry.services.maintenance import Maintenance, Schedule
from registry.services.meters import Meters
from registry.services.news import Journal
from registry.services.pairing import Pairing
from registry.services.promotions import Promotions
from registry.services.proposals import Proposals
from registry.services.purging import Purging
from registry.services.rate_limits import RateLimiting
from registry.services.readiness import Readiness
from registry.services.reads import Reads
from registry.services.ref_audit import RefAudit
from registry.services.relaying import Relay
from registry.services.repeats import Repeats
from registry.services.reporting import Reporting
from registry.services.repositories import RepositoryService
from registry.services.revisions import Revisions
from registry.services.search import Search
from registry.services.seeding import Seeding
from registry.services.shown_states import ShownStates
from registry.services.snapshots import Snapshots
from registry.services.states import States
from registry.services.template_documents import TemplateDocuments
from registry.services.template_edits import TemplateEdits
from registry.services.template_source import TemplateSource
from registry.services.templates import Templates
from registry.services.verifying import Verifying
from registry.services.versions import Versions
from registry.services.writes import Writes
from registry.settings import Settings
from registry.signing_in import signing_in
from registry.tiers import Tier, open_tier
from registry.tiers import forget_elsewhere as forget_elsewhere  # noqa: PLC0414  (the command line may not ask tiers)


@asynccontextmanager
async def open_registry(
    settings: Settings, process: ProcessKind = ProcessKind.SERVE, *, restoring: bool = False
) -> AsyncIterator[Registry]:
    """What the settings say: SQLite and everything in this process, or what is set of the server tier.

    Raises Unavailable where the data folder or a database cannot be used, or the two do not belong together; a restore
    makes them do so. On leaving, accepted writes are finished.
    """
    if process.has_disk:
        check_catalogue(settings)
    disk = open_disk(settings) if process.has_disk else None
    async with open_renderer(settings) as renderer, open_judges() as judges, open_tier(settings) as tier:
        known = tier.known_repositories
        git = disk or known
        snapshot = snapshot_of(settings) if process.takes_writes else None
        pairing = _pairing(settings, tier)
        if process.has_disk and not restoring:
            await pairing.agree()
        registry = _compose(settings, process, git, renderer, judges, tier, snapshot, pairing)
        async with nullcontext() if process.has_disk else known.followed(), snapshot or nullcontext():
            yield registry
        await registry.signing_in.linking.postbox.close()
        await registry.writes.close()
        await registry.indexing.close()
        registry.ref_audit.close()


def _compose(
    settings: Settings,
    process: ProcessKind,
    git: LocalRepositories | KnownRepositories,
    renderer: Renderer,
    judges: Judges,
    tier: Tier,
    snapshot: VersionSnapshot | None,
    pairing: Pairing,
) -> Registry:
    projected = projected_by(tier, process)
    clock, checker, journal, source, meters = SystemClock(), Checker(judges), Journal(), TemplateSource(), Meters()
    documents = TemplateDocuments()
    templates, versions, projection, events = tier.templates, tier.versions, projected.projection, tier.events
    states = States(projection=projection)
    ring = keyring_of(settings, makes=process.has_disk)
    audit = Audit(log=tier.audit, ring=ring, clock=clock)
    moves = RefAudit(git=git, journal=ref_journal_of(settings), log=tier.audit, pushers=tier.pushers, clock=clock)
    denials = Denials(log=tier.audit, clock=clock, monotonic=monotonic)
    indexing = Indexing(
        git=git,
        projection=projection,
        states=states,
        feeding=projected.feeding,
        checker=checker,
        events=projected.told,
        journal=journal,
        meters=meters,
    )
    content = ContentRules(
        states=states,
        checker=checker,
        renderer=renderer,
        labels=LabelRules(versions=versions),
        compatibility=CompatibilityRules(versions=versions, checker=checker),
    )
    gate = Gate(git=git, content=content, indexing=indexing, meters=meters)
    writes = Writes(git=git, gate=gate, indexing=indexing, journal=journal, moves=moves, clock=clock)
    uses = KeyUses(keys=tier.keys, clock=clock)
    limits = RateLimiting(limits=settings.rate_limits, counted=tier.rate_limits, refused=meters.refused)
    signer = signer_of(settings, process, ring)
    entrance = signing_in(settings, tier, signer, uses=uses, ring=ring, limits=limits, audit=audit, clock=clock)
    identification = entrance.identification
    accounts = Accounts(
        users=tier.users,
        grants=tier.grants,
        keys=tier.keys,
        identification=identification,
        audit=audit,
        clock=clock,
        data=settings.data,
    )
    repeats = Repeats(git=git)
    reading = Templates(
        templates=templates,
        versions=versions,
        projection=projection,
        source=source,
        shown=ShownStates(source=source, documents=documents, cache=tier.cache),
        revisions=Revisions(git=git, templates=templates, versions=versions),
        renderer=renderer,
    )
    edits = TemplateEdits(
        git=git, writes=writes, repeats=repeats, states=states, templates=templates, versions=versions
    )
    labels = Labels(git=git, templates=templates, versions=versions, writes=writes, repeats=repeats)
    proposals = Proposals(git=git, gate=gate, indexing=indexing, templates=reading, versions=versions, clock=clock)
    return Registry(
        settings=settings,
        process=process,
        git=git,
        renderer=renderer,
        cache=tier.cache,
        events=events,
        signals=tier.signals,
        leadership=tier.leadership,
        relay=Relay(signals=tier.signals, projection=projection, bus=tier.own_events) if tier.signals else None,
        event_streams=EventStreams(events=tier.event_log, bus=events),
        reads=Reads(ledger=tier.ledger, clock=clock),
        access=entrance.access,
        identification=identification,
        signing_in=entrance,
        accounts=accounts,
        api_keys=ApiKeys(
            accounts=accounts,
            identification=identification,
            keys=tier.keys,
            grants=tier.grants,
            audit=audit,
            clock=clock,
        ),
        key_uses=uses,
        repositories=RepositoryService(git=git),
        seeding=Seeding(git=git, gate=gate, indexing=indexing, clock=clock, data=settings.data),
        templates=reading,
        edits=edits,
        versions=Versions(templates=templates, versions=versions, pushers=tier.pushers),
        diffs=Diffs(templates=reading, versions=versions),
        blames=Blames(git=git, templates=reading, origins=tier.origins),
        digests=Digests(origins=tier.origins, pushers=tier.pushers),
        bundles=Bundles(git=git, index=tier.bundles, projection=projection, templates=templates, documents=documents),
        freshness=Freshness(git=git if process.has_disk else None, indexing=indexing),
        labels=labels,
        promotions=Promotions(git=git, labels=labels, writes=writes, repeats=repeats),
        imports=Imports(
            reader=ProcessImportReader(),
            edits=edits,
            labels=labels,
            proposals=proposals,
            templates=templates,
            versions=versions,
        ),
        branches=Branches(git=git, gate=gate, indexing=indexing, moves=moves, repeats=repeats),
        search=_search(tier),
        gate=gate,
        proposals=proposals,
        writes=writes,
        indexing=indexing,
        reporting=Reporting(git=git, indexing=indexing, journal=journal),
        verifying=Verifying(
            git=git,
            templates=templates,
            versions=versions,
            projection=projection,
            searched=searched(tier),
            checker=checker,
            stored=tier.stored,
        ),
        maintenance=_maintenance(settings, git, projection, meters),
        readiness=Readiness(
            process=process,
            indexing=indexing,
            is_projected=indexing.ready if process.has_disk else tier.known_repositories.is_projected,
            dependencies=tier.dependencies,
        ),
        meters=meters,
        backups=Backups(git=git, archives=archives_of(git), kept=tier.kept, pairing=pairing, audit=audit, clock=clock),
        purging=Purging(
            git=git, history=purging_of(git), indexing=indexing, former=tier.former_states, moves=moves, audit=audit
        ),
        rate_limits=limits,
        keyring=ring,
        audit=audit,
        denials=denials,
        ref_audit=moves,
        audit_keeping=AuditKeeping(
            audit=audit, denials=denials, moves=moves if process.takes_writes else None, days=settings.audit_days
        ),
        secret_holders=tier.secret_holders,
        snapshots=_snapshots(tier, git, snapshot) if snapshot is not None else None,
        git_reads=GitReads(git=git, snapshot=snapshot, source=source) if snapshot is not None else None,
        pools=tier.pools,
        make_missing_tables=pairing.make_missing_tables,
    )


def _pairing(settings: Settings, tier: Tier) -> Pairing:
    return Pairing(
        folder=FolderId(settings.data),
        database=tier.registry_id,
        data=settings.data,
        place=place_of(settings),
        make_tables=tier.make_missing_tables,
    )


def _maintenance(
    settings: Settings, git: LocalRepositories | KnownRepositories, projection: Projection, meters: Meters
) -> Maintenance:
    schedule = Schedule(seconds=settings.maintenance_hours * 3600, commits=settings.maintenance_commits)
    return Maintenance(git=git, upkeep=git, projection=projection, schedule=schedule, meters=meters)


def _snapshots(tier: Tier, git: Repositories, snapshot: VersionSnapshot) -> Snapshots:
    source, stored = tier.event_log, tier.stored
    return Snapshots(
        git=git, snapshot=snapshot, events=source, bus=tier.events, templates=tier.templates, stored=stored
    )


def _search(tier: Tier) -> Search:
    if tier.engine is None:
        return Search(index=tier.search, outbox=tier.outbox)
    return Search(index=tier.engine.index, outbox=tier.engine.outbox, fallback=tier.search)
