"""Rendering here, in this process, with MiniJinja (the extra ``render``): the same text as the server's.

What is checked: that required values are there, their types, enums, lengths and bounds, and the roles in messages of
untrusted variables. What is not: patterns (a hostile one would stop this process), and what arrays and objects hold.
The steps of one text are bounded as on the server; memory and time in all are not, because there is no process of its
own that could be ended.
"""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from promptuary_client.binding import bind, read_values
from promptuary_client.canonical import canonical_text
from promptuary_client.engine_values import engine_value
from promptuary_client.errors import RenderFailed, Untrustworthy
from promptuary_client.former_names import by_present_names, former_names
from promptuary_client.partials import partial_text
from promptuary_client.template import Json
from promptuary_client.text_filters import TEXT_FILTERS
from promptuary_client.values import DEFAULT, SERVER, Fallback, Prompt, default_prompt, read_fields

FUEL = 1_000_000
"""Instructions for one template string, as on the server."""
MAX_OUTPUT = 4 * 1_048_576
"""Characters of one rendering, as on the server."""

_TEMPLATED = ("text", "content", "url")
"""Fields of parts that are template text."""
_SYNTAX = re.compile(r"\{[{%#]")
"""A text without it is rendered to itself."""
_CAUSE = re.compile(r"^caused by: (.*) \(in (.+):([0-9]+)\)$", re.MULTILINE)
# What MiniJinja brings and the template language does not have, as on the server.
_REMOVED_FILTERS = ("attr", "chain", "filesizeformat", "pluralize", "pprint", "safe", "striptags", "wordwrap")
_REMOVED_TESTS = ("escaped", "filter", "safe", "test")
_REMOVED_GLOBALS = ("cycler", "debug", "joiner")

_GENERATION = 3
"""Of MiniJinja: the one before, which Python 3.9 has, divides, rounds and compares otherwise."""

_thread = threading.local()


@dataclass(frozen=True)
class Rendered:
    """A rendered template: ``messages`` of a chat template, ``text`` of a text template; the other is None.

    A message is ``{role, content}``, with ``name`` where it has one; content is a string or a list of parts.
    """

    name: str
    version: int | None
    reference: str | None
    messages: tuple[dict[str, Json], ...] | None = None
    text: str | None = None
    ignored_variables: tuple[str, ...] = ()
    origin: str = SERVER


class RenderMissing(RenderFailed):
    """The extra ``render`` is not installed: pip install 'promptuary-client[render]', for Python 3.10 or newer."""


def can_render() -> bool:
    """Whether the extra ``render`` is installed, with an engine of the server's generation and the server's parser."""
    try:
        import minijinja  # noqa: F401, PLC0415  (the extra is imported where it is needed)
        import yaml  # noqa: PLC0415
    except ImportError:
        return False
    return bool(yaml.__with_libyaml__) and _engine_generation() >= _GENERATION


