"""What the YAML parser's complaints mean, and the way out."""

import re
from typing import Any

from registry.domain.diagnostics import Place

_MEANINGS = (
    (
        "mapping values are not allowed",
        'a ": " stands where no key can be: indent the line, or quote the text before it',
    ),
    ("found character that cannot start any token", "this character cannot begin a value: put the text into quotes"),
    ("block sequence entries are not allowed", 'a "- " cannot stand here: begin the list on a line of its own'),
    ("mapping keys are not allowed", 'a "? " cannot stand here'),
    ("found unknown escape character", "this escape does not exist: write \\\\ for a backslash, or use single quotes"),
    ("found invalid Unicode character escape", "this escape is no character: write the character itself"),
    ("did not find expected hexdecimal number", "this escape lacks digits: \\x takes 2, \\u takes 4, \\U takes 8"),
    ("found unexpected end of stream", "the file ends inside a quoted text: close the quote"),
    ("did not find expected ',' or ']'", "the list lacks a comma or its closing bracket"),
    ("did not find expected ',' or '}'", "the mapping lacks a comma or its closing brace"),
    ("could not find expected ':'", 'a ":" is missing after the key'),
    ("did not find expected key", "a key is expected here: check the indentation, and quote a text that goes on"),
    ("did not find expected '-' indicator", 'another "- " is expected here: check the indentation'),
    ("found undefined tag handle", "tags (!) are not allowed: remove it"),
    ("found unknown directive name", "directives (%) are not allowed: remove the line"),
    ("found a tab character", "a tab cannot indent: use spaces"),
    ("did not find expected <document start>", "more text follows the end of the document: check the indentation"),
)
_BRACES = re.compile(r"""(?:[:\-,\[]\s+)(\{\{|\{%|\{#)""")


def explain(error: Any, text: str) -> tuple[str, Place]:
    """A PyYAML error as (message, place), the place not yet clamped to the file."""
    problem = str(getattr(error, "problem", None) or "the text cannot be read as YAML")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place()
    meaning = next((words for found, words in _MEANINGS if found in problem), problem)
    line = line_of(text, place.line)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        meaning = "a tab cannot indent: use spaces"
    elif _BRACES.search(line):
        meaning = f'{meaning}; a text that begins with "{{{{" or "{{%" must stand in quotes or in a block (|)'
    opened = getattr(error, "context_mark", None)
    if opened is not None and opened.line + 1 < place.line:
        meaning = f"{meaning} (it began at line {opened.line + 1})"
    return f"this is no YAML: {meaning}", place


def line_of(text: str, number: int) -> str:
    """The line of that number (from 1), empty where there is none."""
    lines = text.split("\n", number)
    return lines[number - 1] if number <= len(lines) else ""
