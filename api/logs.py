"""The server's log, on standard error: lines for people on a terminal, JSON with ECS field names for programs.

Whoever logs does it by the standard library (``logging.getLogger(__name__)``) or by structlog (where a line has fields
of its own); both come out in the same form, with the request that they belong to, and without secrets.
"""

import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, TextIO, cast

import structlog
from ecs_logging import StructlogFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from api.redaction import Redaction
from api.request_ids import CURRENT
from api.traces import trace_ids
from registry.settings import Settings

OWN = ("api", "hooks", "indexer", "registry")
"""Whose lines are told from the set level up; those of libraries are from warnings up."""

SERVICE = "promptuary"

_NAMES = {
    "timestamp": "@timestamp",
    "level": "log.level",
    "logger": "log.logger",
    "request": "http.request.id",
    "error": "error.message",
    "error_type": "error.type",
    "exception": "error.stack_trace",
}
"""What a line's fields are called here → in ECS. Other fields are given by their ECS names at once."""


def set_up_logs(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Sends every line of this process to ``stream`` (standard error), in the form that the settings ask for."""
    target = stream or sys.stderr
    handler = _Handler(target, everything=settings.log_format == "json")
    as_json = is_json(settings, target)
    handler.setFormatter(_formatter(Redaction.of(settings), as_json=as_json, colours=target.isatty()))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OWN:
        logging.getLogger(name).setLevel(settings.log_level.upper())
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def say(text: str) -> None:
    """Tells whoever started the server something, on standard output; by the log where that was set to JSON."""
    if any(isinstance(handler, _Handler) and handler.everything for handler in logging.getLogger().handlers):
        logging.getLogger(__name__).info("%s", " ".join(text.split()))
    else:
        print(text, flush=True)  # noqa: T201  (the server talks to whoever started it)


class _Handler(logging.StreamHandler[TextIO]):
    """``everything`` says that nothing but its lines is to be written by this process."""

    def __init__(self, stream: TextIO, *, everything: bool) -> None:
        super().__init__(stream)
        self.everything = everything


def is_json(settings: Settings, stream: TextIO) -> bool:
    """Whether lines are JSON: as set, else wherever nobody sits at a terminal."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())


def _formatter(redaction: Redaction, *, as_json: bool, colours: bool) -> logging.Formatter:
    last: list[Processor] = [structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, pad_level=False)]
    if as_json:
        last = [_Ecs(), cast("Processor", StructlogFormatter(ensure_ascii=False))]
    remove: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[_described, _explained, redaction, remove, *last],
    )


def _described(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When, how grave, by whom, and during which request."""
    record: logging.LogRecord = event["_record"]
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    event["timestamp"] = moment.replace("+00:00", "Z")
    event["level"] = record.levelname.lower()
    event["logger"] = record.name
    if (request := CURRENT.get()) is not None:
        event["request"] = request
    if (ids := trace_ids()) is not None:
        event["trace.id"], event["span.id"] = ids
    return event


def _explained(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception's class, message and traceback; the traceback shows no values of variables."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["error_type"] = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        event["error"] = str(error)
        event["exception"] = "".join(traceback.format_exception(error)).rstrip()
    return event


def _exception(given: Any) -> BaseException | None:
    """What ``exc_info`` stands for: an exception, the triple that the standard library makes of it, or the present."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exception() if given else None


class _Ecs:
    """The fields by their names in the Elastic Common Schema, and what every line says of this process."""

    def __init__(self) -> None:
        self._process = {"service.name": SERVICE, "service.version": version(SERVICE), "process.pid": os.getpid()}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return self._process | {_NAMES.get(name, name): value for name, value in event.items()}
