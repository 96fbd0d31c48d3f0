"""Rules that need a template's partials: what it includes exists, fits and ends, and its variables are declared."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from registry.domain.diagnostics import Diagnostic, Place, Severity
from registry.domain.ids import TemplateName
from registry.domain.language import Scan, free_at_includes, scan
from registry.domain.names import template_path
from registry.domain.template import Placeholder, Template, TemplateType, Text, Variable
from registry.domain.variable_types import describe_type, misfit

MAX_DEPTH = 8
"""How many includes may lie one within the other."""
MAX_FILES = 64
MAX_BYTES = 1_048_576
"""Limits of one closure: files, and bytes of their template texts, the template itself included."""

TRUSTED_ROLES = frozenset({"system", "developer", "assistant"})
"""Messages in which an untrusted variable may not stand."""


@dataclass(frozen=True, slots=True)
class _Need:
    """A variable that a partial takes from whoever includes it: as declared there, if it is, and in which partial."""

    variable: Variable | None
    owner: TemplateName


@dataclass(slots=True)
class _Reach:
    """What lies behind one include: what it needs, how deep it goes, and the first thing that is wrong with it."""

    needs: dict[str, _Need] = field(default_factory=dict)
    depth: int = 1
    problem: tuple[str, str] | None = None


def check_closure(
    name: TemplateName,
    path: str,
    template: Template,
    partials: Mapping[TemplateName, Template | None],
    broken: Collection[TemplateName] = (),
) -> list[Diagnostic]:
    """Everything that is wrong with a template as its partials stand.

    ``partials`` holds every name that the closure reaches, without the template itself; None means missing or broken,
    and ``broken`` says which of those are there.
    Diagnostics stand at places of ``path``: a fault inside a partial at the include tag that leads to it.
    """
    return _Check(name, path, template, _Closure(name, template, partials, broken)).run()


class _Closure:
    """The partials, walked once each."""

    def __init__(
        self,
        name: TemplateName,
        template: Template,
        partials: Mapping[TemplateName, Template | None],
        broken: Collection[TemplateName],
    ) -> None:
        self.partials = partials
        self.broken = broken
        self.size = size_of(template)
        self.known: dict[TemplateName, _Reach] = {}
        self.chain = [name]

    def reach(self, name: TemplateName) -> _Reach:
        """What including ``name`` at the present end of the chain brings."""
        if name in self.chain:
            circle = " → ".join([*self.chain[self.chain.index(name) :], name])
            return _Reach(problem=("include-cycle", f"the includes go round in a circle: {circle}: take one out"))
        found = self.known.get(name)
        if found is None:
            found = self._walk(name)
            self.known[name] = found
        return found

    def _walk(self, name: TemplateName) -> _Reach:
        partial = self.partials.get(name)
        way = " → ".join([*self.chain[1:], name])
        if partial is None:
            message = f"{way}: there is no template of that name: correct the name, or add the partial"
            if name in self.broken:
                message = f"{way}: the partial is not valid: mend it in {template_path(name)}"
            return _Reach(problem=("include-missing", message))
        if partial.type is not TemplateType.TEXT or partial.text is None:
            message = f"{way}: a chat template cannot be included: include one of type text"
            return _Reach(problem=("include-not-text", message))
        self.size += size_of(partial)
        if len(self.known) + len(self.chain) >= MAX_FILES or self.size > MAX_BYTES:
            message = f"the closure is larger than {MAX_FILES} files or {MAX_BYTES} bytes: include less"
            return _Reach(problem=("closure-size", message))
        self.chain.append(name)
        reach = self._inside(name, partial, scan(partial.text.source), partial.text.source)
        self.chain.pop()
        return reach

    def _inside(self, name: TemplateName, partial: Template, found: Scan, source: str) -> _Reach:
        reach = _Reach({v: _Need(partial.variables.get(v), name) for v in found.uses})
        if not found.includes:
            return reach
        inner = [self.reach(include.name) for include in found.includes]
        reach.depth = 1 + max(each.depth for each in inner)
        reach.problem = next((each.problem for each in inner if each.problem is not None), None)
        free = free_at_includes(source, tuple(frozenset(each.needs) for each in inner))
        for each, names in zip(inner, free, strict=True):
            for variable in names:
                declared = partial.variables.get(variable)
                own = each.needs[variable] if declared is None else _Need(declared, name)
                reach.needs.setdefault(variable, own)
        return reach


class _Check:
    """One template under the rules."""

    def __init__(self, name: TemplateName, path: str, template: Template, closure: _Closure) -> None:
        self.name = name
        self.path = path
        self.template = template
        self.closure = closure
        self.found: list[Diagnostic] = []
        self.used: set[str] = set()
        self.told: set[tuple[str, str]] = set()

    def run(self) -> list[Diagnostic]:
        for variable, role, place in placed_variables(self.template):
            self._use(variable, role, place)
        for role, text in self.template.texts():
            found = scan(text.source)
            for variable, (line, column) in found.uses.items():
                self._use(variable, role, text.place_of(line, column))
            if found.includes:
                self._includes(role, text, found)
        if not self.told:  # behind a broken include a variable may be used that looks unused
            self._unused()
        return self.found

    def _say(self, rule: str, message: str, place: Place, severity: Severity = Severity.ERROR) -> None:
        self.found.append(Diagnostic(rule, message, self.path, place, severity))

    def _use(self, name: str, role: str | None, place: Place) -> None:
        declared = self.template.variables.get(name)
        self.used.add(name)
        if declared is None:
            self._say("variable-undeclared", undeclared(name, self.template.variables), place)
        elif declared.untrusted:
            self._untrusted(name, role, place)

    def _untrusted(self, name: str, role: str | None, place: Place, through: str = "") -> None:
        if role in TRUSTED_ROLES:
            self._say(
                "untrusted-placement",
                f"{name} is untrusted{through} and may stand only in user and tool messages, not in a {role} message: "
                "move it, or drop `untrusted` where the values are yours",
                place,
            )

    def _includes(self, role: str | None, text: Text, found: Scan) -> None:
        reached = [self.closure.reach(include.name) for include in found.includes]
        free = free_at_includes(text.source, tuple(frozenset(each.needs) for each in reached))
        for include, reach, names in zip(found.includes, reached, free, strict=True):
            place = text.place_of(include.line, include.column)
            if reach.problem is None and reach.depth > MAX_DEPTH:
                reach.problem = ("include-depth", _too_deep(include.name))
            if reach.problem is not None:
                if reach.problem not in self.told:
                    self.told.add(reach.problem)
                    self._say(*reach.problem, place)
                if reach.problem[0] != "include-missing":
                    continue
            for variable in sorted(names):
                self._need(variable, reach.needs[variable], role, place)

    def _need(self, name: str, need: _Need, role: str | None, place: Place) -> None:
        self.used.add(name)
        mine, theirs = self.template.variables.get(name), need.variable
        if mine is None:
            kind = f" ({describe_type(theirs)})" if theirs is not None else ""
            message = (
                f"{need.owner} uses {name}{kind}, which is not declared here: add it under variables, "
                "or set it before the include"
            )
            if ("variable-undeclared", message) not in self.told:
                self.told.add(("variable-undeclared", message))
                self._say("variable-undeclared", message, place)
            return
        wrong = misfit(mine, theirs) if theirs is not None else None
        if wrong:
            message = f"{name} does not fit {need.owner}, which declares it as {describe_type(theirs)}: {wrong}"
            self._say("variable-mismatch", message, place)
        if mine.untrusted or (theirs is not None and theirs.untrusted):
            through = "" if mine.untrusted else f" in {need.owner}"
            self._untrusted(name, role, place, through)

    def _unused(self) -> None:
        for name, variable in self.template.variables.items():
            if name not in self.used:
                message = f"{name} is declared and nowhere used: use it, or take it out of variables"
                self._say("variable-unused", message, variable.place, Severity.WARNING)


def asks_of(partial: Template) -> str | None:
    """What these rules ask of a partial besides its size: equal answers give equal findings, whatever the texts say.

    None where it includes others, or cannot be included.
    """
    if partial.type is not TemplateType.TEXT or partial.text is None:
        return None
    found = scan(partial.text.source)
    if found.includes:
        return None
    declared = {name: partial.variables[name] for name in found.uses if name in partial.variables}
    return repr((sorted(found.uses), sorted((name, repr(_unplaced(each))) for name, each in declared.items())))


def _unplaced(variable: Variable) -> Variable:
    """The variable wherever in its file it stands."""
    properties = {name: _unplaced(each) for name, each in variable.properties.items()}
    items = _unplaced(variable.items) if variable.items is not None else None
    return replace(variable, items=items, properties=properties, place=Place())


def undeclared(name: str, declared: Collection[str]) -> str:
    """What is said of a variable that is used and not declared."""
    near = difflib.get_close_matches(name, declared, 1)
    hint = f"did you mean {near[0]}? Else add" if near else "add"
    return f"{name} is not declared: {hint} it under variables"


def placed_variables(template: Template) -> Iterator[tuple[str, str | None, Place]]:
    """Variables that stand as messages or parts rather than in a text: name, role and place."""
    for message in template.messages:
        if isinstance(message, Placeholder):
            yield message.variable, None, message.place
        elif not isinstance(message.content, Text):
            for part in message.content:
                if part.variable is not None:
                    yield part.variable, message.role, part.place


def size_of(template: Template) -> int:
    """Bytes of its texts, as the limit of a closure counts them."""
    return sum(len(text.source.encode("utf-8", "surrogatepass")) for _, text in template.texts())


def _too_deep(name: TemplateName) -> str:
    return f"{name}: from here on includes lie more than {MAX_DEPTH} deep: include the inner partials directly"
