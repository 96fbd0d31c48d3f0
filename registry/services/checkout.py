"""A plain checkout: the files of a folder, judged as the gate would judge them, with no repository and no server."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry.domain import label_findings
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.errors import RenderLimit, TemplateNotFound
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.judging import Checked
from registry.domain.labels import is_label_path, read_labels
from registry.domain.names import check_path, find_collisions, template_name, template_path
from registry.domain.near_names import rank_near
from registry.domain.registry_file import read_registry_file
from registry.domain.rendering import TestResult
from registry.domain.replacements import Replacements
from registry.domain.secrets import find_secrets_in
from registry.domain.template import OfflineTest
from registry.ports.renderer import Renderer
from registry.services.checking import Checker
from registry.services.gate_content import check_model, check_tokens, failed_tests
from registry.services.tree_changes import RULES_PATH

TESTED_TOGETHER = 64
"""Templates whose tests wait for the renderer at a time."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in the files that were asked about."""

    files: int
    templates: int
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> int:
        """How many findings would refuse the files on the default branch."""
        return sum(d.severity is Severity.ERROR for d in self.diagnostics)

    @property
    def warnings(self) -> int:
        """How many would only be told."""
        return len(self.diagnostics) - self.errors


@dataclass(frozen=True, slots=True)
class OfflineRun:
    """A template's offline tests, run in their order; ``errors`` say why they could not be."""

    name: TemplateName
    tests: tuple[OfflineTest, ...]
    results: tuple[TestResult, ...]
    errors: tuple[Diagnostic, ...] = ()


class Checkout:
    """The files of a checkout by path, as bytes; what is no regular file (a symbolic link) is given as None.

    What needs the history (which versions a label may name, who may do what) cannot be judged here.
    """

    def __init__(self, files: Mapping[str, bytes | None]) -> None:
        self.files = files
        self._checker = Checker()
        self._bodies: dict[BlobId, bytes] = {}
        changes: list[Change] = []
        for path, data in files.items():
            name = template_name(path)
            if name is not None and data is not None:
                blob = blob_id(data)
                self._bodies[blob] = data
                changes.append(Change(name, blob, raw_includes(data)))
        self._graph = TemplateGraph(changes)
        rules = files.get(RULES_PATH)
        self._rules_file = read_registry_file(rules)
        self.rules = self._rules_file.rules

    def blob(self, path: str) -> BlobId | None:
        """The id that Git gives to a file; None where there is none, or no regular one."""
        data = self.files.get(path)
        return None if data is None else blob_id(data)

    def affected(self, names: Iterable[TemplateName]) -> list[str]:
        """The paths of some templates and of all that include them, those that are there."""
        found = self._graph.affected(names)
        return [template_path(name) for name in sorted(found) if self._graph.blob(name) is not None]

    @property
    def names(self) -> list[TemplateName]:
        """The templates, sorted by name."""
        return sorted(self._graph.blobs)

    def template(self, name: TemplateName) -> Checked:
        """A template with everything that it includes. Raises TemplateNotFound with the nearest names."""
        if self._graph.blob(name) is None:
            raise TemplateNotFound(
                f"There is no template {name!r} in this checkout.", nearest=rank_near(name, self._graph.blobs, 3)
            )
        return self._checker.check_one(name, self._graph.closure(name), self._bodies)

    async def judge(self, paths: Iterable[str], *, renderer: Renderer | None = None) -> Judged:
        """Judges some of the files, each with all that it includes; with a renderer the offline tests are run too.

        Where ``.registry.yaml`` is broken its findings are told, whatever was asked about.
        """
        wanted = sorted(set(paths))
        found = list(self._rules_file.diagnostics)
        replacements = Replacements(lambda name: self.files.get(template_path(name)))
        templates = 0
        for path in wanted:
            found += self._judge_file(path)
            name = template_name(path)
            if name is None or self._graph.blob(name) is None:
                continue
            templates += 1
            checked = self.template(name)
            judged = checked.outcome
            found += judged.diagnostics
            found += [*check_tokens(path, judged, self.rules), *check_model(path, judged, self.rules)]
            if judged.facts is not None and judged.facts.replaced_by is not None:
                found += filter(None, replacements.check(name))
            if renderer is not None and judged.tested:
                found += await failed_tests(renderer, name, checked)
        collisions = find_collisions(self.files, self.files.keys() - set(wanted))
        found += [d for d in collisions if any(p == d.path or _below(p, d.path) for p in wanted)]
        ordered = sorted(dict.fromkeys(found), key=lambda d: (d.path, d.place, d.rule))
        return Judged(len(wanted), templates, tuple(ordered))

    async def run_tests(self, paths: Iterable[str], renderer: Renderer) -> list[OfflineRun]:
        """Runs the offline tests of some of the files, by name; templates without tests are left out."""
        wanted = {template_name(path) for path in paths}
        names = [name for name in self.names if name in wanted]
        runs: list[OfflineRun] = []
        for start in range(0, len(names), TESTED_TOGETHER):
            part = names[start : start + TESTED_TOGETHER]
            runs += await asyncio.gather(*(self._run(name, renderer) for name in part))
        return [run for run in runs if run.tests or run.errors]

    async def _run(self, name: TemplateName, renderer: Renderer) -> OfflineRun:
        checked = self.template(name)
        template, judged = checked.template, checked.outcome
        if template is None or judged.facts is None:
            errors = tuple(d for d in judged.diagnostics if d.severity is Severity.ERROR)
            return OfflineRun(name, (), (), errors)
        if not template.tests:
            return OfflineRun(name, (), ())
        try:
            return OfflineRun(name, template.tests, tuple(await renderer.run_tests(template, checked.partials)))
        except RenderLimit as error:
            limit = Diagnostic("render-limit", f"{error.message} Its offline tests did not end.", template_path(name))
            return OfflineRun(name, template.tests, (), (limit,))

    def _judge_file(self, path: str) -> list[Diagnostic]:
        problem = check_path(path)
        found = [problem] if problem is not None else []
        data = self.files[path]
        if data is None:
            message = "It is a symbolic link; only regular files can be pushed. Put the file itself in its place."
            return [*found, Diagnostic("file-mode", message, path)]
        limit = self.rules.limits.file_bytes
        if len(data) > limit:
            message = f"It has {len(data):,} bytes; at most {limit:,} are taken (limits.file_bytes in {RULES_PATH})."
            return [*found, Diagnostic("file-size", message, path)]
        found += find_secrets_in(data, path)
        if is_label_path(path):
            file = read_labels(data, path)
            found += file.diagnostics
            found += [
                label_findings.unknown_template(path, target, name)
                for name, target in file.entries.items()
                if self._graph.blob(name) is None
            ]
        return found


def blob_id(data: bytes) -> BlobId:
    """The id that Git gives to a file's bytes."""
    return BlobId(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())


def _below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")
