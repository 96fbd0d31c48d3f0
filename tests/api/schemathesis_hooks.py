"""What an OpenAPI document cannot say about requests that are valid. Schemathesis loads this module itself."""

from itertools import cycle
from typing import Any

import schemathesis

SELECTORS = {"label", "version", "ref", "at"}
TOGETHER = cycle((set[str](), {"label"}, {"version"}, {"ref"}, {"at"}, {"label", "ref"}, {"label", "at"}, SELECTORS))
MADE = cycle((True, False))
"""A template that is there is changed, and one that is not is made."""

REPEATED = cycle((False, False, False, True))


@schemathesis.serializer("application/yaml", "text/yaml")
def send_as_it_is(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A template is sent as the file that it is; schemathesis would make a YAML string of its text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case, _kwargs: dict[str, Any]) -> None:
    """Takes out of valid requests what would be refused because of what stands beside it."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query, headers = case.query, case.headers
    if case.path_parameters.get("name") == "0":  # what boundaries are tried on needs a template
        case.path_parameters["name"] = "support/reply"
    if {parameter.name for parameter in case.operation.query} >= SELECTORS:
        for name in SELECTORS - next(TOGETHER):
            query.pop(name, None)
    if query.get("branch") == "":
        del query["branch"]
    if case.method == "PUT" and "/templates/" in case.path and next(MADE):
        headers.pop("if-match", None)
    if "if-match" in headers:
        headers.pop("if-none-match", None)
    elif case.method == "PUT" and "/templates/" in case.path:
        headers["if-none-match"] = "*"
    if not next(REPEATED):  # a key that came with another request before is refused
        headers.pop("idempotency-key", None)
