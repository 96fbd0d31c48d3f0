"""What stands under ``tests:`` and ``defaultTest:`` in a configuration of promptfoo's: values, and what has to hold.

Its assertions look at what a model answers; our offline tests look at the prompt. They mean the same only with the
provider ``echo``, which answers with the prompt.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.domain.importing.imported import SourceTest, SourceUnreadable
from registry.domain.importing.referred_files import ReferredFiles
from registry.domain.importing.source_values import decoded, mapping_of, read_rows, text_of, yaml_value
from registry.domain.template import Json
from registry.domain.wording import shown

MOST_EXAMPLES = 20
_FILE = "file://"
_CHECKS = {
    "contains": "contains", "not-contains": "not_contains", "equals": "equals", "starts-with": "starts_with",
    "regex": "matches",
}  # fmt: skip
_EXPECTED = "__expected"


@dataclass(slots=True)
class Tests:
    """``values`` are what the tests give each variable; ``tests`` those that can be run here."""

    values: dict[str, list[Json]] = field(default_factory=dict)
    tests: list[SourceTest] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_tests(said: Any, common: Any, files: ReferredFiles, *, echoes: bool) -> Tests:
    """The tests, with what ``defaultTest`` says of all; ``echoes`` says that the answers are the prompts themselves."""
    found = Tests()
    base = mapping_of(common)
    given = mapping_of(base.get("vars"))
    assertions = 0
    entries = [mapping_of(each) for each in _entries(said, files, found.notes)]
    for index, entry in enumerate(entries or ([{}] if given else [])):
        values = {
            key: value for key, value in {**given, **mapping_of(entry.get("vars"))}.items() if _plain(value, found)
        }
        for key, value in values.items():
            _add(found.values.setdefault(key, []), value)
        checks = [*_list(base.get("assert")), *_list(entry.get("assert"))]
        assertions += len(checks)
        expect = [each for check in checks for each in _check(check, found.notes)] if echoes else []
        if expect:
            name = text_of(entry.get("description")) or f"test {index + 1}"
            found.tests.append(SourceTest(name, values, tuple(expect)))
    if assertions and not echoes:
        found.notes.append(
            f"{assertions} assertions are left out: they look at what a model answers, and nothing here calls one"
        )
    return found


def _entries(said: Any, files: ReferredFiles, notes: list[str]) -> Iterator[Any]:
    for each in _list(said):
        if not isinstance(each, str):
            yield each
            continue
        found = files.find(each.removeprefix(_FILE))
        if not found:
            notes.append(f"the tests {shown(each)} are left out: there is no such file in the source")
        for name in found:
            try:
                yield from _of_file(name, files)
            except SourceUnreadable as error:
                notes.append(f"tests are left out: {error}")


def _of_file(name: str, files: ReferredFiles) -> Iterator[Any]:
    if name.endswith((".yaml", ".yml", ".json")):
        yield from _list(yaml_value(files.read(name), name))
    elif name.endswith(".csv"):
        header, *rows = read_rows(decoded(files.read(name), name)) or [[]]
        for row in (dict(zip(header, values, strict=False)) for values in rows):
            checks = [_said(text) for key, text in row.items() if key and key.startswith(_EXPECTED) and text]
            yield {
                "vars": {key: text for key, text in row.items() if key and not key.startswith("__")},
                "assert": checks,
            }
    elif name.endswith(".jsonl"):
        for line in decoded(files.read(name), name).split("\n"):  # not splitlines: JSON may hold U+2028
            try:
                yield json.loads(line) if line.strip() else {}
            except (ValueError, RecursionError):
                raise SourceUnreadable(f"{name} is no JSON Lines") from None
    else:
        raise SourceUnreadable(f"{name} is made by a program, which is not run")


def _said(text: str) -> dict[str, Json]:
    """An assertion as a table writes it: ``contains:this``, or the text that is expected."""
    kind, colon, value = text.partition(":")
    return {"type": kind, "value": value.strip()} if colon and kind in _CHECKS else {"type": "equals", "value": text}


def _plain(value: Json, found: Tests) -> bool:
    """Whether a value stands there itself."""
    if isinstance(value, str) and (value.startswith(_FILE) or "{{" in value):
        found.notes.append(f"the value {shown(value)} is left out: it is made when the tests run")
        return False
    return value is not None


def _add(values: list[Json], value: Json) -> None:
    if value not in values:
        values.append(value)


def examples_of(found: Tests, shapes: Mapping[str, Json], notes: list[str]) -> dict[str, list[Json]]:
    """What the tests give each variable, of one type: that of ``shapes``, which the prompt's tags say, or of the first.

    A list stands for several values, unless it is looped over.
    """
    examples: dict[str, list[Json]] = {}
    for name, given in found.values.items():
        loops = isinstance(shapes.get(name), list)
        values = [each for value in given for each in (value if isinstance(value, list) and not loops else [value])]
        kind = type(shapes.get(name, values[0] if values else None))
        fitting = [each for each in values if type(each) is kind]
        if len(fitting) < len(values):
            notes.append(f"values of {shown(name)} in the tests that are of another type are left out")
        if fitting:
            examples[name] = fitting[:MOST_EXAMPLES]
    return examples


def _check(said: Any, notes: list[str]) -> Iterator[dict[str, Json]]:
    check = mapping_of(said)
    kind, value = text_of(check.get("type")), check.get("value")
    if kind in _CHECKS and isinstance(value, str):
        yield {_CHECKS[kind]: value}
    elif kind == "icontains" and isinstance(value, str):
        yield {"matches": f"(?i){re.escape(value)}"}
    elif kind == "contains-all" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        yield from ({"contains": each} for each in value)
    else:
        notes.append(f"the assertion {shown(kind or check)} is left out: no offline test says it")


def _list(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [] if said is None else [said]
