"""Checking templates with all that they include; gate and projection share the results by digest."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from cachetools import LRUCache

from registry.domain.errors import RevisionNotFound, Unavailable
from registry.domain.graph import Closure
from registry.domain.ids import BlobId, TemplateName
from registry.domain.judging import Case, Checked, JudgedFile, Outcome, Swap, carried, find_swap, judge, judge_file
from registry.domain.template import Template
from registry.ports.git import GitBlobs
from registry.ports.judging import Judges
from registry.services.outcomes_kept import KeptOutcomes, Swapped
from registry.services.tree_changes import read_many

FILES_AT_ONCE = 200
"""How many templates are read from Git at once."""

SLICE_SECONDS = 0.005
"""How long files are parsed before the event loop gets its turn."""

MANY = 64
"""More templates than that are judged in other processes; fewer are done here before those have them."""

SWAPS_AT_ONCE = 32
"""Of more changed partials at a time nobody asks whether they are the same to what includes them."""

BATCH = 32
"""How many templates a judging process is given at a time: about ten milliseconds of work."""

BATCH_BYTES = 1_048_576
"""A batch ends when its files are together larger than that."""

SHARED_BYTES = 16_777_216
"""How much is held of files that several templates include, so that each is read from Git once."""

_Pair = tuple[TemplateName, BlobId]
T = TypeVar("T")


class Checker:
    """Reads and checks templates, remembering what it has seen by content.

    With ``judges``, many templates are judged in other processes; what those cannot take is judged here.
    """

    def __init__(
        self, judges: Judges | None = None, *, files: int = 2048, results: int = 2048, outcomes: int = 20_000
    ) -> None:
        self._judges = judges
        self._files: LRUCache[_Pair, JudgedFile] = LRUCache(files)
        self._checked: LRUCache[Case, Checked] = LRUCache(results)
        self._outcomes = KeptOutcomes(outcomes)

    async def check(
        self,
        store: GitBlobs,
        cases: Iterable[Case],
        known_bodies: Mapping[BlobId, bytes] = MappingProxyType({}),
    ) -> dict[Case, Checked]:
        """Judges each template; the closures say which blobs belong to it. Yields to other tasks on the way."""
        found, missing = _looked_up(cases, self._checked.get)
        for start in range(0, len(missing), FILES_AT_ONCE):
            part = missing[start : start + FILES_AT_ONCE]
            files = await self._read(store, part, known_bodies)
            for case in part:
                found[case] = self._judge(case, files)
            await asyncio.sleep(0)
        return found

    async def outcomes(
        self,
        store: GitBlobs,
        cases: Iterable[Case],
        known_bodies: Mapping[BlobId, bytes] = MappingProxyType({}),
        *,
        whole: bool = False,
    ) -> dict[Case, Outcome]:
        """What ``check`` says, without the templates: what has been judged once is not parsed again.

        With ``whole`` those that have offline tests are likely to be ready for ``check``.
        """
        found, new = _looked_up(cases, self._outcomes.find)
        missing: list[Case] = []
        for start in range(0, len(new), FILES_AT_ONCE):
            part = new[start : start + FILES_AT_ONCE]
            missing += await self._carry(store, part, known_bodies, found, whole=whole)
        if self._judges is not None and len(missing) > MANY:
            await self._judge_many(self._judges, store, missing, known_bodies, found, whole=whole)
        else:
            for start in range(0, len(missing), FILES_AT_ONCE):
                await self._judge_here(store, missing[start : start + FILES_AT_ONCE], known_bodies, found)
        return found

    async def templates(
        self,
        store: GitBlobs,
        files: Sequence[tuple[TemplateName, BlobId]],
        known_bodies: Mapping[BlobId, bytes] = MappingProxyType({}),
    ) -> dict[tuple[TemplateName, BlobId], Template | None]:
        """Each file alone, read as a template; None where it is broken. A few hundred at a time; yields on the way."""
        read = await self._read_files(store, list(dict.fromkeys(files)), known_bodies)
        return {pair: file.template for pair, file in read.items()}

    def check_one(self, name: TemplateName, closure: Closure, bodies: Mapping[BlobId, bytes]) -> Checked:
        """Judges one template; ``bodies`` holds every blob of the closure."""
        return self._judge(
            (name, closure), {(n, blob): self._file((n, blob), bodies[blob]) for n, blob in closure if blob is not None}
        )

    async def _carry(
        self,
        store: GitBlobs,
        cases: Sequence[Case],
        known_bodies: Mapping[BlobId, bytes],
        found: dict[Case, Outcome],
        *,
        whole: bool,
    ) -> list[Case]:
        """Says of those of which only partials changed what was said before, where that holds; the rest is given back.

        So a partial's new text does not have thousands of templates parsed that include it.
        """
        await asyncio.sleep(0)
        before = {case: known for case in cases if (known := self._outcomes.find_before(case)) is not None}
        swaps = await self._swaps(store, {each for known in before.values() for each in known.swapped}, known_bodies)
        rest: list[Case] = []
        for case in cases:
            known = before.get(case)
            outcome = None
            if known is not None and swaps.keys() >= set(known.swapped) and not (whole and known.outcome.tested):
                outcome = carried(known.outcome, [swaps[each] for each in known.swapped])
            if outcome is None:
                rest.append(case)
            else:
                found[case] = outcome
                self._outcomes.keep(case, outcome)
        return rest

    async def _swaps(
        self, store: GitBlobs, swapped: Collection[Swapped], known_bodies: Mapping[BlobId, bytes]
    ) -> dict[Swapped, Swap]:
        """Of few partials those that are the same to whoever includes them."""
        if not 0 < len(swapped) <= SWAPS_AT_ONCE:
            return {}
        pairs = [(name, blob) for name, *blobs in swapped for blob in blobs]
        try:
            files = await self._read_files(store, pairs, known_bodies)
        except RevisionNotFound:  # what was said before, was said of a push that was refused
            return {}
        found = {each: find_swap(files[each[0], each[1]], files[each[0], each[2]]) for each in swapped}
        return {each: swap for each, swap in found.items() if swap is not None}

    async def _judge_here(
        self,
        store: GitBlobs,
        cases: Sequence[Case],
        known_bodies: Mapping[BlobId, bytes],
        found: dict[Case, Outcome],
    ) -> None:
        checked = await self.check(store, cases, known_bodies)
        found.update((case, each.outcome) for case, each in checked.items())

    async def _judge_many(
        self,
        judges: Judges,
        store: GitBlobs,
        cases: Sequence[Case],
        known_bodies: Mapping[BlobId, bytes],
        found: dict[Case, Outcome],
        *,
        whole: bool,
    ) -> None:
        """Hands out batch after batch; while there is nobody to take one (yet), it is judged here."""
        judges.prepare()
        running: set[asyncio.Task[None]] = set()
        try:
            async for batch, bodies in _batches(store, cases, known_bodies):
                while running and not judges.room():
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                if judges.room():
                    there = self._judge_there(judges, store, batch, bodies, found, whole=whole)
                    running.add(asyncio.create_task(there))
                    await asyncio.sleep(0)  # the batch is on its way before anybody asks for room again
                else:
                    await self._judge_here(store, batch, bodies, found)
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _judge_there(
        self,
        judges: Judges,
        store: GitBlobs,
        cases: Sequence[Case],
        bodies: Mapping[BlobId, bytes],
        found: dict[Case, Outcome],
        *,
        whole: bool,
    ) -> None:
        try:
            answers = await judges.judge(cases, bodies, whole=whole)
        except Unavailable:
            judges.prepare()
            await self._judge_here(store, cases, bodies, found)
            return
        for case, (outcome, checked) in zip(cases, answers, strict=True):
            found[case] = outcome
            self._outcomes.keep(case, outcome)
            if checked is not None:
                self._checked[case] = checked

    async def _read(
        self, store: GitBlobs, cases: Sequence[Case], known: Mapping[BlobId, bytes]
    ) -> dict[_Pair, JudgedFile]:
        """The files, held by the caller so that none is lost from the cache while it is needed."""
        return await self._read_files(store, _pairs(cases), known)

    async def _read_files(
        self, store: GitBlobs, pairs: Sequence[_Pair], known: Mapping[BlobId, bytes]
    ) -> dict[_Pair, JudgedFile]:
        held = {pair: file for pair in pairs if (file := self._files.get(pair)) is not None}
        bodies = await read_many(store, (blob for name, blob in pairs if (name, blob) not in held), known)
        turn = time.monotonic()
        for pair in pairs:
            if pair not in held:
                held[pair] = self._file(pair, bodies[pair[1]])
                if time.monotonic() - turn > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    turn = time.monotonic()
        return held

    def _file(self, pair: _Pair, body: bytes) -> JudgedFile:
        file = self._files.get(pair)
        if file is None:
            file = self._files[pair] = judge_file(pair[0], body)
        return file

    def _judge(self, case: Case, files: Mapping[_Pair, JudgedFile]) -> Checked:
        checked = judge(case, lambda name, blob: files[name, blob])
        self._checked[case] = checked
        self._outcomes.keep(case, checked.outcome)
        return checked


def _looked_up(cases: Iterable[Case], find: Callable[[Case], T | None]) -> tuple[dict[Case, T], list[Case]]:
    """What is known, and the cases of which nothing is."""
    each = {case: find(case) for case in cases}
    found = {case: known for case, known in each.items() if known is not None}
    return found, [case for case in each if case not in found]


def _pairs(cases: Iterable[Case]) -> list[_Pair]:
    """Every file of the closures, once."""
    return list(dict.fromkeys((n, blob) for _, closure in cases for n, blob in closure if blob is not None))


async def _batches(
    store: GitBlobs, cases: Sequence[Case], known: Mapping[BlobId, bytes]
) -> AsyncIterator[tuple[list[Case], dict[BlobId, bytes]]]:
    """The cases in batches, each with the bodies that belong to it."""
    shared: LRUCache[BlobId, bytes] = LRUCache(SHARED_BYTES, getsizeof=len)
    for start in range(0, len(cases), FILES_AT_ONCE):
        part = cases[start : start + FILES_AT_ONCE]
        wanted = dict.fromkeys(blob for _, blob in _pairs(part))
        held = {blob: body for blob in wanted if (body := known.get(blob, shared.get(blob))) is not None}
        bodies = await read_many(store, wanted, held)
        for name, closure in part:
            for partial, blob in closure:
                if partial != name and blob is not None and len(bodies[blob]) < SHARED_BYTES:
                    shared[blob] = bodies[blob]
        batch: list[Case] = []
        belonging: dict[BlobId, bytes] = {}
        size = 0
        for case in part:
            batch.append(case)
            for _, blob in case[1]:
                if blob is not None and blob not in belonging:
                    belonging[blob] = bodies[blob]
                    size += len(bodies[blob])
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                yield batch, belonging
                batch, belonging, size = [], {}, 0
        if batch:
            yield batch, belonging
