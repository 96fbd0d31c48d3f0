"""Where secrets are looked for: in files, and in all else that a push brings and every clone holds."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import BlobId
from registry.domain.secrets import find_secrets, find_secrets_in
from registry.ports.git import GitStore
from registry.services.tree_changes import read_many

FILES_AT_ONCE = 500
NAMES_AT_ONCE = 500

SLICE_SECONDS = 0.005
"""How long the gate works before the event loop gets its turn."""

OBJECT_BYTES, OBJECT_OVERLAP = 100_000, 2_000
"""So much of a commit is scanned at once: Git sets no limit to a message."""


async def check_secrets(
    store: GitStore, paths: Mapping[BlobId, str], bodies: Mapping[BlobId, bytes]
) -> list[Diagnostic]:
    """Secrets in new files, each blob once, wherever it stands; ``bodies`` is what was read of them already."""
    found: list[Diagnostic] = []
    blobs = list(paths)
    turn = time.monotonic()
    for start in range(0, len(blobs), FILES_AT_ONCE):
        part = blobs[start : start + FILES_AT_ONCE]
        read = await read_many(store, [blob for blob in part if blob not in bodies])
        for blob in part:
            found += find_secrets_in(bodies[blob] if blob in bodies else read[blob], paths[blob])
            if time.monotonic() - turn > SLICE_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
    return found


async def check_objects(stored: Iterable[bytes], owner: str) -> list[Diagnostic]:
    """Secrets in commits or tags as they are stored: in messages, in the names of people, in any header."""
    found: list[Diagnostic] = []
    for each in stored:
        for start in range(0, len(each), OBJECT_BYTES):
            found += find_secrets_in(each[start : start + OBJECT_BYTES + OBJECT_OVERLAP], "")
            if start:
                await asyncio.sleep(0)
    return [Diagnostic(each.rule, f"In {owner} {each.message}", severity=each.severity) for each in found]


async def check_file_names(paths: Sequence[str]) -> list[Diagnostic]:
    """Secrets in the names of new files, each shown up to where its secret begins."""
    found: list[Diagnostic] = []
    for start in range(0, len(paths), NAMES_AT_ONCE):
        part = [path.replace("\n", " ") for path in paths[start : start + NAMES_AT_ONCE]]
        for each in find_secrets("\n".join(part), ""):
            shown = part[each.place.line - 1][: each.place.column - 1]
            message = f"In the name of a file, {shown}…: {each.message}"
            found.append(replace(each, message=message, place=type(each.place)()))
        if start:
            await asyncio.sleep(0)
    return found
