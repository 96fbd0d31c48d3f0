"""The journal of refs' moves: a file of JSON lines for each process, held by a lock as long as that lives."""

import json
import logging
import os
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

from registry.adapters.fsync import fsync_path
from registry.domain.audit import AuditOrigin
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate

log = logging.getLogger(__name__)

_ENDING = ".jsonl"


class FileRefJournal:
    """Implements ``ports.ref_journal.RefJournal`` in a folder, which is made when something is intended first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._descriptor: int | None = None
        self._own: Path | None = None
        self._open: dict[str, RefIntent] = {}

    def intend(self, intents: Sequence[RefIntent]) -> None:
        """Appends them and waits for the disk. Raises Unavailable."""
        with self._guard:
            try:
                self._append(({"intended": _written(intent)} for intent in intents), durably=True)
            except OSError as error:
                raise Unavailable(
                    f"What is to be audited cannot be written to {self._folder}: {error.strerror}. Nothing was changed."
                ) from error
            self._open |= {intent.operation: intent for intent in intents}

    def settle(self, operations: Collection[str], *, landed: bool) -> None:
        """Says what became of them."""
        with self._guard:
            known = [operation for operation in operations if operation in self._open]
            self._open |= {each: replace(self._open[each], landed=landed) for each in known}
            self._append_if_possible({"settled": each, "landed": landed} for each in known)

    def waiting(self) -> list[RefIntent]:
        """All that were not forgotten; what processes left that have ended is taken over first. Raises Unavailable."""
        with self._guard:
            try:
                for path in sorted(self._folder.glob(f"*{_ENDING}")):
                    if path != self._own:
                        self._take_over(path)
            except OSError as error:
                raise Unavailable(
                    f"What is to be audited cannot be read in {self._folder}: {error.strerror}. "
                    "Run this as the user that runs the server."
                ) from error
            return list(self._open.values())

    def forget(self, operations: Collection[str]) -> None:
        """Leaves them out; a file with nothing left in it becomes empty again."""
        with self._guard:
            known = [operation for operation in operations if self._open.pop(operation, None) is not None]
            if self._open or self._descriptor is None:
                self._append_if_possible({"forgotten": each} for each in known)
            else:
                try:
                    os.ftruncate(self._descriptor, 0)
                except OSError as error:  # they are entered once all the same
                    log.warning("the journal %s cannot be emptied: %s", self._own, error.strerror)

    def close(self) -> None:
        """Lets go of the file; one with nothing in it is removed."""
        with self._guard:
            if self._descriptor is None:
                return
            if not self._open and self._own is not None:
                self._own.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = self._own = None

    def _append_if_possible(self, lines: Iterable[dict[str, Any]]) -> None:
        try:
            self._append(lines, durably=False)
        except OSError as error:  # the refs tell what became of them
            log.warning("the journal %s cannot be written: %s", self._own, error.strerror)

    def _append(self, lines: Iterable[dict[str, Any]], *, durably: bool) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines).encode()
        if not text:
            return
        descriptor = self._file()
        end = os.lseek(descriptor, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(text):
                written += os.write(descriptor, text[written:])
            if durably:
                os.fdatasync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)  # half a line would spoil the next one
            raise

    def _file(self) -> int:
        """The own file. It gets its name only when it is locked, so that nobody takes it for a dead process's."""
        if self._descriptor is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            name = secrets.token_hex(8)
            new, own = self._folder / f".{name}", self._folder / f"{name}{_ENDING}"
            descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                flock(descriptor, LOCK_EX)
                new.rename(own)
                fsync_path(self._folder)
            except OSError:
                os.close(descriptor)
                raise
            self._descriptor, self._own = descriptor, own
        return self._descriptor

    def _take_over(self, path: Path) -> None:
        """What a process left that has ended: into the own file first, durably, and only then is it removed."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return  # it lives, and sees to them itself
            left = {each.operation: each for each in _read(path.read_bytes())}
            if left:
                self._append(({"intended": _written(intent)} for intent in left.values()), durably=True)
                self._open |= left
            path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _read(text: bytes) -> Iterator[RefIntent]:
    """The intents of a file that were not forgotten. A last line that a kill cut off was not acted upon."""
    found: dict[str, RefIntent] = {}
    for line in text.splitlines():
        try:
            said = json.loads(line)
            if "intended" in said:
                intent = _intent_of(said["intended"])
                found[intent.operation] = intent
            elif said.get("forgotten") in found:
                del found[said["forgotten"]]
            elif said.get("settled") in found:
                found[said["settled"]] = replace(found[said["settled"]], landed=said["landed"])
        except (ValueError, KeyError, TypeError) as error:
            log.warning("a line of the journal of refs cannot be read: %s", error)
    yield from found.values()


def _written(intent: RefIntent) -> dict[str, Any]:
    return {
        "operation": intent.operation,
        "repository": intent.repository,
        "ref": intent.update.ref,
        "old": intent.update.old,
        "new": intent.update.new,
        "origin": asdict(intent.origin),
        "at": intent.at.isoformat(),
        "pushed": intent.pushed,
        "purge": intent.purge,
        "landed": intent.landed,
    }


def _intent_of(said: dict[str, Any]) -> RefIntent:
    return RefIntent(
        operation=said["operation"],
        repository=RepositoryName(said["repository"]),
        update=RefUpdate(RefName(said["ref"]), CommitId(said["old"]), CommitId(said["new"])),
        origin=AuditOrigin(**said["origin"]),
        at=datetime.fromisoformat(said["at"]),
        pushed=said["pushed"],
        purge=said.get("purge"),
        landed=said["landed"],
    )
