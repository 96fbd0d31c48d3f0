"""Checking templates with all that they include; gate and projection share the results by digest."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cachetools import LRUCache

from registry.domain.catalogue import Facts
from registry.domain.closure_rules import check_closure
from registry.domain.diagnostics import Diagnostic, has_errors
from registry.domain.graph import Closure
from registry.domain.ids import BlobId, TemplateName
from registry.domain.names import template_path
from registry.domain.template import Template
from registry.domain.template_file import read_template, template_facts
from registry.ports.git import GitContent

FILES_AT_ONCE = 200
"""How many templates are read from Git at once."""

SLICE_SECONDS = 0.005
"""How long files are parsed before the event loop gets its turn."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One template with its closure, judged; ``facts`` are given where it is valid."""

    template: Template | None
    facts: Facts | None
    partials: Mapping[TemplateName, Template]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the projection keeps of a judged template; small, so that many are remembered."""

    facts: Facts | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _File:
    """One file, judged alone: what is kept of it for the closures that it belongs to."""

    template: Template | None
    diagnostics: tuple[Diagnostic, ...]


_Pair = tuple[TemplateName, BlobId]


class Checker:
    """Reads and checks templates, remembering what it has seen by content."""

    def __init__(self, *, files: int = 2048, results: int = 2048, outcomes: int = 20_000) -> None:
        self._files: LRUCache[_Pair, _File] = LRUCache(files)
        self._checked: LRUCache[tuple[TemplateName, Closure], Checked] = LRUCache(results)
        self._outcomes: LRUCache[tuple[TemplateName, Closure], Outcome] = LRUCache(outcomes)

    async def check(
        self,
        store: GitContent,
        closures: Mapping[TemplateName, Closure],
        known_bodies: Mapping[BlobId, bytes] = MappingProxyType({}),
    ) -> dict[TemplateName, Checked]:
        """Judges each template; the closures say which blobs belong to it. Yields to other tasks on the way."""
        found: dict[TemplateName, Checked] = {}
        missing: list[TemplateName] = []
        for name, closure in closures.items():
            known = self._checked.get((name, closure))
            if known is None:
                missing.append(name)
            else:
                found[name] = known
        for start in range(0, len(missing), FILES_AT_ONCE):
            part = missing[start : start + FILES_AT_ONCE]
            pairs = dict.fromkeys((n, b) for name in part for n, b in closures[name] if b is not None)
            files = await self._read(store, list(pairs), known_bodies)
            for name in part:
                found[name] = self._judge(name, closures[name], files)
            await asyncio.sleep(0)
        return found

    async def outcomes(
        self, store: GitContent, closures: Mapping[TemplateName, Closure], known_bodies: Mapping[BlobId, bytes]
    ) -> dict[TemplateName, Outcome]:
        """What ``check`` says, without the templates: what the gate has judged is not parsed again."""
        found = {n: known for n, closure in closures.items() if (known := self._outcomes.get((n, closure))) is not None}
        missing = {n: closure for n, closure in closures.items() if n not in found}
        if missing:
            checked = await self.check(store, missing, known_bodies)
            found.update({n: Outcome(c.facts, c.diagnostics) for n, c in checked.items()})
        return found

    def check_one(self, name: TemplateName, closure: Closure, bodies: Mapping[BlobId, bytes]) -> Checked:
        """Judges one template; ``bodies`` holds every blob of the closure."""
        files = {(n, blob): self._file((n, blob), bodies[blob]) for n, blob in closure if blob is not None}
        return self._judge(name, closure, files)

    async def _read(
        self, store: GitContent, pairs: Sequence[_Pair], known: Mapping[BlobId, bytes]
    ) -> dict[_Pair, _File]:
        """The files, held by the caller so that none is lost from the cache while it is needed."""
        held = {pair: file for pair in pairs if (file := self._files.get(pair)) is not None}
        unread = dict.fromkeys(blob for name, blob in pairs if (name, blob) not in held and blob not in known)
        bodies = {**known, **dict(store.read(list(unread)))} if unread else known
        turn = time.monotonic()
        for pair in pairs:
            if pair not in held:
                held[pair] = self._file(pair, bodies[pair[1]])
                if time.monotonic() - turn > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    turn = time.monotonic()
        return held

    def _file(self, pair: _Pair, body: bytes) -> _File:
        file = self._files.get(pair)
        if file is None:
            read = read_template(body, template_path(pair[0]))
            file = self._files[pair] = _File(read.template, read.diagnostics)
        return file

    def _judge(self, name: TemplateName, closure: Closure, files: Mapping[_Pair, _File]) -> Checked:
        blobs = dict(closure)
        own = files[name, own_blob] if (own_blob := blobs.pop(name)) is not None else _File(None, ())
        partials = {n: files[n, blob].template if blob is not None else None for n, blob in blobs.items()}
        diagnostics = own.diagnostics
        if own.template is not None:
            diagnostics += tuple(check_closure(name, template_path(name), own.template, partials))
        sound = own.template is not None and not has_errors(diagnostics)
        checked = Checked(
            template=own.template,
            facts=template_facts(own.template) if own.template is not None and sound else None,
            partials={n: t for n, t in partials.items() if t is not None},
            diagnostics=diagnostics,
        )
        self._checked[name, closure] = checked
        self._outcomes[name, closure] = Outcome(checked.facts, checked.diagnostics)
        return checked
