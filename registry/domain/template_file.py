"""One prompt file: bytes in, a Template or everything that is wrong with it out."""

from dataclasses import dataclass

from registry.domain.catalogue import Facts
from registry.domain.diagnostics import Diagnostic, Severity, has_errors
from registry.domain.ids import TemplateName
from registry.domain.includes import raw_includes
from registry.domain.limits import Limits
from registry.domain.prompt_schema import SCHEMA, json_schema, validator
from registry.domain.rule_check import Check
from registry.domain.schema_errors import check_schema
from registry.domain.template import Json, Template
from registry.domain.template_builder import build_template, faulty_entries
from registry.domain.template_rules import check_declared, check_template
from registry.domain.tokens import estimate_tokens
from registry.domain.tombstones import is_tombstone
from registry.domain.yaml_reader import read_yaml

__all__ = ["MAX_SHOWN", "Limits", "TemplateFile", "json_schema", "read_template", "template_facts"]

DEFAULT_LIMITS = Limits()
MAX_SHOWN = 100
"""So many findings of one file are told; the last one then says that there are more."""


_PURGED = "what stood here was purged: nothing of it is left, and the version's number stays taken"


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """What one file says. ``template`` is None exactly where ``diagnostics`` holds an error.

    ``document`` is the file as plain data, None where it is no YAML mapping. ``raw_includes`` are the names that its
    bytes include (see ``includes``), known even of a broken file. Diagnostics are sorted by place.
    """

    path: str
    template: Template | None
    document: dict[str, Json] | None
    diagnostics: tuple[Diagnostic, ...]
    raw_includes: frozenset[TemplateName]


def read_template(data: bytes, path: str, limits: Limits = DEFAULT_LIMITS) -> TemplateFile:
    """Read and check one template file. Never raises, whatever the bytes are, and renders nothing.

    All findings are told at once: where one entry is wrong, the others are still checked.
    """
    includes = raw_includes(data)
    if is_tombstone(data):
        return TemplateFile(path, None, None, (Diagnostic("purged", _PURGED, path),), includes)
    document = read_yaml(data, path, max_bytes=limits.file_bytes)
    found = list(document.diagnostics)
    template: Template | None = None
    if document.complete:
        told, wrong = check_schema(document, path, SCHEMA, validator())
        found += told
        if isinstance(document.value, dict):
            faulty = faulty_entries(wrong)
            template = build_template(document, faulty)
            check = Check(path, document, template, faulty)
            found += check_template(check, includes)
            if has_errors(found) and not _declarations_in_doubt(check, found):
                found += check_declared(check)
    shown = _sorted(found, path)
    value = document.value if isinstance(document.value, dict) else None
    return TemplateFile(path, None if has_errors(found) else template, value, shown, includes)


def _declarations_in_doubt(check: Check, found: list[Diagnostic]) -> bool:
    """Whether a key that stands twice, or is misspelt where ``variables`` is missing, may hide declarations."""
    doubtful = {"yaml-duplicate-key"} if "variables" in check.said else _KEY_RULES
    return any(d.rule in doubtful for d in found)


_KEY_RULES = frozenset({"yaml-duplicate-key", "unknown-key", "misplaced-key"})


def _sorted(found: list[Diagnostic], path: str) -> tuple[Diagnostic, ...]:
    """By place; of what the schema says, nothing where the YAML or a rule of ours has said it better."""
    if not found:
        return ()
    better = {d.place for d in found if d.rule.startswith("yaml-") or d.rule == "forbidden-field"}
    kept = [d for d in found if d.place not in better or d.rule not in _SCHEMA_RULES]
    kept.sort(key=lambda d: (d.place, d.severity, d.rule, d.message))
    if len(kept) > MAX_SHOWN:
        more = f"only {MAX_SHOWN - 1} findings are shown, and there are more: mend these first"
        last = kept[MAX_SHOWN - 1]
        weight = Severity.ERROR if has_errors(kept) else Severity.WARNING
        kept = [*kept[: MAX_SHOWN - 1], Diagnostic("too-many-findings", more, path, last.place, weight)]
    return tuple(dict.fromkeys(kept))


_SCHEMA_RULES = frozenset({
    "unknown-key", "missing-key", "misplaced-key", "wrong-type", "not-allowed-value", "wrong-form", "wrong-size",
    "out-of-range",
})  # fmt: skip


def template_facts(template: Template) -> Facts:
    """What lists, filters and facets show of a template; tokens count its own strings, unrendered, partials not."""
    return Facts(
        type=template.type,
        description=template.description,
        tags=template.tags,
        status=template.status,
        replaced_by=TemplateName(template.replaced_by) if template.replaced_by is not None else None,
        model=template.model.reference if template.model is not None else None,
        variables=tuple(template.variables),
        tokens=sum(estimate_tokens(text.source) for _, text in template.texts()),
        imported=_imported_name(template),
    )


def _imported_name(template: Template) -> str | None:
    """What an import wrote down of the name that the prompt had before."""
    said = template.metadata.get("imported")
    name = said.get("name") if isinstance(said, dict) else None
    return name if isinstance(name, str) and name else None
