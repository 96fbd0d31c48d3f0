"""Values against a template's declaration: what a caller passes becomes what the template sees.

Everything that is wrong is found at once. Patterns are regular expressions of whoever wrote the template and may be
hostile: call ``bind`` where a deadline can kill it, in a render worker.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from registry.domain.canonical import canonical_text, canonical_value
from registry.domain.errors import VariablesInvalid
from registry.domain.former_names import told_former
from registry.domain.media_values import check_media, check_messages
from registry.domain.template import MISSING, Json, Variable, VariableType
from registry.domain.wording import counted

MAX_CHARACTERS = 8 * 1_048_576
MAX_NODES = 100_000
MAX_DEPTH = 64
"""Limits of all values together: characters of their strings, values at every depth, and how deep they lie."""
MAX_PROBLEMS = 100
"""How many problems are told; a list of a million wrong items is told by its first hundred."""

_BIG = 2**63
"""Integers beyond it would lose digits in the engine."""
_T = VariableType
_MEDIA = frozenset({_T.IMAGE, _T.FILE, _T.AUDIO})
_SURROGATE = re.compile("[\ud800-\udfff]")
_KIND_OF = {_T.STRING: "a string", _T.INTEGER: "an integer", _T.NUMBER: "a number", _T.BOOLEAN: "true or false"}


@dataclass(frozen=True, slots=True)
class Bound:
    """``values`` has every declared variable: as passed, its default, or None; ``ignored`` are undeclared names."""

    values: dict[str, Json]
    ignored: tuple[str, ...] = ()


def bind(
    variables: Mapping[str, Variable], values: Mapping[str, Json], former: Mapping[str, str] = MappingProxyType({})
) -> Bound:
    """Checks the values and fills in defaults; ``former`` are names that variables had, told where one is missing.

    Raises VariablesInvalid with every problem as (variable, words).
    """
    binder = _Binder()
    bound: dict[str, Json] = {}
    for name, variable in variables.items():
        given = values.get(name, MISSING)
        if given is MISSING or (given is None and not variable.required):
            if variable.required:
                binder.problem(name, f"is missing{told_former(name, former)}: pass {_article(variable)}")
                continue
            bound[name] = None if variable.default is MISSING else canonical_value(variable.default)
            continue
        if binder.measure(name, given):
            binder.check(name, variable, given, variable)
            bound[name] = canonical_value(given)
    if binder.problems:
        raise VariablesInvalid(_summary(binder.problems), problems=binder.problems)
    return Bound(bound, tuple(name for name in values if name not in variables))


def refuse_undeclared(bound: Bound, variables: Mapping[str, Variable]) -> None:
    """Raises VariablesInvalid where values were passed that the template does not declare (``strict=true``)."""
    if bound.ignored:
        known = ", ".join(variables) or "none"
        problems = [(name, f"is not declared: leave it out; declared are: {known}") for name in bound.ignored]
        raise VariablesInvalid(_summary(problems), problems=problems)


def _summary(problems: list[tuple[str, str]]) -> str:
    first = f"{problems[0][0]} {problems[0][1]}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"The variables do not fit the template's declaration: {first}{more}"


def _article(variable: Variable) -> str:
    if variable.enum is not None and not variable.sensitive:
        return "one of " + ", ".join(map(canonical_text, variable.enum[:20]))
    return _KIND_OF.get(variable.type) or f"a value of type {variable.type}"


class _Binder:
    """Collects problems over all values."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []
        self.characters = 0
        self.nodes = 0

    def problem(self, path: str, words: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((path, words))

    def measure(self, name: str, value: Json) -> bool:
        """Whether a value is JSON, well-formed text, and within the limits; says what is wrong."""
        wrong = self._measure(value, 0)
        if wrong is not None:
            self.problem(name, wrong)
        return wrong is None

    def _measure(self, value: Json, depth: int) -> str | None:
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            return f"is too large: at most {MAX_NODES} values, {MAX_DEPTH} deep, over all variables"
        if isinstance(value, str):
            return self._measure_text(value)
        if isinstance(value, (list, dict)):
            pairs = value.items() if isinstance(value, dict) else (("", item) for item in value)
            return next((wrong for key, item in pairs if (wrong := self._measure_pair(key, item, depth + 1))), None)
        return _measure_scalar(value)

    def _measure_pair(self, key: Json, value: Json, depth: int) -> str | None:
        if not isinstance(key, str):
            return "has a key that is no string"
        return self._measure_text(key) or self._measure(value, depth)

    def _measure_text(self, text: str) -> str | None:
        self.characters += len(text)
        if self.characters > MAX_CHARACTERS:
            return f"is too large: at most {MAX_CHARACTERS} characters over all variables"
        if not text.isascii() and _SURROGATE.search(text):
            return "holds half of a character (a lone surrogate): send well-formed Unicode"
        return None

    def check(self, path: str, variable: Variable, value: Json, top: Variable) -> None:
        """Checks one value against its declaration, and what it holds against theirs."""
        kind = variable.type
        if kind in _MEDIA:
            wrong = check_media(str(kind), value)
            if wrong:
                self.problem(path, wrong)
        elif kind is _T.MESSAGES:
            for where, words in check_messages(value, untrusted=top.untrusted):
                self.problem(f"{path}{where}", words)
            if isinstance(value, list):
                self._length(path, variable, len(value), "message")
        elif not _is_kind(kind, value):
            self.problem(path, f"must be {_KIND_OF.get(kind) or f'an {kind}'}, not {_name(value)}")
        else:
            self._within(path, variable, value, top)

    def _within(self, path: str, variable: Variable, value: Json, top: Variable) -> None:
        if variable.enum is not None and not _in_enum(value, variable.enum):
            allowed = ", ".join(map(canonical_text, variable.enum[:20])) + (", …" if len(variable.enum) > 20 else "")
            self.problem(path, "is not among the allowed values" + ("" if top.sensitive else f": {allowed}"))
        if isinstance(value, str):
            self._length(path, variable, len(value), "character")
            self._pattern(path, variable, value)
        elif isinstance(value, list):
            self._length(path, variable, len(value), "item")
            if variable.items is not None:
                for index, item in enumerate(value):
                    self.check(f"{path}[{index}]", variable.items, item, top)
        elif isinstance(value, dict):
            self._properties(path, variable, value, top)
        elif not isinstance(value, bool):
            self._range(path, variable, value)

    def _length(self, path: str, variable: Variable, length: int, unit: str) -> None:
        if variable.min_length is not None and length < variable.min_length:
            self.problem(path, f"has {counted(length, unit)}; at least {variable.min_length} are needed")
        if variable.max_length is not None and length > variable.max_length:
            self.problem(path, f"has {counted(length, unit)}; at most {variable.max_length} are allowed")

    def _pattern(self, path: str, variable: Variable, value: str) -> None:
        if variable.pattern is None:
            return
        try:
            found = re.search(variable.pattern, value)
        except (re.error, RecursionError, OverflowError):
            self.problem(path, f"cannot be checked: the template's pattern is broken: {variable.pattern}")
            return
        if found is None:
            self.problem(path, f"does not match the pattern {variable.pattern}")

    def _range(self, path: str, variable: Variable, value: float) -> None:
        if variable.minimum is not None and value < variable.minimum:
            self.problem(path, f"must be at least {canonical_text(canonical_value(variable.minimum))}")
        if variable.maximum is not None and value > variable.maximum:
            self.problem(path, f"must be at most {canonical_text(canonical_value(variable.maximum))}")

    def _properties(self, path: str, variable: Variable, value: dict[str, Json], top: Variable) -> None:
        for name, inner in variable.properties.items():
            if name in value and not (value[name] is None and not inner.required):
                self.check(f"{path}.{name}", inner, value[name], top)
            elif name not in value and inner.required:
                self.problem(f"{path}.{name}", f"is missing: pass {_article(inner)}")


def _measure_scalar(value: Json) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if -_BIG <= value < _BIG else "holds an integer of more than 64 bits: pass it as a string"
    if isinstance(value, float):
        return None if math.isfinite(value) else "holds NaN or an infinity, which JSON cannot say"
    return f"holds a value of type {type(value).__name__}, which is no JSON"


def _is_kind(kind: VariableType, value: Json) -> bool:
    if kind is _T.STRING:
        return isinstance(value, str)
    if kind is _T.BOOLEAN:
        return isinstance(value, bool)
    if kind is _T.ARRAY:
        return isinstance(value, list)
    if kind is _T.OBJECT:
        return isinstance(value, dict)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return kind is _T.NUMBER or isinstance(value, int) or value.is_integer()


def _in_enum(value: Json, enum: tuple[Json, ...]) -> bool:
    """Whether JSON calls it equal to one of the values: 1 and 1.0 are equal, 1 and true are not."""
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in enum)


def _name(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, (int, float)):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"
