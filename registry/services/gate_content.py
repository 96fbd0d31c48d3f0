"""What a branch's tip must say: valid templates, closures, labels and rules, and passing offline tests."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from registry.domain.diagnostics import Diagnostic, Place, Severity, has_errors
from registry.domain.errors import RenderLimit
from registry.domain.ids import CommitId, TemplateName
from registry.domain.judging import Checked, Outcome
from registry.domain.names import template_path
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import RegistryRules
from registry.domain.replacements import Replacements
from registry.domain.rights import Sight
from registry.domain.versions import VersionState
from registry.domain.wording import counted
from registry.domain.yaml_reader import read_yaml
from registry.ports.git import GitStore
from registry.ports.renderer import Renderer
from registry.services.checking import SLICE_SECONDS, Checker
from registry.services.gate_compatibility import CompatibilityRules
from registry.services.gate_includes import check_includes
from registry.services.gate_labels import Known, LabelRules
from registry.services.gate_move import Move, Tip, read_tip
from registry.services.gate_rights import check_default_rights
from registry.services.states import Projected, States, graph_at
from registry.services.tree_changes import (
    RULES_PATH,
    Delta,
    graph_changes,
    read_file,
    read_many,
    sort_out,
)

INCLUDERS_SHOWN = 5
TESTED_DEPENDENTS = 1_000
"""How many templates that only depend on a changed partial have their offline tests run."""


class ContentRules:
    """Judges what the tip of a branch says."""

    def __init__(
        self,
        *,
        states: States,
        checker: Checker,
        renderer: Renderer,
        labels: LabelRules,
        compatibility: CompatibilityRules,
    ) -> None:
        self._states = states
        self._checker = checker
        self._renderer = renderer
        self._labels = labels
        self._compatibility = compatibility

    async def check_default(self, move: Move) -> list[Diagnostic]:
        """What is wrong with the default branch's new tip, and (as warnings) with the states on the way to it."""
        projected = await self._states.nearest(move.repository)
        tip = await read_tip(move, projected, move.old)
        move.progress(f"checking {counted(len(tip.closures), 'template')}")
        judged = await self._outcomes(move, tip, whole=True)
        found = await _told(move, tip, judged) + check_includes(tip, judged)
        found += self._labels.check_tip(move.store, move.update.new, tip.delta, tip.removed)
        found += await self._compatibility.check_tip(move, tip, move.old, projected)
        found += await self._check_way(move, projected)
        if not has_errors(found):
            found += await self._run_tests(move, tip, judged)
        return found

    async def check_draft(self, move: Move, default_tip: CommitId | None) -> list[Diagnostic]:
        """What would be wrong with what a branch changes, if it were on the default branch: as warnings.

        Only what lets its author read more than he may is an error here too.
        It is compared with where the two parted: what the default branch has got since then is no change of this one.
        """
        base = None
        if default_tip is not None:
            base = await move.run(move.store.parting, move.update.new, default_tip) or default_tip
        projected = await self._states.nearest(move.repository)
        tip = await read_tip(move, projected, base)
        judged = await self._outcomes(move, tip, whole=False)
        refused = check_includes(tip, judged)
        found = await _told(move, tip, judged)
        found += await self._compatibility.check_tip(move, tip, base, projected)
        return refused + [replace(each, severity=Severity.WARNING) for each in found if each not in refused]

    async def _outcomes(self, move: Move, tip: Tip, *, whole: bool) -> dict[TemplateName, Outcome]:
        outcomes = await self._checker.outcomes(move.store, tip.closures.items(), move.bodies, whole=whole)
        return {name: outcomes[name, closure] for name, closure in tip.closures.items()}

    async def _run_tests(self, move: Move, tip: Tip, judged: Mapping[TemplateName, Outcome]) -> list[Diagnostic]:
        dependents = [name for name in judged if name not in tip.changed]
        tested = [*tip.changed, *dependents[:TESTED_DEPENDENTS]]
        if len(dependents) > TESTED_DEPENDENTS:
            move.progress(
                f"{len(dependents)} templates depend on this change; the tests of {TESTED_DEPENDENTS} are run"
            )
        wanted = [(n, tip.closures[n]) for n in tested if n in judged and judged[n].tested]
        found: list[Diagnostic] = []
        for start in range(0, len(wanted), 64):
            part = await self._checker.check(move.store, wanted[start : start + 64], move.bodies)
            tests = (failed_tests(self._renderer, name, checked) for (name, _), checked in part.items())
            for diagnostics in await asyncio.gather(*tests):
                found += diagnostics
            move.progress(f"tested {start + len(part)} of {counted(len(wanted), 'template')}")
        return found

    async def _check_way(self, move: Move, projected: Projected) -> list[Diagnostic]:
        """Walks the first-parent commits: labels must fit where they are set; broken states on the way are told."""
        chain = move.store.first_parents(move.update.new, move.old) or []
        state = projected.versions
        if len(chain) > 1:
            # Stepping changes a state, so several commits are walked on a copy.
            state = VersionState(graph_at(move.store, projected, move.old).overlay(()), projected.versions.numbers)
        known = Known(state.numbers)
        found: list[Diagnostic] = []
        previous = move.old
        for commit in chain:
            changes = await move.run(move.store.changes, previous, commit)
            found += check_default_rights(move, (change.path for change in changes))
            delta = sort_out(changes)
            found += await self._labels.check_landing(
                move.repository,
                move.store,
                delta,
                known,
                actor=move.actor,
                rules=move.rules,
                rollback=move.rollback,
            )
            if commit != move.update.new:
                found += await self._go_on(move.store, commit, delta, state, known)
            previous = commit
        return found

    async def _go_on(
        self, store: GitStore, commit: CommitId, delta: Delta, state: VersionState, known: Known
    ) -> list[Diagnostic]:
        """Counts the versions that a commit before the tip makes; warns of those that are broken."""
        bodies = await read_many(store, delta.blobs())
        step = state.step(graph_changes(delta.templates, bodies))
        outcomes = await self._checker.outcomes(store, [(v.name, v.closure) for v in step.versions], bodies)
        judged = {v.name: outcomes[v.name, v.closure] for v in step.versions}
        known.pushed.update({(v.name, v.number): (v.digest, judged[v.name].facts) for v in step.versions})
        return [
            Diagnostic(
                "broken-on-the-way",
                f"In commit {commit[:10]} it is broken ({_first_error(judged[v.name])}); "
                f"version {v.number} will be marked invalid and never served.",
                template_path(v.name),
                severity=Severity.WARNING,
            )
            for v in step.versions
            if judged[v.name].facts is None
        ]


