"""Which adapters the disk of a node has: its repositories, and places for backups. ``bootstrap`` has the services."""

import shutil
import sys
from pathlib import Path

from registry.adapters.blobs.folder import FolderBlobStore
from registry.adapters.git import LocalRepositories
from registry.adapters.git.archives import GitArchives
from registry.domain.errors import Unavailable
from registry.ports.backups import BlobStore, RepositoryArchives
from registry.ports.git import Repositories
from registry.settings import Settings


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


def open_blob_store(address: str) -> BlobStore:
    """A place for backups: a folder of this machine."""
    return FolderBlobStore(Path(address))


def hook_command() -> str:
    """The promptuary program beside this Python, which hooks run for a push that no server receives."""
    beside = Path(sys.executable).with_name("promptuary")
    return str(beside) if beside.exists() else shutil.which("promptuary") or "promptuary"
