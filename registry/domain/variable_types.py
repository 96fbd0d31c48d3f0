"""Types of variables: how they are called in messages, and when one fits into another."""

from registry.domain.template import Variable, VariableType


def describe_type(variable: Variable | None) -> str:
    """A short form for messages: ``string``, ``array of integer``, ``string, one of en, ko``."""
    if variable is None:
        return "anything"
    words = str(variable.type)
    if variable.type is VariableType.ARRAY and variable.items is not None:
        words = f"array of {describe_type(variable.items)}"
    if variable.enum is not None:
        shown = ", ".join(map(str, variable.enum[:5])) + (", …" if len(variable.enum) > 5 else "")
        words = f"{words}, one of {shown}"
    return words


def misfit(given: Variable, wanted: Variable) -> str | None:
    """Why values of ``given`` may be none of ``wanted``, or None where the type is the same or narrower."""
    if given.type is not wanted.type and not (
        given.type is VariableType.INTEGER and wanted.type is VariableType.NUMBER
    ):
        return f"it is {describe_type(given)} here; give both the same type"
    if wanted.enum is not None:
        if given.enum is None:
            return "here it has no enum; add one with values from there"
        extra = [value for value in given.enum if value not in wanted.enum]
        if extra:
            return f"{extra[0]!r} is not among its values there; take it out of the enum here, or add it there"
    if wanted.items is not None:
        if given.items is None:
            return f"its items have no type here; declare items as {describe_type(wanted.items)}"
        wrong = misfit(given.items, wanted.items)
        if wrong:
            return f"its items do not fit: {wrong}"
    return _misfit_properties(given, wanted)


def _misfit_properties(given: Variable, wanted: Variable) -> str | None:
    for name, inner in wanted.properties.items():
        mine = given.properties.get(name)
        if mine is None:
            if inner.required:
                return f"its property {name} is not declared here; add it"
            continue
        if inner.required and not mine.required:
            return f"its property {name} may be missing here; make it required"
        wrong = misfit(mine, inner)
        if wrong:
            return f"its property {name} does not fit: {wrong}"
    return None