async def _told(move: Move, tip: Tip, judged: Mapping[TemplateName, Outcome]) -> list[Diagnostic]:
    """The findings of changed templates, the errors of those that depend on them, and those of the rule file."""
    sight = move.actor.rights.seen(move.repository)
    found = [_still_included(name, includers, sight) for name, includers in tip.orphaned.items()]
    turn = time.monotonic()
    for name, outcome in judged.items():
        own = name in tip.changed
        found += [d for d in outcome.diagnostics if own or d.severity is Severity.ERROR]
        found += check_tokens(template_path(name), outcome, move.rules)
        if own:
            file = partial(read_file, move.store, move.update.new, template_path(name))
            found += check_model(template_path(name), outcome, move.rules, file)
        if time.monotonic() - turn > SLICE_SECONDS:
            await asyncio.sleep(0)
            turn = time.monotonic()
    found += await _replacements(move, tip, judged, sight)
    return found + _rule_files(move.store, move.update.new, tip.delta)


def _still_included(name: TemplateName, includers: Sequence[TemplateName], sight: Sight) -> Diagnostic:
    seen = [each for each in includers if sight.has(each)]
    shown = ", ".join(seen[:INCLUDERS_SHOWN]) or "templates that you may not read"
    more = f" and {len(seen) - INCLUDERS_SHOWN} more" if len(seen) > INCLUDERS_SHOWN else ""
    message = (
        f"{name} is removed here, but still included by {shown}{more}: keep it, or take the includes out "
        "in the same push."
    )
    return Diagnostic("include-missing", message, template_path(name))


