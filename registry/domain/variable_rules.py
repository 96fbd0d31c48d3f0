"""Rules for declarations that a schema cannot say: names, limits, patterns, and values that fit their own type."""

import dataclasses
import re
import warnings
from collections.abc import Iterator, Sequence

import jsonschema_rs

from registry.domain.binding import bind
from registry.domain.errors import VariablesInvalid
from registry.domain.rule_check import Check
from registry.domain.template import MISSING, Json, Variable, VariableType
from registry.domain.template_builder import escape_pointer
from registry.domain.template_words import FUNCTIONS, RESERVED

_PLAIN = {VariableType.STRING: str, VariableType.INTEGER: int, VariableType.BOOLEAN: bool}


def check_variables(check: Check) -> None:
    """Declarations.

    Codes: variable-name, variable-required, variable-limits, variable-pattern, variable-enum, variable-default,
    variable-examples, sensitive-value.
    """
    said = check.said.get("variables")
    for name in said if isinstance(said, dict) and check.sound("variables") else ():
        _check_name(check, name)
    for name, variable in check.template.variables.items():
        pointer = f"/variables/{escape_pointer(name)}"
        before = len(check.found)
        for inner, below in _all(variable, pointer):
            _check_limits(check, inner, below)
            _check_pattern(check, inner, below)
        if len(check.found) == before:  # values are compared with a sound declaration only
            _check_values(check, variable, pointer)
        if check.said["variables"][name].get("required") is True and variable.default is not MISSING:
            message = f"{name} has a default and so is optional: take out required, or the default"
            check.say("variable-required", message, f"{pointer}/required")
        if variable.sensitive:
            _check_sensitive(check, variable, pointer)


def misfits(variable: Variable, value: Json) -> str | None:
    """Why a value cannot be passed for a variable, or None; what a caller would be told.

    Patterns are tried with an engine that needs linear time: those that it does not know are left to the renderer.
    """
    if _plainly_fits(variable, value):
        return None
    try:
        bind({variable.name: _bare(variable)}, {variable.name: value})
    except VariablesInvalid as error:
        return "; ".join(f"{where} {words}".removeprefix(f"{variable.name} ") for where, words in error.problems)
    if variable.pattern is not None and isinstance(value, str) and not _may_match(variable.pattern, value):
        return f"does not match the pattern {variable.pattern}"
    return None


def _plainly_fits(variable: Variable, value: Json) -> bool:
    """Whether a value fits at first sight; false means that one has to look."""
    if variable.min_length is not None or variable.max_length is not None or variable.pattern is not None:
        return False
    if variable.minimum is not None or variable.maximum is not None:
        return False
    if type(value) is not _PLAIN.get(variable.type):
        return False
    return variable.enum is None or value in variable.enum


def _bare(variable: Variable) -> Variable:
    """The declaration without patterns, which Python's engine may take for ever to try."""
    return dataclasses.replace(
        variable,
        default=MISSING,
        required=True,
        pattern=None,
        items=None if variable.items is None else _bare(variable.items),
        properties={
            key: dataclasses.replace(_bare(inner), required=inner.required)
            for key, inner in variable.properties.items()
        },
    )


def _may_match(pattern: str, value: str) -> bool:
    try:
        engine = jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except ValueError:
        return True
    return engine.is_valid(value)


def _all(variable: Variable, pointer: str) -> Iterator[tuple[Variable, str]]:
    """A declaration and those nested in it."""
    yield variable, pointer
    if variable.items is not None:
        yield from _all(variable.items, f"{pointer}/items")
    for key, inner in variable.properties.items():
        yield from _all(inner, f"{pointer}/properties/{escape_pointer(key)}")


def _check_name(check: Check, name: str) -> None:
    pointer = f"/variables/{escape_pointer(name)}"
    if not name.isidentifier():
        message = f'"{name[:80]}" is no variable name: use letters of any script, digits and _, no digit first'
        check.say("variable-name", message, pointer, key=True)
    elif len(name) > 100:
        check.say("variable-name", "a variable name has at most 100 characters: shorten it", pointer, key=True)
    elif name in RESERVED or name in FUNCTIONS:
        message = f"{name} means something else in the template language: choose another name"
        check.say("variable-name", message, pointer, key=True)


def _check_limits(check: Check, variable: Variable, pointer: str) -> None:
    for low, high in (("min_length", "max_length"), ("minimum", "maximum")):
        least, most = getattr(variable, low), getattr(variable, high)
        if least is not None and most is not None and least > most:
            message = f"{low} {least} is greater than {high} {most}, so no value fits: exchange or correct them"
            check.say("variable-limits", message, f"{pointer}/{low}")


def _check_pattern(check: Check, variable: Variable, pointer: str) -> None:
    problem = None if variable.pattern is None else regex_problem(variable.pattern)
    if problem:
        check.say("variable-pattern", f"the pattern is no regular expression: {problem}", f"{pointer}/pattern")


def regex_problem(pattern: str) -> str | None:
    """Why a regular expression cannot be used, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python may read otherwise one day is refused today
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return str(error)
    return None


def _check_values(check: Check, variable: Variable, pointer: str) -> None:
    """Enum, default and examples must be values that a caller could pass."""
    for inner, below in _all(variable, pointer):
        if inner.enum is not None:
            if not all(_plainly_fits(inner, value) for value in inner.enum):
                open_ended = dataclasses.replace(inner, enum=None)
                _check_each(check, "variable-enum", open_ended, inner.enum, f"{below}/enum")
            _check_repeats(check, inner.enum, f"{below}/enum")
        _check_each(check, "variable-examples", inner, inner.examples, f"{below}/examples")
    if variable.default is not MISSING and variable.default is not None:
        problem = misfits(variable, variable.default)
        if problem:
            check.say("variable-default", f"the default {problem}", f"{pointer}/default")


def _check_each(check: Check, rule: str, variable: Variable, values: Sequence[Json], pointer: str) -> None:
    for index, value in enumerate(values):
        problem = misfits(variable, value)
        if problem:
            check.say(rule, f"this value {problem}", f"{pointer}/{index}")


def _check_repeats(check: Check, values: Sequence[Json], pointer: str) -> None:
    seen: list[Json] = []
    for index, value in enumerate(values):
        if value in seen:
            check.say("variable-enum", f"{value!r} stands twice: remove one", f"{pointer}/{index}")
        seen.append(value)


def _check_sensitive(check: Check, variable: Variable, pointer: str) -> None:
    for key, value in (("default", variable.default), ("examples", variable.examples or MISSING)):
        if value is not MISSING and value is not None:
            message = f"{variable.name} is sensitive, and a value in the file is in Git for ever: take {key} out"
            check.warn("sensitive-value", message, f"{pointer}/{key}", key=True)
