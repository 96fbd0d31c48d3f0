"""Bringing a registry back from an archive into an empty data folder, and into an empty database where one is set."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from api.data_folder import held, restoring_folder
from registry.bootstrap import open_registry
from registry.catalogue_place import REMEMBERED, remember_catalogue
from registry.domain.backups import ArchiveManifest
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.pairing import FILE
from registry.ports.backups import BlobStore
from registry.services.archive_parts import fetch_part, fetch_to, find_manifest
from registry.services.backups import Backups, Progress
from registry.settings import Settings

OURS = frozenset({"lock", "lost+found", "keyring.json", "keyring.json.lock"})
"""What an empty data folder may hold."""


def check_archive(store: BlobStore, archive: str | None, progress: Progress) -> ArchiveManifest:
    """Reads an archive to its end and compares it with its manifest. Raises NotFound, BadRequest, Unavailable."""
    manifest = find_manifest(store, archive)
    for number, part in enumerate(manifest.parts):
        progress(part.name, number, len(manifest.parts))
        fetch_part(store, manifest.id, part, _nothing)
    return manifest


async def restore(settings: Settings, store: BlobStore, archive: str | None, progress: Progress) -> ArchiveManifest:
    """Fills the data folder, and projects what it then has.

    Until the whole archive has been read and found as it was written, nothing is changed. Raises NotFound, BadRequest,
    Unavailable.
    """
    manifest = await asyncio.to_thread(find_manifest, store, archive)
    data, staging = settings.data.resolve(), restoring_folder(settings.data.resolve())
    with held(data, restoring=True):
        again = staging.exists()
        _make_room(data, staging, again=again)
        try:
            for number, part in enumerate(manifest.parts):
                progress(f"reading {part.name}", number, len(manifest.parts))
                await asyncio.to_thread(fetch_to, store, manifest.id, part, staging)
        except OSError as error:
            shutil.rmtree(staging, ignore_errors=True)
            raise Unavailable(f"{data} cannot be written: {error.strerror or error}. Nothing was changed.") from error
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        await _fill(settings, manifest, staging, progress, again=again)
        shutil.rmtree(staging)
    return manifest


def _make_room(data: Path, staging: Path, *, again: bool) -> None:
    """An empty folder for the parts. What a restore left that was cut off goes. Raises BadRequest."""
    if again:
        for left in data.iterdir():
            if left.name in {"repositories", staging.name}:
                shutil.rmtree(left)
            elif left.name.startswith(("catalogue.sqlite", FILE)) or left.name == REMEMBERED:
                left.unlink()
    there = sorted(each.name for each in data.iterdir() if each.name not in OURS)
    if there:
        raise BadRequest(
            f"The data folder {data} is not empty ({', '.join(there[:3])}): a restore takes an empty one. Name another "
            "with --data, or move what is there away. Nothing was changed."
        )
    staging.mkdir(mode=0o700)


async def _fill(
    settings: Settings, manifest: ArchiveManifest, staging: Path, progress: Progress, *, again: bool
) -> None:
    async with open_registry(settings, restoring=True) as registry:
        if await _is_filled(registry.backups, staging, again=again):
            if not again:
                shutil.rmtree(staging)
            raise BadRequest(
                "The database of PROMPTUARY_DATABASE_URL has users and keys already: a restore takes an empty one. "
                "Nothing in it was changed."
            )
        await registry.backups.restore(manifest, staging, progress)
        for number, repository in enumerate(registry.git.names()):
            progress(f"projecting {repository}", number, len(manifest.repositories))
            await registry.indexing.poke(repository)
        await registry.indexing.reconcile()
    remember_catalogue(settings)


async def _is_filled(backups: Backups, staging: Path, *, again: bool) -> bool:
    """Whether the database has what a restore would take away; what the one that was cut off left may stay or go."""
    return await backups.holds_others(staging) if again else await backups.holds_records()


_nothing: Callable[[bytes], object] = len