async def _replacements(move: Move, tip: Tip, judged: Mapping[TemplateName, Outcome], sight: Sight) -> list[Diagnostic]:
    """Where the changed templates that are replaced by another one lead; one that the author may not read is none.

    Yields to other tasks on the way.
    """
    replaced = [n for n in tip.changed if (facts := judged[n].facts) is not None and facts.replaced_by is not None]
    if not replaced:
        return []
    known = {n: o.facts.replaced_by for n, o in judged.items() if o.facts is not None and sight.has(n)}

    def read(name: TemplateName) -> bytes | None:
        return read_file(move.store, move.update.new, template_path(name)) if sight.has(name) else None

    replacements = Replacements(read, known)
    found: list[Diagnostic] = []
    turn = time.monotonic()
    for name in replaced:
        for finding in replacements.check(name):
            if finding is not None:
                found.append(finding)
            if time.monotonic() - turn > SLICE_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
    return found


async def failed_tests(renderer: Renderer, name: TemplateName, checked: Checked) -> list[Diagnostic]:
    """The offline tests of a template that do not pass, as findings; a rendering that hits a limit is one."""
    template, path = checked.template, template_path(name)
    if template is None:
        return []
    try:
        results = await renderer.run_tests(template, checked.partials)
    except RenderLimit as error:
        return [Diagnostic("render-limit", f"{error.message} Its offline tests did not end.", path)]
    places = {test.name: test.place for test in template.tests}
    return [
        Diagnostic(
            "render-limit" if "[render-limit]" in problem else "test-failed",
            f"Test {result.name!r}: {problem}",
            path,
            places.get(result.name, Place()),
        )
        for result in results
        if not result.passed
        for problem in result.problems
    ]


def check_tokens(path: str, judged: Outcome, rules: RegistryRules) -> list[Diagnostic]:
    """Whether a valid template, with its partials, has more tokens than the repository's rules allow."""
    if judged.facts is None or judged.tokens <= rules.limits.tokens:
        return []
    message = (
        f"Its text, with what it includes, has about {judged.tokens:,} tokens (an estimate); .registry.yaml allows "
        f"{rules.limits.tokens:,} (limits.tokens). Shorten it or its partials, or move parts into variables."
    )
    return [Diagnostic("token-limit", message, path)]


def check_model(path: str, judged: Outcome, rules: RegistryRules, file: Callable[[], bytes | None]) -> list[Diagnostic]:
    """Whether a valid template names a model that the rules do not allow; ``file`` is read for its place."""
    facts = judged.facts
    if facts is None or facts.model is None or rules.model_allowed(facts.model):
        return []
    allowed = ", ".join(rules.allowed_models or ())
    message = f"The model {facts.model} is not among those that .registry.yaml allows: {allowed}."
    return [Diagnostic("model-not-allowed", message, path, read_yaml(file() or b"", path).place_of("/model/id"))]


def _rule_files(store: GitStore, commit: CommitId, delta: Delta) -> list[Diagnostic]:
    """A ``.registry.yaml`` that changed must be readable."""
    if delta.rules is None:
        return []
    return list(read_registry_file(read_file(store, commit, RULES_PATH)).diagnostics)


def _first_error(judged: Outcome) -> str:
    errors: Sequence[Diagnostic] = [d for d in judged.diagnostics if d.severity is Severity.ERROR]
    return f"{errors[0].place.line}:{errors[0].place.column} [{errors[0].rule}]" if errors else "it has errors"
