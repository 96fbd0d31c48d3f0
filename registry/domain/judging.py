"""Judging one template with all that it includes. Pure: the same bytes always give the same findings."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from registry.domain.catalogue import Facts
from registry.domain.closure_rules import MAX_BYTES, asks_of, check_closure, size_of
from registry.domain.diagnostics import Diagnostic, has_errors
from registry.domain.graph import Closure
from registry.domain.ids import BlobId, TemplateName
from registry.domain.names import template_path
from registry.domain.template import Template
from registry.domain.template_file import read_template, template_facts

Case: TypeAlias = tuple[TemplateName, Closure]
"""A template to be judged, and the blobs that belong to it."""


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """One file, judged alone: what is kept of it for the closures that it belongs to."""

    template: Template | None
    facts: Facts | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a judged template; small, so that many are remembered. ``facts`` are given where it is valid.

    ``tokens`` and ``size`` (bytes) are those of its texts with what it includes; ``tested`` says whether it is valid
    and has offline tests.
    """

    facts: Facts | None
    diagnostics: tuple[Diagnostic, ...]
    tokens: int = 0
    size: int = 0
    tested: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """One template with its closure, judged, and what is needed to render it."""

    template: Template | None
    partials: Mapping[TemplateName, Template]
    outcome: Outcome


FileOf: TypeAlias = Callable[[TemplateName, BlobId], JudgedFile]
"""Gives a file of the closure, judged."""


def judge_file(name: TemplateName, body: bytes) -> JudgedFile:
    """Judges a file alone."""
    read = read_template(body, template_path(name))
    return JudgedFile(read.template, template_facts(read.template) if read.template else None, read.diagnostics)


def judge(case: Case, file_of: FileOf) -> Checked:
    """Judges a template as its partials stand."""
    name, closure = case
    files = {n: file_of(n, blob) if blob is not None else _MISSING for n, blob in closure}
    own = files.pop(name)
    diagnostics = own.diagnostics
    if own.template is not None:
        partials = {n: file.template for n, file in files.items()}
        broken = {n for n, file in files.items() if file.template is None and file is not _MISSING}
        diagnostics += tuple(check_closure(name, template_path(name), own.template, partials, broken))
    facts = None if has_errors(diagnostics) else own.facts
    outcome = Outcome(
        facts=facts,
        diagnostics=diagnostics,
        tokens=sum(_tokens(file) for file in (own, *files.values())),
        size=sum(_size(file) for file in (own, *files.values())),
        tested=facts is not None and own.template is not None and bool(own.template.tests),
    )
    return Checked(own.template, {n: file.template for n, file in files.items() if file.template is not None}, outcome)


@dataclass(frozen=True, slots=True)
class Swap:
    """A partial's file in the place of another that is the same to all that include it: how much larger it is."""

    tokens: int
    size: int


def find_swap(old: JudgedFile, new: JudgedFile) -> Swap | None:
    """None where the new file may mean something else to a template that includes it."""
    if old.template is None or new.template is None:
        return None
    asked = asks_of(old.template)
    if asked is None or asked != asks_of(new.template):
        return None
    return Swap(_tokens(new) - _tokens(old), _size(new) - _size(old))


def carried(outcome: Outcome, swaps: Collection[Swap]) -> Outcome | None:
    """What ``judge`` says of a template of which it said ``outcome`` before; None where it has to be judged anew."""
    size = outcome.size + sum(swap.size for swap in swaps)
    if max(size, outcome.size) > MAX_BYTES:
        return None
    return replace(outcome, tokens=outcome.tokens + sum(swap.tokens for swap in swaps), size=size)


def _tokens(file: JudgedFile) -> int:
    return file.facts.tokens if file.facts is not None else 0


def _size(file: JudgedFile) -> int:
    return size_of(file.template) if file.template is not None else 0


_MISSING = JudgedFile(None, None, ())
