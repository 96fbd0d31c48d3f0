"""A plain checkout against a base: what the gate would say of the change from one to the other."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from registry.domain.compatibility import breaks, declares_same_bytes, diagnose
from registry.domain.diagnostics import Severity, in_order
from registry.domain.ids import BlobId, TemplateName
from registry.domain.labels import is_label_path, read_labels
from registry.domain.names import template_name
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import Compatibility
from registry.domain.template import Status
from registry.domain.template_file import read_template
from registry.ports.renderer import Renderer
from registry.services.checkout import Checkout, Judged, Progress
from registry.services.tree_changes import RULES_PATH


@dataclass(frozen=True, slots=True)
class Base:
    """What a checkout is compared with: ``words`` name it, ``blobs`` are its files by path.

    ``bodies`` hold its rules, and the templates that differ. ``announced`` are the paths that a commit since then
    changes and says why in a trailer.
    """

    words: str
    blobs: Mapping[str, BlobId]
    bodies: Mapping[str, bytes]
    announced: Collection[str]


def changed_since(base: Base, checkout: Checkout, paths: Collection[str]) -> list[str]:
    """Those of the files that the base has otherwise, or not at all."""
    return [path for path in paths if checkout.blob(path) != base.blobs.get(path)]


async def check_changes(
    checkout: Checkout,
    base: Base,
    changed: Collection[str],
    *,
    renderer: Renderer | None = None,
    progress: Progress | None = None,
) -> Judged:
    """Judges files that differ from the base, and the errors that they bring to what depends on them.

    The rules in force are those of the base. Compatibility is compared with the base alone: which versions labels name
    only a server knows.
    """
    changed = set(changed)
    removed = {path for path in base.blobs if path not in checkout.files}
    names = {name for path in changed | removed if (name := template_name(path)) is not None}
    dependents = {path for path in checkout.affected(names) if path not in changed}
    labels = _labelling(checkout, {name for path in removed if (name := template_name(path)) is not None})
    rules = read_registry_file(base.bodies.get(RULES_PATH)).rules
    judged = await checkout.judge(changed | dependents | labels, rules=rules, renderer=renderer, progress=progress)
    found = [d for d in judged.diagnostics if d.path in changed or d.severity is Severity.ERROR]
    for path in sorted(changed - set(base.announced)):
        name, old, new = template_name(path), base.bodies.get(path), checkout.files.get(path)
        if name is None or old is None or new is None or declares_same_bytes(old, new):
            continue
        mode = rules.compatibility_of(name)
        if mode is Compatibility.NONE:
            continue
        before, after = read_template(old, path).template, read_template(new, path).template
        if before is not None and after is not None:
            severity = Severity.WARNING if before.status is Status.DRAFT else Severity.ERROR
            broken = breaks(before, after, mode)
            found += diagnose(dict.fromkeys(broken, base.words), path, new, severity=severity)
    templates = sum(template_name(path) is not None for path in changed)
    return Judged(len(changed), templates, in_order(found, changed | removed))


def _labelling(checkout: Checkout, removed: Collection[TemplateName]) -> set[str]:
    """The label files that name a removed template."""
    if not removed:
        return set()
    files = ((path, data) for path, data in checkout.files.items() if data is not None and is_label_path(path))
    return {path for path, data in files if not read_labels(data, path).entries.keys().isdisjoint(removed)}
