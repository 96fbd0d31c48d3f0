"""Where ``replaced_by`` leads: the template that a deprecated one names should be there and not lead back."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.ids import TemplateName
from registry.domain.names import template_path
from registry.domain.yaml_reader import read_yaml

LONGEST_WAY = 100
"""How many replacements are followed, one after the other."""


class Replacements:
    """The replacements in one state of a repository, each looked up once.

    ``read`` gives the file of a template in that state; None where there is none. ``known`` says of templates that
    are there what they are replaced by (None: nothing), so that those need not be read.
    """

    def __init__(
        self,
        read: Callable[[TemplateName], bytes | None],
        known: Mapping[TemplateName, TemplateName | None] = MappingProxyType({}),
    ) -> None:
        self._read = read
        self._leads = dict(known)
        self._absent: set[TemplateName] = set()

    def check(self, name: TemplateName) -> Iterator[Diagnostic | None]:
        """A warning where a valid template's replacement does not exist, or replaces itself by way of others.

        None comes where a caller may pause: after every file that was read, and where nothing is wrong.
        """
        way: dict[TemplateName, None] = {}
        following: TemplateName | None = name
        while following is not None and following not in way and len(way) < LONGEST_WAY:
            way[following] = None
            if following not in self._leads:
                self._look_up(following)
                yield None
            following = self._leads[following]
        problem = self._problem(name, list(way), following)
        yield None if problem is None else self._finding(name, problem)

    def _finding(self, name: TemplateName, problem: str) -> Diagnostic:
        path = template_path(name)
        place = read_yaml(self._read(name) or b"", path).place_of("/replaced_by")
        return Diagnostic("replaced-by-nowhere", problem, path, place, Severity.WARNING)

    def _look_up(self, name: TemplateName) -> None:
        data = self._read(name)
        if data is None:
            self._absent.add(name)
        self._leads[name] = None if data is None else _replacement(read_yaml(data, "").value)

    def _problem(self, name: TemplateName, way: list[TemplateName], end: TemplateName | None) -> str | None:
        if len(way) > 1 and way[1] in self._absent:
            return f"there is no template {way[1]}, which callers are told to use instead: correct the name, or add it"
        if end != name:
            return None
        circle = " → ".join([*way, name])
        return f"the replacements go round in a circle: {circle}: name one that is not deprecated"


def _replacement(document: object) -> TemplateName | None:
    target = document.get("replaced_by") if isinstance(document, dict) else None
    return TemplateName(target) if isinstance(target, str) else None
