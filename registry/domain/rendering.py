"""Rendering: a template and values become messages or a text.

Each template string is rendered alone, after the YAML was read, so no value can forge a role, a message or a part.
This module runs in the render workers and is kept light: it imports neither yaml nor jsonschema.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minijinja import Environment, TemplateError

from registry.domain.binding import bind, refuse_undeclared
from registry.domain.canonical import canonical_text
from registry.domain.engine_values import engine_value
from registry.domain.errors import RenderFailed, RenderLimit
from registry.domain.former_names import by_present_names, former_names
from registry.domain.ids import TemplateName
from registry.domain.sensitive_values import without_values
from registry.domain.template import Json, Message, Part, Placeholder, Template, Text
from registry.domain.template_words import FUNCTIONS
from registry.domain.text_filters import TEXT_FILTERS

FUEL = 1_000_000
"""Instructions for one template string, about 20 ms; memory and time in all are bounded by the worker process."""
MAX_OUTPUT = 4 * 1_048_576
"""Characters of one rendering."""

_thread = threading.local()
_ENGINES_OWN_LIMITS = ("is too large", "has too many elements")
_CAUSE = re.compile(r"^caused by: (.*) \(in (.+):([0-9]+)\)$", re.MULTILINE)
# What MiniJinja brings and the published lists do not have. A test compares this with the engine.
_REMOVED_FILTERS = ("attr", "chain", "filesizeformat", "pluralize", "pprint", "safe", "striptags", "wordwrap")
_REMOVED_TESTS = ("escaped", "filter", "safe", "test")
_REMOVED_GLOBALS = ("cycler", "debug", "joiner")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came out: ``messages`` of a chat template, ``text`` of a text template; the other is None.

    A message is ``{role, content}``, with ``name`` where it has one; content is a string or a list of parts in the
    shapes of the template format. ``ignored_variables`` were passed and are not declared.
    """

    messages: tuple[dict[str, Json], ...] | None = None
    text: str | None = None
    ignored_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one offline test went; ``problems`` say what was expected and what stood there."""

    name: str
    passed: bool
    problems: tuple[str, ...] = ()


def render(
    template: Template,
    partials: Mapping[TemplateName, Template],
    values: Mapping[str, Json],
    *,
    strict: bool = False,
) -> Rendered:
    """Renders with the given values; only ``partials`` can be included.

    Raises VariablesInvalid (also for undeclared values where ``strict``), RenderFailed, RenderLimit.
    """
    former = former_names(template.metadata)
    bound = bind(template.variables, by_present_names(template.variables, former, values), former)
    if strict:
        refuse_undeclared(bound, template.variables)
    renderer = _Renderer(partials, bound.values)
    try:
        if template.text is not None:
            return Rendered(text=renderer.text(template.text), ignored_variables=bound.ignored)
        return Rendered(messages=renderer.messages(template), ignored_variables=bound.ignored)
    except RenderFailed as error:
        secret = {name: value for name, value in bound.values.items() if template.variables[name].sensitive}
        raise RenderFailed(without_values(error.message, secret)) from error


class _Renderer:
    """One rendering: the values, the partials, and how many characters have come out."""

    def __init__(self, partials: Mapping[TemplateName, Template], values: Mapping[str, Json]) -> None:
        self.values = values
        self.scope = {name: engine_value(value) for name, value in values.items()}
        self.written = 0
        self.environment = _environment()
        self.environment.clear_templates()  # else it remembers the partials of the rendering before
        self.environment.loader = _loader(partials)

    def messages(self, template: Template) -> tuple[dict[str, Json], ...]:
        made: list[dict[str, Json]] = []
        for message in template.messages:
            if isinstance(message, Placeholder):
                made.extend(self.values.get(message.variable) or ())
            else:
                made.append(self.message(message))
        return tuple(made)

    def message(self, message: Message) -> dict[str, Json]:
        content: Json
        if isinstance(message.content, Text):
            content = self.text(message.content)
        else:
            content = [self.part(part) for part in message.content]
        made: dict[str, Json] = {"role": message.role, "content": content}
        if message.name is not None:
            made["name"] = message.name
        return made

    def part(self, part: Part) -> dict[str, Json]:
        made: dict[str, Json] = {"type": part.type}
        if part.variable is not None:
            value = self.values.get(part.variable)
            if value is None:
                raise RenderFailed(f"{part.variable} is null, and a part of type {part.type} needs a value: pass one")
            return {**made, **value}
        for key, item in part.fields.items():
            if key not in {"type", "variable"}:
                made[key] = self.text(part.texts[key]) if key in part.texts else item
        return made | {key: self.text(text) for key, text in part.texts.items() if key not in made}

    def text(self, text: Text) -> str:
        source = text.source
        if "{" not in source:
            written = source
        else:
            try:
                written = self.environment.render_str(source, **self.scope)
            except TemplateError as error:
                raise _failure(error, text) from error
            except MemoryError as error:
                raise RenderLimit(f"{text.pointer}: rendering takes too much memory [render-limit]") from error
            except (
                ValueError,
                TypeError,
                AttributeError,
                ArithmeticError,
                RecursionError,
            ) as error:  # from a filter of ours
                raise RenderFailed(f"{text.pointer}: {error}") from error
        self.written += len(written)
        if self.written > MAX_OUTPUT:
            raise RenderLimit(f"The rendering is longer than {MAX_OUTPUT} characters [render-limit]")
        return written


def _failure(error: TemplateError, text: Text) -> RenderFailed | RenderLimit:
    if error.kind == "OutOfFuel" or "engine ran out of fuel" in str(error):
        return RenderLimit(f"{text.pointer}: rendering takes too many steps [render-limit]")
    if "panic during rendering" in error.message:  # the engine's way of running out of memory
        return RenderLimit(f"{text.pointer}: rendering takes too much memory [render-limit]")
    if error.detail and error.detail.endswith(_ENGINES_OWN_LIMITS):
        return RenderLimit(f"{text.pointer}, line {error.line}: {error.detail} [render-limit]")
    causes = _CAUSE.findall(str(error)) if error.kind == "BadInclude" else []
    if causes:  # a fault inside a partial is told as the partial's
        words, name, line = causes[-1]
        return RenderFailed(f"{name}, line {line}: {words}")
    line = f", line {error.line}" if error.line else ""
    return RenderFailed(f"{text.pointer}{line}: {error.detail or error.message}")


def _loader(partials: Mapping[TemplateName, Template]) -> Callable[[str], str | None]:
    """Gives a partial's text within a scope of its own, so that what it sets ends with it."""

    def load(name: str) -> str | None:
        partial = partials.get(TemplateName(name))
        if partial is None or partial.text is None:
            return None
        return f"{{% with %}}{partial.text.source}{{% endwith %}}"

    return load


def _finalize(value: Json) -> str:
    return value if type(value) is str else canonical_text(value)


def _no_escape(_name: str) -> bool:
    return False


def _environment() -> Environment:
    """This thread's engine: making one takes as long as rendering, and its loader belongs to one rendering."""
    known: Environment | None = getattr(_thread, "environment", None)
    if known is None:
        known = _thread.environment = _new_environment()
    return known


def _new_environment() -> Environment:
    environment = Environment(
        debug=True,  # else errors do not name what is undefined; only their short form is told, never the values
        fuel=FUEL,
        undefined_behavior="strict",
        auto_escape_callback=_no_escape,
        keep_trailing_newline=True,
        finalizer=_finalize,
        pycompat=False,
        filters=TEXT_FILTERS,
    )
    for name in _REMOVED_FILTERS:
        environment.remove_filter(name)
    for name in _REMOVED_TESTS:
        environment.remove_test(name)
    for name in _REMOVED_GLOBALS:
        environment.remove_global(name)
    assert FUNCTIONS.keys() >= environment.globals.keys(), "a function that is not published"
    return environment
