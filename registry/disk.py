"""Which adapters the disk of a node has: its repositories, the key ring and what signs with it, places for backups."""

import shutil
import sys
from pathlib import Path

from registry.adapters.blobs.folder import FolderBlobStore
from registry.adapters.git import LocalRepositories
from registry.adapters.git.archives import GitArchives
from registry.adapters.git.health import LocalGitHealth
from registry.adapters.git.purging import GitPurging
from registry.adapters.local.clock import SystemClock
from registry.adapters.local.keyring import FileKeyRing
from registry.adapters.local.places import LocalPlaces
from registry.adapters.local.ref_journal import FileRefJournal
from registry.adapters.local.token_signer import JwtSigner
from registry.adapters.sql.health import SqliteHealth
from registry.adapters.sql.version_snapshot import SqliteVersionSnapshot
from registry.catalogue_place import kept_elsewhere, place_of, way_out
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.health import Finding, Grade
from registry.ports.backups import BlobStore, RepositoryArchives
from registry.ports.git import Repositories
from registry.ports.health import CatalogueHealth
from registry.ports.purging import HistoryPurge
from registry.process_kinds import ProcessKind
from registry.services.health import Health
from registry.settings import S3Settings, Settings


def open_disk(settings: Settings) -> LocalRepositories:
    """The repositories of the data folder, which is made where it is not there. Raises Unavailable."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = f"The data folder {settings.data} cannot be made: {error.strerror}. Set PROMPTUARY_DATA."
        raise Unavailable(message) from error
    return repositories_of(settings)


def repositories_of(settings: Settings) -> LocalRepositories:
    """The repositories of the data folder; nothing is made."""
    return LocalRepositories(settings.repositories, hook_command=hook_command())


def archives_of(repositories: Repositories) -> RepositoryArchives:
    """Repositories as bundles."""
    return GitArchives(repositories)


def purging_of(repositories: Repositories) -> HistoryPurge:
    """What rewrites the history of repositories."""
    return GitPurging(repositories)


def keyring_of(settings: Settings, *, makes: bool) -> FileKeyRing:
    """The key ring's file; without ``makes`` it has to be there, as on a machine that only gets a copy of it."""
    return FileKeyRing(settings.keyring, makes=makes)


def signer_of(settings: Settings, process: ProcessKind, ring: FileKeyRing) -> JwtSigner:
    """What signs access tokens under the ring, in the name of the server's address.

    Several processes have several ports, and would not take each other's tokens: they need to be told the public one.
    """
    alone = f"http://127.0.0.1:{settings.port}" if process is ProcessKind.SERVE else None
    return JwtSigner(ring, issuer=settings.public_url or alone, lifetime=settings.token_span.access)


def ref_journal_of(settings: Settings) -> FileRefJournal:
    """What is noted of refs on their way into the audit; nothing is made before there is something."""
    return FileRefJournal(settings.data.resolve() / "ref-journal")


def open_blob_store(address: str, settings: S3Settings | None = None) -> BlobStore:
    """A place for backups: a folder of this machine, or ``s3://bucket/prefix``. Raises BadRequest, Unavailable."""
    scheme, found, rest = address.partition("://")
    if not found:
        return FolderBlobStore(Path(address))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise BadRequest(f"Backups go to a folder or to s3://BUCKET/PREFIX, not to {scheme}://{bucket}.")
    try:
        from registry.adapters.blobs.bucket import BucketBlobStore  # noqa: PLC0415 - of the extra ``server``
    except ImportError as error:
        raise Unavailable("What reads and writes s3:// is not installed: it comes with promptuary[server].") from error
    aws = settings or S3Settings()
    return BucketBlobStore(
        bucket,
        prefix,
        region=aws.region or aws.default_region,
        endpoint=aws.endpoint_url,
        key_id=aws.access_key_id,
        secret=aws.secret_access_key.get_secret_value() if aws.secret_access_key else "",
        token=aws.session_token.get_secret_value() if aws.session_token else "",
    )


def hook_command() -> str:
    """The promptuary program beside this Python, which hooks run for a push that no server receives."""
    beside = Path(sys.executable).with_name("promptuary")
    return str(beside) if beside.exists() else shutil.which("promptuary") or "promptuary"


def snapshot_of(settings: Settings) -> SqliteVersionSnapshot:
    """The numbers of versions, for when the catalogue is away; the file is opened once it is needed."""
    return SqliteVersionSnapshot(settings.data.resolve() / "snapshot.sqlite")


def _catalogue_health(settings: Settings) -> CatalogueHealth:
    address = settings.database_url.get_secret_value() if settings.database_url else ""
    return _database_health(address) if address else SqliteHealth(settings.catalogue)


def _database_health(address: str) -> CatalogueHealth:
    from registry.adapters.sql.postgres_health import PostgresHealth  # noqa: PLC0415 - of the extra ``server``

    return PostgresHealth(address)


def health_of(settings: Settings) -> Health:
    """What looks a set-up over; it opens nothing before it is asked, and makes nothing."""
    return Health(
        data=settings.data,
        git=repositories_of(settings),
        git_health=LocalGitHealth(settings.repositories),
        catalogue_health=_catalogue_health(settings),
        shards={name: _database_health(address) for name, address in settings.shards.items()},
        shard_of=settings.places,
        places=LocalPlaces(),
        clock=SystemClock(),
        place=place_of(settings),
        elsewhere=_elsewhere(settings),
    )


def _elsewhere(settings: Settings) -> Finding | None:
    place = kept_elsewhere(settings)
    if place is None:
        return None
    found = f"it is in PostgreSQL ({place}), and PROMPTUARY_DATABASE_URL is not set"
    why = "Users and keys are there; nothing starts on this folder without it, and what stands below may not hold."
    return Finding("catalogue", Grade.PROBLEM, found, why=why, remedy=way_out(settings))
