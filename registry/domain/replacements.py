"""Where ``replaced_by`` leads: the template that a deprecated one names should be there and not lead back."""

from collections.abc import Callable

from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.ids import TemplateName
from registry.domain.names import template_path
from registry.domain.yaml_reader import read_yaml

LONGEST_WAY = 100
"""How many replacements are followed, one after the other."""


def check_replacement(name: TemplateName, read: Callable[[TemplateName], bytes | None]) -> list[Diagnostic]:
    """A warning where a valid template's replacement does not exist, or replaces itself by way of others.

    ``read`` gives the file of a template in the same state; None where there is none.
    """
    path = template_path(name)
    document = read_yaml(read(name) or b"", path)
    target = _replacement(document.value)
    problem = None if target is None else _problem(name, target, read)
    if problem is None:
        return []
    return [Diagnostic("replaced-by-nowhere", problem, path, document.place_of("/replaced_by"), Severity.WARNING)]


def _problem(name: TemplateName, target: TemplateName, read: Callable[[TemplateName], bytes | None]) -> str | None:
    if read(target) is None:
        return f"there is no template {target}, which callers are told to use instead: correct the name, or add it"
    way = [name]
    following: TemplateName | None = target
    while following is not None and following not in way and len(way) < LONGEST_WAY:
        way.append(following)
        data = read(following)
        following = None if data is None else _replacement(read_yaml(data, "").value)
    if following != name:
        return None
    circle = " → ".join([*way, name])
    return f"the replacements go round in a circle: {circle}: name one that is not deprecated"


def _replacement(document: object) -> TemplateName | None:
    target = document.get("replaced_by") if isinstance(document, dict) else None
    return TemplateName(target) if isinstance(target, str) else None
