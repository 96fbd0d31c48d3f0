"""Spans of traces: what took how long within what. Nothing is traced until the process says how (``trace_with``).

As with logging there is one place in a process that they go to, because they are opened in every ring.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Spans = Callable[[str, dict[str, str]], AbstractContextManager[object]]
"""Opens a span of that name, with attributes, below the one that is open."""


class _Tracing:
    spans: Spans | None = None


_NOTHING = nullcontext()


def span(name: str, **attributes: str) -> AbstractContextManager[object]:
    """A span while the context is open; nothing where nothing is traced."""
    spans = _Tracing.spans
    return _NOTHING if spans is None else spans(name, attributes)


def trace_with(spans: Spans | None) -> None:
    """From now on spans go there; None ends it."""
    _Tracing.spans = spans