@lru_cache(1)
def _engine_generation() -> int:
    """Its version's first number; the one that is needed where nothing says it."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (it is large)

    try:
        return int(version("minijinja").partition(".")[0])
    except PackageNotFoundError:
        return _GENERATION


def require_engine(default: Fallback | None, *, local: bool) -> None:
    """Raises RenderMissing where a call needs the extra and has none, or will need it as soon as its default is used.

    So that it is seen with the first call, and not in the first outage.
    """
    if (not local and default is None) or can_render():
        return
    if local or (default is not None and _is_template(default)):
        what = "Rendering here" if local else "Filling in a default that is a template ({{ … }}, {% … %})"
        raise RenderMissing(f"{what} needs Python 3.10 or newer and the extra: pip install 'promptuary-client[render]'")


def render_prompt(prompt: Prompt, values: Mapping[str, Json], *, strict: bool = False) -> Rendered:
    """Renders with values. Raises VariablesInvalid, RenderFailed and, without the extra, RenderMissing."""
    require_engine(None, local=True)
    return render_here(prompt, read_values(values), strict=strict)


def render_here(prompt: Prompt, values: Mapping[str, Json], *, strict: bool) -> Rendered:
    """Renders with the values of ``read_values`` what ``require_engine`` lets through; texts alone need no extra.

    Raises VariablesInvalid, RenderFailed.
    """
    try:
        return _render(prompt, values, strict=strict)
    except (KeyError, TypeError, AttributeError) as error:
        kind = type(error).__name__  # its words may show values
        raise RenderFailed(f"{prompt.name}: its document has no form that can be rendered ({kind})") from None


def _render(prompt: Prompt, values: Mapping[str, Json], *, strict: bool) -> Rendered:
    document = prompt.document
    if prompt.origin == DEFAULT and "variables" not in document:
        bound: Mapping[str, Json] = values  # a default declares nothing
        ignored: tuple[str, ...] = ()
    else:
        variables = document.get("variables") or {}
        former = former_names(document.get("metadata") or {})
        bound, ignored = bind(variables, by_present_names(variables, former, values), former, strict=strict)
    renderer = _Renderer(prompt, bound)
    if document.get("text") is not None:
        text = renderer.text(document["text"], "/text")
        return Rendered(prompt.name, prompt.version, prompt.reference, None, text, ignored, prompt.origin)
    messages = tuple(renderer.messages(document.get("messages") or ()))
    return Rendered(prompt.name, prompt.version, prompt.reference, messages, None, ignored, prompt.origin)


def _is_template(default: Fallback) -> bool:
    """Whether a default has texts that have to be rendered."""
    document = default_prompt("", default).document
    texts = [document.get("text")]
    for message in document.get("messages") or ():
        content = message.get("content")
        parts = [each for each in content if isinstance(each, Mapping)] if isinstance(content, (list, tuple)) else ()
        texts += [content, *(part.get(key) for part in parts for key in _TEMPLATED)]
    return any(isinstance(text, str) and _SYNTAX.search(text) for text in texts)


def read_rendered(body: Json) -> Rendered:
    """The rendering in an answer. Raises Untrustworthy."""
    said = read_fields(
        body, "rendering", name=str, version=(int, type(None)), reference=(str, type(None)),
        messages=(list, type(None)), text=(str, type(None)), ignored_variables=list,
    )  # fmt: skip
    messages = None if said["messages"] is None else tuple(said["messages"])
    if (messages is None) == (said["text"] is None):
        raise Untrustworthy("The server's answer is no rendering: it needs either messages or text")
    ignored = tuple(map(str, said["ignored_variables"]))
    return Rendered(said["name"], said["version"], said["reference"], messages, said["text"], ignored)


class _Renderer:
    """One rendering: the values, the partials, and how many characters have come out."""

    def __init__(self, prompt: Prompt, values: Mapping[str, Json]) -> None:
        self._values = values
        self._scope = {name: engine_value(value) for name, value in values.items()}
        self._partials = prompt.partials
        self._written = 0
        self._engine: Any = None  # until a text needs it: without the extra there is none

    def messages(self, said: Json) -> list[dict[str, Json]]:
        made: list[dict[str, Json]] = []
        for index, each in enumerate(said):
            if "placeholder" in each:
                made.extend(self._values.get(each["placeholder"]) or ())
                continue
            pointer, content = f"/messages/{index}/content", each["content"]
            if isinstance(content, str):
                shown: Json = self.text(content, pointer)
            else:
                shown = [self.part(part, f"{pointer}/{i}") for i, part in enumerate(content)]
            message = {"role": each["role"], "content": shown}
            made.append({**message, "name": each["name"]} if each.get("name") is not None else message)
        return made

    def part(self, said: Mapping[str, Json], pointer: str) -> dict[str, Json]:
        made: dict[str, Json] = {"type": said["type"]}
        if said.get("variable") is not None:
            value = self._values.get(said["variable"])
            if value is None:
                kind = said["type"]
                raise RenderFailed(f"{said['variable']} is null, and a part of type {kind} needs a value: pass one")
            return {**made, **value}
        for key, item in said.items():
            if key not in {"type", "variable"}:
                made[key] = self.text(item, f"{pointer}/{key}") if key in _TEMPLATED else copy.deepcopy(item)
        return made

    def text(self, source: str, pointer: str) -> str:
        written = source
        if _SYNTAX.search(source):
            try:
                self._engine = self._engine or _environment(self._partials)
                written = self._engine.render_str(source, **self._scope)
            except Exception as error:  # the engine's own, and what its filters raise  # noqa: BLE001
                raise RenderFailed(_told(error, pointer)) from None
        self._written += len(written)
        if self._written > MAX_OUTPUT:
            raise RenderFailed(f"The rendering is longer than {MAX_OUTPUT} characters")
        return written


def _told(error: Exception, pointer: str) -> str:
    """What went wrong and where, as the server tells it, in the short form: the engine's long one shows values."""
    kind, line = getattr(error, "kind", None), getattr(error, "line", None)
    causes = _CAUSE.findall(str(error)) if kind == "BadInclude" else []
    if kind == "OutOfFuel" or "engine ran out of fuel" in str(error):
        return f"{pointer}: rendering takes too many steps [render-limit]"
    if causes:  # a fault inside a partial is told as the partial's
        words, name, line = causes[-1]
        return f"{name}, line {line}: {words}"
    words = getattr(error, "detail", None) or getattr(error, "message", None)
    if words is None:
        words = str(error) if isinstance(error, ValueError) else type(error).__name__
    return f"{pointer}{f', line {line}' if line else ''}: {words}"


def _loader(partials: Mapping[str, str]) -> Callable[[str], str]:
    """Gives a partial's text within a scope of its own, so that what it sets ends with it."""

    def load(name: str) -> str:
        if name not in partials:
            raise ValueError(f"the partial {name} does not exist")
        return f"{{% with %}}{partial_text(name, partials[name])}{{% endwith %}}"

    return load


def _finalize(value: Json) -> str:
    return value if type(value) is str else canonical_text(value)


def _environment(partials: Mapping[str, str]) -> Any:
    """This thread's engine: making one takes as long as rendering, and its loader belongs to one rendering."""
    known = getattr(_thread, "environment", None)
    if known is None:
        known = _thread.environment = _new_environment()
    known.clear_templates()  # else it remembers the partials of the rendering before
    known.loader = _loader(partials)
    return known


def _new_environment() -> Any:
    import minijinja  # noqa: PLC0415  (the extra is imported where it is needed)

    environment = minijinja.Environment(
        debug=True,  # else errors do not name what is undefined; only their short form is told, never the values
        fuel=FUEL,
        undefined_behavior="strict",
        auto_escape_callback=lambda _name: False,
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
    return environment
