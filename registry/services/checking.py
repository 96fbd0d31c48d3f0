"""Checking templates with all that they include; gate and projection share the results by digest."""

import asyncio
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
from registry.domain.template_file import TemplateFile, read_template, template_facts
from registry.ports.git import GitContent

FILES_AT_ONCE = 200
"""How many files are read and checked before the event loop gets its turn."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One template with its closure, judged; ``facts`` are given where it is valid."""

    template: Template | None
    facts: Facts | None
    partials: Mapping[TemplateName, Template]
    diagnostics: tuple[Diagnostic, ...]


class Checker:
    """Reads and checks templates, remembering what it has seen by content."""

    def __init__(self, *, files: int = 4096, results: int = 4096) -> None:
        self._files: LRUCache[tuple[TemplateName, BlobId], TemplateFile] = LRUCache(files)
        self._checked: LRUCache[tuple[TemplateName, Closure], Checked] = LRUCache(results)

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
            bodies = self._read(store, [pair for name in part for pair in closures[name]], known_bodies)
            for name in part:
                found[name] = self.check_one(name, closures[name], bodies)
            if len(missing) > FILES_AT_ONCE:
                await asyncio.sleep(0)
        return found

    def _read(
        self, store: GitContent, pairs: Sequence[tuple[TemplateName, BlobId | None]], known: Mapping[BlobId, bytes]
    ) -> Mapping[BlobId, bytes]:
        wanted = dict.fromkeys(
            blob for name, blob in pairs if blob is not None and blob not in known and (name, blob) not in self._files
        )
        return {**known, **dict(store.read(list(wanted)))} if wanted else known

    def _file(self, name: TemplateName, blob: BlobId, bodies: Mapping[BlobId, bytes]) -> TemplateFile:
        file = self._files.get((name, blob))
        if file is None:
            file = self._files[name, blob] = read_template(bodies[blob], template_path(name))
        return file

    def check_one(self, name: TemplateName, closure: Closure, bodies: Mapping[BlobId, bytes]) -> Checked:
        """Judges one template; ``bodies`` holds every blob of the closure that is not known yet."""
        own: TemplateFile | None = None
        partials: dict[TemplateName, Template | None] = {}
        for member, blob in closure:
            if member == name and blob is not None:
                own = self._file(name, blob, bodies)
            else:
                partials[member] = self._file(member, blob, bodies).template if blob is not None else None
        if own is None:
            raise AssertionError(f"the closure of {name} does not hold {name}")
        diagnostics = own.diagnostics
        if own.template is not None:
            diagnostics += tuple(check_closure(name, own.path, own.template, partials))
        sound = own.template is not None and not has_errors(diagnostics)
        checked = Checked(
            template=own.template,
            facts=template_facts(own.template) if own.template is not None and sound else None,
            partials={n: t for n, t in partials.items() if t is not None},
            diagnostics=diagnostics,
        )
        self._checked[name, closure] = checked
        return checked
