"""Offline tests: a template rendered with given values, and what must hold of the result. No model is called."""

import re
from collections.abc import Callable, Iterator, Mapping

from registry.domain.canonical import canonical_text
from registry.domain.errors import PromptuaryError, RenderFailed, RenderLimit, VariablesInvalid
from registry.domain.ids import TemplateName
from registry.domain.rendering import Rendered, TestResult, render
from registry.domain.template import Json, OfflineTest, Template
from registry.domain.tokens import estimate_tokens
from registry.domain.wording import counted

_SHOWN = 120


def run_tests(template: Template, partials: Mapping[TemplateName, Template]) -> list[TestResult]:
    """Runs all offline tests of a template. A rendering that fails is a failed test, unless ``error`` expects it."""
    return [run_test(template, partials, test) for test in template.tests]


def run_test(template: Template, partials: Mapping[TemplateName, Template], test: OfflineTest) -> TestResult:
    """Runs one offline test. Never raises: what goes wrong is a problem of the result."""
    try:
        rendered = render(template, partials, test.variables, strict=True)
    except (VariablesInvalid, RenderFailed, RenderLimit) as failure:
        return failed_test(test, failure)
    problems = [problem for expected in test.expect for problem in _check(rendered, expected)]
    return TestResult(test.name, not problems, tuple(problems))


def failed_test(test: OfflineTest, failure: PromptuaryError) -> TestResult:
    """The result of a test whose rendering failed so: passed only where it expects that ``error``."""
    problems = _failed(test, failure)
    return TestResult(test.name, not problems, tuple(problems))


def _failed(test: OfflineTest, failure: PromptuaryError) -> list[str]:
    wanted = [str(expected["error"]) for expected in test.expect if "error" in expected]
    if not wanted:
        return [f"it does not render: {_message(failure)}"]
    problems = [
        f"expected an error with {_short(text)}; the error was: {_message(failure)}"
        for text in wanted
        if text not in _message(failure)
    ]
    if len(wanted) < len(test.expect):
        problems.append("beside error nothing else can hold: there is no rendered text; make it a test of its own")
    return problems


def _message(failure: PromptuaryError) -> str:
    if isinstance(failure, VariablesInvalid):
        return "; ".join(f"{name} {words}" for name, words in failure.problems)
    return failure.message


def _check(rendered: Rendered, expected: Mapping[str, Json]) -> Iterator[str]:
    where = expected.get("in")
    text = _text(rendered, where)
    for kind, wanted in expected.items():
        if kind == "in":
            continue
        if kind == "error":
            yield f"expected an error with {_short(wanted)}; it rendered: {_short(_text(rendered, None))}"
        elif text is None:
            yield f"there is no message {where!r} to look in; there are: {_roles(rendered)}"
        else:
            problem = _CHECKS[kind](text, wanted) if kind in _CHECKS else f"{kind} is not known here"
            if problem:
                yield problem + (f" (in {where})" if where is not None else "")


def _text(rendered: Rendered, where: Json) -> str | None:
    """The text to look in: everything, or the message (by index) or messages (by role) that ``in`` names."""
    if rendered.messages is None:
        return rendered.text if where is None else None
    if where is None:
        chosen = list(rendered.messages)
    elif isinstance(where, int):
        chosen = list(rendered.messages[where : where + 1]) if where >= 0 else []
    else:
        chosen = [message for message in rendered.messages if message["role"] == where]
    return "\n".join(message_text(message) for message in chosen) if chosen or where is None else None


def message_text(message: Mapping[str, Json]) -> str:
    """All text of one rendered message: its parts' texts, results, calls and addresses, a line each."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(_part_text(part) for part in content)


def _part_text(part: Mapping[str, Json]) -> str:
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] == "tool_result":
        return str(part["content"])
    if part["type"] == "tool_call":
        return f"{part['name']} {canonical_text(part['arguments'])}"
    return str(part.get("url", part.get("media_type", "")))


def _roles(rendered: Rendered) -> str:
    if rendered.messages is None:
        return "none, the template is of type text (leave `in` out)"
    return ", ".join(f"{index} ({message['role']})" for index, message in enumerate(rendered.messages)) or "none"


def _short(value: Json) -> str:
    text = canonical_text(value)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"
    return "'" + shown.replace("\n", "⏎") + "'"


def _around(text: str, found: int, length: int) -> str:
    return _short(text[max(0, found - 30) : found + length + 30])


def _contains(text: str, wanted: Json) -> str | None:
    return None if wanted in text else f"expected {_short(wanted)} somewhere; there stands: {_short(text)}"


def _not_contains(text: str, wanted: Json) -> str | None:
    found = text.find(wanted)
    return None if found < 0 else f"expected no {_short(wanted)}; there stands: {_around(text, found, len(wanted))}"


def _equals(text: str, wanted: Json) -> str | None:
    if text == wanted:
        return None
    same = next((i for i, (a, b) in enumerate(zip(text, wanted, strict=False)) if a != b), min(len(text), len(wanted)))
    return (
        f"expected {_short(wanted)}; there stands: {_short(text)}; they differ from character {same + 1}: "
        f"{_short(wanted[same : same + 40])} against {_short(text[same : same + 40])}"
    )


def _matches(text: str, wanted: Json) -> str | None:
    try:
        found = re.search(wanted, text)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{_short(wanted)} is no regular expression: {error}"
    return None if found else f"expected a match of {_short(wanted)}; there stands: {_short(text)}"


def _starts_with(text: str, wanted: Json) -> str | None:
    return None if text.startswith(wanted) else f"expected it to begin with {_short(wanted)}; it begins {_short(text)}"


def _ends_with(text: str, wanted: Json) -> str | None:
    return None if text.endswith(wanted) else f"expected it to end with {_short(wanted)}; it ends {_short(text[-60:])}"


def _max_tokens(text: str, wanted: Json) -> str | None:
    count = estimate_tokens(text)
    return None if count <= wanted else f"expected at most {counted(wanted, 'token')}; it has {count} (an estimate)"


def _min_tokens(text: str, wanted: Json) -> str | None:
    count = estimate_tokens(text)
    return None if count >= wanted else f"expected at least {counted(wanted, 'token')}; it has {count} (an estimate)"


def _max_length(text: str, wanted: Json) -> str | None:
    return None if len(text) <= wanted else f"expected at most {counted(wanted, 'character')}; it has {len(text)}"


_CHECKS: Mapping[str, Callable[[str, Json], str | None]] = {
    "contains": _contains,
    "not_contains": _not_contains,
    "equals": _equals,
    "matches": _matches,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "max_tokens": _max_tokens,
    "min_tokens": _min_tokens,
    "max_length": _max_length,
}
