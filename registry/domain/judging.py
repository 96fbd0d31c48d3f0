"""Judging one template with all that it includes. Pure: the same bytes always give the same findings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from registry.domain.catalogue import Facts
from registry.domain.closure_rules import check_closure
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

    ``tokens`` are those of its text with what it includes; ``tested`` says whether it is valid and has offline tests.
    """

    facts: Facts | None
    diagnostics: tuple[Diagnostic, ...]
    tokens: int = 0
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
        tokens=sum(file.facts.tokens for file in (own, *files.values()) if file.facts is not None),
        tested=facts is not None and own.template is not None and bool(own.template.tests),
    )
    return Checked(own.template, {n: file.template for n, file in files.items() if file.template is not None}, outcome)


_MISSING = JudgedFile(None, None, ())
