"""Backups: one archive of Git and of what is in the database alone, made while writes go on; and the way back.

The records come first, the repositories after them: then nothing in the archive names a version that it lacks. What a
repository has is pinned by the ids of its refs; objects that they reach stay, whatever happens to the refs meanwhile.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from registry.domain.audit import AuditAction, utc_text
from registry.domain.backups import (
    MANIFEST,
    RECORDS,
    ArchiveManifest,
    ArchivePart,
    KeptRecord,
    PinnedRepository,
    archive_id,
    is_archive_id,
    read_record,
    write_manifest,
    write_record,
)
from registry.domain.errors import BadRequest
from registry.domain.ids import RepositoryName
from registry.ports.backups import BlobStore, KeptRecords, RepositoryArchives
from registry.ports.clock import Clock
from registry.ports.git import Repositories
from registry.services.archive_parts import HashingWriter, whole_archives
from registry.services.audit import Audit
from registry.services.pairing import Pairing

Progress = Callable[[str, int, int], None]
"""Called with what is done now, how many parts are done, and how many there are."""

LEFT_AFTER = timedelta(days=1)
"""When what a killed backup left is swept: long after any backup has ended."""


class Backups:
    """Makes archives of this registry, and fills an empty registry from one."""

    def __init__(
        self,
        *,
        git: Repositories,
        archives: RepositoryArchives,
        kept: KeptRecords,
        pairing: Pairing,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._git = git
        self._archives = archives
        self._kept = kept
        self._pairing = pairing
        self._audit = audit
        self._clock = clock

    async def make(self, store: BlobStore, progress: Progress) -> ArchiveManifest:
        """Makes an archive in a store; it is whole once its manifest is there, which comes last. Raises Unavailable."""
        made_at = self._clock.now()
        name = archive_id(made_at, secrets.token_hex(4))
        registry_id = await self._pairing.agree()
        repositories = self._git.names()
        parts: list[ArchivePart] = []
        counted: Counter[str] = Counter()
        pinned: list[PinnedRepository] = []
        try:
            progress("users, keys, counts of reads, audit", 0, len(repositories) + 1)
            parts.append(await self._write_records(store, name, counted))
            for number, repository in enumerate(repositories, start=1):
                progress(repository, number, len(repositories) + 1)
                one, part = await asyncio.to_thread(self._write_repository, store, name, repository)
                pinned.append(one)
                parts += [part] if part is not None else []
            made_by = f"promptuary {version('promptuary')}"
            made = ArchiveManifest(name, made_at, made_by, pinned, parts, dict(counted), registry_id)
            await asyncio.to_thread(_write, store, f"{name}/{MANIFEST}", write_manifest(made))
        except BaseException:
            await asyncio.shield(asyncio.to_thread(delete_archive, store, name))
            raise
        return made

    async def sweep(self, store: BlobStore, keep: int | None) -> list[str]:
        """Deletes what killed backups left, and archives but the ``keep`` newest (None: none); says which."""
        names = await asyncio.to_thread(store.names)
        whole = whole_archives(names)
        begun = {each.partition("/")[0] for each in names} - set(whole)
        limit = archive_id(self._clock.now() - LEFT_AFTER, "0" * 8)
        left = sorted(each for each in begun if is_archive_id(each) and each < limit)
        gone = [*left, *(whole[:-keep] if keep is not None else [])]
        for each in gone:
            await asyncio.to_thread(delete_archive, store, each)
        return gone

    async def restore(self, manifest: ArchiveManifest, folder: Path, progress: Progress) -> None:
        """Fills this registry with an archive whose parts lie, checked, in a folder; it has to have no repositories.

        Records and an id that there are give way; that it was done is the audit's next entry.

        Raises BadRequest, Unavailable.
        """
        for number, pinned in enumerate(manifest.repositories):
            progress(pinned.name, number, len(manifest.repositories) + 1)
            await asyncio.to_thread(self._take_repository, pinned, folder)
        progress("users, keys, counts of reads, audit", len(manifest.repositories), len(manifest.repositories) + 1)
        with (folder / RECORDS).open("rb") as lines:
            await self._kept.load([read_record(line) for line in lines])
        await self._pairing.take(manifest.registry_id)
        said = {"archive": manifest.id, "made_at": utc_text(manifest.made_at)}
        await self._audit.enter(self._audit.draft(AuditAction.AUDIT_RESTORED, new=said))

    async def holds_records(self) -> bool:
        """Whether the database has users, keys, counts of reads or an audit already. Raises Unavailable."""
        return await self._kept.count() > 0

    async def holds_others(self, folder: Path) -> bool:
        """Whether the database has records that are not in the archive whose parts lie in a folder.

        That it was restored before is none of them. Raises Unavailable.
        """
        found: set[bytes] = set()

        def take(record: KeptRecord) -> None:
            if record.values.get("action") != AuditAction.AUDIT_RESTORED:
                found.add(write_record(record))

        await self._kept.copy(take)
        with (folder / RECORDS).open("rb") as lines:
            return not found <= set(lines)

    async def _write_records(self, store: BlobStore, archive: str, counted: Counter[str]) -> ArchivePart:
        with _part(store, archive, RECORDS) as part:

            def take(record: KeptRecord) -> None:
                counted[record.kind.value] += 1
                part.write(write_record(record))

            await self._kept.copy(take)
        return part.described(RECORDS)

    def _write_repository(
        self, store: BlobStore, archive: str, name: RepositoryName
    ) -> tuple[PinnedRepository, ArchivePart | None]:
        pinned = self._archives.pin(name)
        if not pinned.refs:
            return pinned, None
        place = f"repositories/{name}.bundle"
        with _part(store, archive, place) as part:
            self._archives.write_bundle(pinned, part)
        return PinnedRepository(name, pinned.default_branch, pinned.refs, place), part.described(place)

    def _take_repository(self, pinned: PinnedRepository, folder: Path) -> None:
        self._git.create(pinned.name, default_branch=pinned.default_branch.removeprefix("refs/heads/"))
        if pinned.part is None:
            return
        found = self._archives.take_bundle(pinned.name, folder / pinned.part)
        if found != dict(pinned.refs):
            raise BadRequest(f"The archive's bundle of {pinned.name} has other refs than its manifest says.")


@contextmanager
def _part(store: BlobStore, archive: str, name: str) -> Iterator[HashingWriter]:
    with store.writing(f"{archive}/{name}") as file:
        yield HashingWriter(file)


def _write(store: BlobStore, name: str, text: bytes) -> None:
    with store.writing(name) as file:
        file.write(text)


def delete_archive(store: BlobStore, archive: str) -> None:
    """Removes an archive, its manifest first: what is left of it is no archive at any moment. Raises Unavailable."""
    names = [name for name in store.names() if name.startswith(f"{archive}/")]
    for name in sorted(names, key=lambda each: not each.endswith(f"/{MANIFEST}")):
        store.delete(name)
