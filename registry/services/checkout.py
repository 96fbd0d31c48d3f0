"""A plain checkout: the files of a folder, judged as the gate would judge them, with no repository and no server."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.domain import label_findings
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.errors import RenderLimit, TemplateNotFound
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.judging import Case, Checked, Outcome
from registry.domain.labels import is_label_path, read_labels
from registry.domain.names import check_path, find_collisions, template_name, template_path
from registry.domain.near_names import rank_near
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import RegistryRules
from registry.domain.rendering import TestResult
from registry.domain.replacements import Replacements
from registry.domain.secrets import find_secrets_in
from registry.domain.template import OfflineTest
from registry.ports.judging import Judges
from registry.ports.renderer import Renderer
from registry.services.checking import SLICE_SECONDS, Checker
from registry.services.gate_content import check_model, check_tokens, failed_tests
from registry.services.tree_changes import RULES_PATH

TOGETHER = 1_000
"""Files that are judged together: of so many the templates that have tests are held in memory."""

TESTED_TOGETHER = 64
"""Templates whose tests wait for the renderer at a time."""

Progress = Callable[[int, int], None]
"""Is told how many of how many files are done."""


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


class _Held:
    """Files in memory, as those of a repository are read."""

    def __init__(self, bodies: Mapping[BlobId, bytes]) -> None:
        self._bodies = bodies

    def sizes(self, blobs: Iterable[BlobId]) -> dict[BlobId, int]:
        """Of those that are there."""
        return {blob: len(self._bodies[blob]) for blob in blobs if blob in self._bodies}

    def read(self, blobs: Sequence[BlobId]) -> Iterator[tuple[BlobId, bytes]]:
        """Each with its bytes."""
        return ((blob, self._bodies[blob]) for blob in blobs)


class Checkout:
    """The files of a checkout by path, as bytes; what is no regular file (a symbolic link) is given as None.

    With ``judges``, many templates are judged in other processes. What needs the history (which versions a label may
    name, who may do what) cannot be judged here.
    """

    def __init__(self, files: Mapping[str, bytes | None], *, judges: Judges | None = None) -> None:
        self.files = files
        self._checker = Checker(judges)
        self._bodies: dict[BlobId, bytes] = {}
        changes: list[Change] = []
        for path, data in files.items():
            name = template_name(path)
            if name is not None and data is not None:
                blob = blob_id(data)
                self._bodies[blob] = data
                changes.append(Change(name, blob, raw_includes(data)))
        self._held = _Held(self._bodies)
        self._graph = TemplateGraph(changes)
        self._replacements = Replacements(lambda name: self.files.get(template_path(name)))
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

    async def judge(
        self,
        paths: Iterable[str],
        *,
        rules: RegistryRules | None = None,
        renderer: Renderer | None = None,
        progress: Progress | None = None,
    ) -> Judged:
        """Judges some of the files, each with all that it includes; with a renderer the offline tests are run too.

        Where ``.registry.yaml`` is broken its findings are told, whatever was asked about; its own rules hold where no
        others are given. What is found is the same
        wherever it is judged. Raises Unavailable where the renderer does.
        """
        rules = rules or self.rules
        wanted = sorted(set(paths))
        found = list(self._rules_file.diagnostics)
        templates = 0
        for start in range(0, len(wanted), TOGETHER):
            part = wanted[start : start + TOGETHER]
            cases = self._cases(part)
            outcomes, alone = await asyncio.gather(
                self._checker.outcomes(self._held, cases.values(), whole=renderer is not None),
                self._judge_files(part, rules),
            )
            tested = [case for case in cases.values() if renderer is not None and outcomes[case].tested]
            failed = await self._failed_tests(renderer, tested) if renderer is not None else {}
            for path in part:
                found += alone[path]
                if path in cases:
                    found += self._told(path, outcomes[cases[path]], rules)
                    found += failed.get(cases[path][0], ())
            templates += len(cases)
            if progress is not None:
                progress(start + len(part), len(wanted))
        collisions = find_collisions(self.files, self.files.keys() - set(wanted))
        found += [d for d in collisions if any(p == d.path or _below(p, d.path) for p in wanted)]
        ordered = sorted(dict.fromkeys(found), key=lambda d: (d.path, d.place, d.rule))
        return Judged(len(wanted), templates, tuple(ordered))

    async def run_tests(
        self, paths: Iterable[str], renderer: Renderer, *, progress: Progress | None = None
    ) -> list[OfflineRun]:
        """Runs the offline tests of some of the files, by name; templates without tests are left out."""
        cases = sorted(self._cases(set(paths)).values())
        runs: list[OfflineRun] = []
        for start in range(0, len(cases), TOGETHER):
            part = cases[start : start + TOGETHER]
            outcomes = await self._checker.outcomes(self._held, part, whole=True)
            for first in range(0, len(part), TESTED_TOGETHER):
                some = part[first : first + TESTED_TOGETHER]
                checked = await self._checker.check(self._held, [case for case in some if outcomes[case].tested])
                runs += await asyncio.gather(
                    *(_run(case[0], outcomes[case], checked.get(case), renderer) for case in some)
                )
            if progress is not None:
                progress(start + len(part), len(cases))
        return [run for run in runs if run.tests or run.errors]

    def _cases(self, paths: Iterable[str]) -> dict[str, Case]:
        """Those of the files that are templates, with what belongs to them."""
        found: dict[str, Case] = {}
        for path in paths:
            name = template_name(path)
            if name is not None and self._graph.blob(name) is not None:
                found[path] = (name, self._graph.closure(name))
        return found

    def _told(self, path: str, judged: Outcome, rules: RegistryRules) -> list[Diagnostic]:
        found = [*judged.diagnostics, *check_tokens(path, judged, rules)]
        found += check_model(path, judged, rules, lambda: self.files.get(path))
        name = template_name(path)
        if name is not None and judged.facts is not None and judged.facts.replaced_by is not None:
            found += filter(None, self._replacements.check(name))
        return found

    async def _failed_tests(
        self, renderer: Renderer, cases: Sequence[Case]
    ) -> dict[TemplateName, Sequence[Diagnostic]]:
        found: dict[TemplateName, Sequence[Diagnostic]] = {}
        for start in range(0, len(cases), TESTED_TOGETHER):
            part = cases[start : start + TESTED_TOGETHER]
            checked = await self._checker.check(self._held, part)
            told = await asyncio.gather(*(failed_tests(renderer, case[0], checked[case]) for case in part))
            found.update(zip((name for name, _ in part), told, strict=True))
        return found

    async def _judge_files(self, paths: Iterable[str], rules: RegistryRules) -> dict[str, list[Diagnostic]]:
        """What each file says alone; in slices, while others judge what belongs together."""
        found: dict[str, list[Diagnostic]] = {}
        turn = time.monotonic()
        for path in paths:
            found[path] = self._judge_file(path, rules)
            if time.monotonic() - turn > SLICE_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
        return found

    def _judge_file(self, path: str, rules: RegistryRules) -> list[Diagnostic]:
        problem = check_path(path)
        found = [problem] if problem is not None else []
        data = self.files[path]
        if data is None:
            message = "It is a symbolic link; only regular files can be pushed. Put the file itself in its place."
            return [*found, Diagnostic("file-mode", message, path)]
        limit = rules.limits.file_bytes
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


async def _run(name: TemplateName, judged: Outcome, checked: Checked | None, renderer: Renderer) -> OfflineRun:
    if judged.facts is None:
        return OfflineRun(name, (), (), tuple(d for d in judged.diagnostics if d.severity is Severity.ERROR))
    if checked is None or checked.template is None:
        return OfflineRun(name, (), ())
    tests = checked.template.tests
    try:
        return OfflineRun(name, tests, tuple(await renderer.run_tests(checked.template, checked.partials)))
    except RenderLimit as error:
        limit = Diagnostic("render-limit", f"{error.message} Its offline tests did not end.", template_path(name))
        return OfflineRun(name, tests, (), (limit,))


def blob_id(data: bytes) -> BlobId:
    """The id that Git gives to a file's bytes."""
    return BlobId(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())


def _below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")
