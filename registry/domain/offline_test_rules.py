"""Rules for ``tests:`` that a schema cannot say. Whether they pass is for ``offline_tests``."""

import difflib

from registry.domain.rule_check import Check
from registry.domain.template import Message, OfflineTest, Placeholder, TemplateType
from registry.domain.template_builder import escape_pointer
from registry.domain.variable_rules import regex_problem


def check_tests(check: Check) -> None:
    """Codes: test-name, test-variable, test-pattern, test-message, test-expect, sensitive-value."""
    said = check.said.get("tests")
    count = len(said) if isinstance(said, list) and check.sound("tests") else 0
    indexes = (i for i in range(count) if check.sound("tests", i))
    seen: set[str] = set()
    for index, test in zip(indexes, check.template.tests, strict=False):
        pointer = f"/tests/{index}"
        if test.name in seen:
            check.say("test-name", f'another test is called "{test.name}": give each its own name', f"{pointer}/name")
        seen.add(test.name)
        _check_variables(check, test, pointer)
        _check_expectations(check, test, f"{pointer}/expect")


def _check_variables(check: Check, test: OfflineTest, pointer: str) -> None:
    said = check.said.get("variables")
    declared = said if isinstance(said, dict) else {}
    fails = any("error" in expectation for expectation in test.expect)
    for name in test.variables:
        below = f"{pointer}/variables/{escape_pointer(name)}"
        if name not in declared:
            if fails:  # it may be the very thing that is tested
                continue
            near = difflib.get_close_matches(name, declared, 1)
            advice = f"did you mean {near[0]}?" if near else "declare it under variables, or remove it here"
            check.say("test-variable", f"{name} is not declared: {advice}", below, key=True)
        elif name in check.template.variables and check.template.variables[name].sensitive:
            message = f"{name} is sensitive, and a value in the file is in Git for ever: make sure that it is invented"
            check.warn("sensitive-value", message, below, key=True)


def _check_expectations(check: Check, test: OfflineTest, pointer: str) -> None:
    for index, expectation in enumerate(test.expect):
        below = f"{pointer}/{index}"
        problem = regex_problem(expectation["matches"]) if "matches" in expectation else None
        if problem:
            check.say("test-pattern", f"this is no regular expression: {problem}", f"{below}/matches")
        if "error" in expectation and len(test.expect) > 1:
            message = "where rendering must fail there is nothing else to check: leave error alone"
            check.say("test-expect", message, f"{below}/error", key=True)
        if "in" in expectation:
            _check_message(check, expectation["in"], f"{below}/in")


def _check_message(check: Check, wanted: int | str, pointer: str) -> None:
    """The message that a check names must be there, as far as the file tells."""
    messages = check.template.messages
    if check.template.type is TemplateType.TEXT:
        check.say("test-message", "a template of type text has no messages: take `in` out", pointer, key=True)
        return
    said = check.said.get("messages")
    if any(isinstance(m, Placeholder) for m in messages) or not isinstance(said, list) or len(messages) != len(said):
        return
    if isinstance(wanted, int):
        if wanted >= len(messages):
            there = f"only {'message 0' if len(messages) == 1 else f'messages 0 to {len(messages) - 1}'}"
            message = f"there is no message {wanted}, {there}: correct `in`"
            check.say("test-message", message, pointer)
    elif wanted not in {m.role for m in messages if isinstance(m, Message)}:
        check.say("test-message", f"there is no {wanted} message: correct `in`", pointer)
