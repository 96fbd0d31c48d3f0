"""What is wrong with a field, in plain words, where pydantic's speak of Python or of no way out."""

from collections.abc import Mapping
from typing import Any

_SAID = {
    "extra_forbidden": "there is no such field here: check the spelling",
    "missing": "is missing",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
}


def field_words(problem: Mapping[str, Any]) -> str:
    """What follows the name of the field that one of pydantic's errors is about."""
    said = _SAID.get(problem["type"])
    if said is None:
        return str(problem["msg"]).removeprefix("Value error, ")
    return said.format_map(problem.get("ctx") or {})
