"""The words of the template language: its tags, filters, tests and functions, each with what it does.

These are the published, closed lists: a word that is not here is refused by the gate and taken out of the renderer.
``docs/template-language.md`` shows the same tables; a test keeps the two alike.
"""

from collections.abc import Mapping

TAGS: Mapping[str, str] = {
    "if": "`{% if x %} … {% elif y %} … {% else %} … {% endif %}`: text under a condition",
    "for": "`{% for x in xs if c %} … {% else %} … {% endfor %}`: text for each item; `loop` tells where it is",
    "break": "`{% break %}`: leaves the loop",
    "continue": "`{% continue %}`: goes on with the next item",
    "set": "`{% set x = 1 %}` or `{% set x %} … {% endset %}`: names a value or a text",
    "with": "`{% with x = 1 %} … {% endwith %}`: names a value for a stretch of text",
    "filter": "`{% filter upper %} … {% endfilter %}`: sends text through a filter",
    "macro": "`{% macro m(a, b=1) %} … {% endmacro %}`: text with arguments, called as `{{ m(1) }}`",
    "call": "`{% call m() %} … {% endcall %}`: calls a macro with text, which it prints by `{{ caller() }}`",
    "include": '`{% include "partials/tone" %}`: the text of a partial',
    "raw": "`{% raw %} … {% endraw %}`: text in which nothing is a tag",
}
"""Opening tag words; the words that go on or end them stand in ``CLOSING_TAGS``."""

CLOSING_TAGS = frozenset({
    "elif", "else", "endif", "endfor", "endset", "endwith", "endfilter", "endmacro", "endcall", "endraw",
})  # fmt: skip

REFUSED_TAGS: Mapping[str, str] = {
    "import": "templates are put together by include alone; put the text into a partial",
    "from": "templates are put together by include alone; put the text into a partial",
    "extends": "templates are put together by include alone; put the shared text into a partial and include it",
    "block": "there is no inheritance; put the text into a partial and include it",
    "autoescape": "prompts are not escaped; use the filter escape where markup has to be",
    "do": "an expression without output does nothing here; use set",
    "trans": "there are no translations; use a variable and if",
    "debug": "it would print every value",
}
"""Tags of Jinja2 that are refused, each with the way out."""

FILTERS: Mapping[str, str] = {
    "abs": "the absolute value of a number",
    "batch": "a list in lists of n: `xs|batch(3)`",
    "bool": "true or false by Jinja's rules",
    "capitalize": "first letter upper case, the rest lower case",
    "count": "the same as length",
    "d": "the same as default",
    "default": "another value where this one is undefined: `x|default('none')`; with `true` also where it is empty",
    "dictsort": "an object's pairs, sorted by key",
    "e": "the same as escape",
    "escape": "`& < > \" '` as HTML and XML entities",
    "first": "the first item",
    "float": "a number from a text",
    "format": "printf style: `'%s of %d'|format(a, b)`; `%s` prints canonical text",
    "groupby": "items grouped by an attribute: `xs|groupby('kind')`",
    "indent": "lines after the first indented: `x|indent(2)`; `first=true` the first too, `blank=true` empty ones too",
    "int": "an integer from a text or number",
    "items": "an object's pairs, in order",
    "join": "canonical texts of the items with a separator: `xs|join(', ')`; `attribute='name'` takes one attribute",
    "last": "the last item",
    "length": "how many items, or characters",
    "lines": "a text's lines as a list",
    "list": "a list of the items or characters",
    "lower": "lower case",
    "map": "one attribute or a filter for each item: `xs|map(attribute='id')`, `xs|map('upper')`",
    "max": "the greatest item",
    "min": "the least item",
    "reject": "the items for which a test does not hold: `xs|reject('odd')`",
    "rejectattr": "the items for whose attribute a test does not hold",
    "replace": "every occurrence replaced: `x|replace('a', 'b')`",
    "reverse": "items or characters in reverse order",
    "round": "rounded: `x|round(2)`",
    "select": "the items for which a test holds: `xs|select('odd')`",
    "selectattr": "the items for whose attribute a test holds: `xs|selectattr('done')`",
    "slice": "a list in n lists",
    "sort": "sorted: `xs|sort(attribute='n', reverse=true)`",
    "split": "a text in parts: `x|split(',')`",
    "string": "canonical text",
    "sum": "the sum of the numbers",
    "title": "every word's first letter upper case",
    "tojson": "compact JSON; `tojson(indent=2)` over several lines",
    "trim": "without white space at both ends; `x|trim('-')` without these characters",
    "truncate": "at most n characters, cut at a word: `x|truncate(80)`, `truncate(80, true, '…')`",
    "unique": "without repeated items",
    "upper": "upper case",
    "urlencode": "percent-encoded",
    "wordcount": "how many words",
    "zip": "lists side by side: `xs|zip(ys)`",
}
"""The filters."""

TESTS: Mapping[str, str] = {
    "!=": "the same as ne (in select and its kin)",
    "<": "the same as lt (in select and its kin)",
    "<=": "the same as le (in select and its kin)",
    "==": "the same as eq (in select and its kin)",
    ">": "the same as gt (in select and its kin)",
    ">=": "the same as ge (in select and its kin)",
    "boolean": "true or false",
    "defined": "has a value (null is one)",
    "divisibleby": "divisible: `x is divisibleby(3)`",
    "endingwith": "text that ends so: `x is endingwith('.')`",
    "eq": "equal",
    "equalto": "equal",
    "even": "an even number",
    "false": "false",
    "float": "a number with a fraction",
    "ge": "greater or equal",
    "greaterthan": "greater",
    "gt": "greater",
    "in": "among the items: `x is in xs`",
    "integer": "an integer",
    "iterable": "something that for can walk",
    "le": "less or equal",
    "lessthan": "less",
    "lower": "text without upper case",
    "lt": "less",
    "mapping": "an object",
    "ne": "not equal",
    "none": "null",
    "number": "a number",
    "odd": "an odd number",
    "sameas": "the same value and type",
    "sequence": "a list",
    "startingwith": "text that begins so: `x is startingwith('#')`",
    "string": "a text",
    "true": "true",
    "undefined": "has no value",
    "upper": "text without lower case",
}
"""The tests, as in ``x is defined``."""

FUNCTIONS: Mapping[str, str] = {
    "dict": "an object: `dict(a=1)`",
    "namespace": "an object whose attributes `set` can change from inside a loop: `{% set ns.n = 1 %}`",
    "range": "integers: `range(3)`, `range(1, 10, 2)`",
}
"""The functions. ``loop.cycle`` and ``loop.changed`` are the only methods."""

LOOP_METHODS = frozenset({"cycle", "changed"})

NAME_TAKING_FILTERS: Mapping[str, tuple[str, int]] = {
    "map": ("filter", 0),
    "select": ("test", 0),
    "reject": ("test", 0),
    "selectattr": ("test", 1),
    "rejectattr": ("test", 1),
}
"""Filters that take the name of a filter or test as a string, and at which position."""

RESERVED = frozenset({
    "true", "True", "false", "False", "none", "None", "null", "and", "or", "not", "in", "is", "if", "else", "elif",
    "for", "recursive", "loop", "self", "super", "caller", "varargs", "kwargs", "import", "include", "with", "set",
})  # fmt: skip
"""Names that mean something else within a template."""
