"""What can be wrong with a label beyond its file: the findings of whoever knows the versions (the gate)."""

from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import LabelName, TemplateName
from registry.domain.labels import LabelTarget


def unknown_template(path: str, target: LabelTarget, name: TemplateName) -> Diagnostic:
    """A label names a template that does not exist (any more)."""
    advice = "remove the entry, or keep the template in the same change"
    return Diagnostic("label-unknown-template", f"there is no template {name}: {advice}", path, target.place)


def unknown_version(path: str, target: LabelTarget, name: TemplateName, newest: int | None) -> Diagnostic:
    """A label names a version that does not exist on the first parent; ``newest`` is the last one that does."""
    known = f"its newest is {newest}" if newest else "it has none yet"
    message = (
        f"{name} has no version {target.version} before this change ({known}): a label names a version that exists "
        "already; push the template first, then move the label"
    )
    return Diagnostic("label-unknown-version", message, path, target.place)


def wrong_digest(path: str, target: LabelTarget, name: TemplateName, digest: str) -> Diagnostic:
    """A label's version and digest do not fit: after a rebase the number may mean somebody else's version."""
    message = (
        f"version {target.version} of {name} has digest {digest[:8]}, not {target.digest_prefix}: look which version "
        "you mean and write its number and digest"
    )
    return Diagnostic("label-digest", message, path, target.place)


def invalid_version(path: str, target: LabelTarget, name: TemplateName) -> Diagnostic:
    """A label names a version whose file, or a partial of it, was broken."""
    message = f"version {target.version} of {name} is invalid and can never be served: choose a valid version"
    return Diagnostic("label-invalid-version", message, path, target.place)


def draft_version(path: str, target: LabelTarget, name: TemplateName, label: LabelName) -> Diagnostic:
    """A protected label names a draft."""
    message = (
        f"version {target.version} of {name} is a draft, which the protected label {label} cannot name: "
        "set status: active in the template, push it, then move the label to that version"
    )
    return Diagnostic("label-draft", message, path, target.place)


def label_in_use(path: str, target: LabelTarget, name: TemplateName, label: LabelName) -> Diagnostic:
    """A template is gone while a label still names it."""
    message = (
        f"{name} is removed or renamed, but the label {label} still names it. "
        "Move or drop the label in the same commit."
    )
    return Diagnostic("label-in-use", message, path, target.place)
