"""The client of programs with threads."""

from __future__ import annotations

import concurrent.futures
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from promptuary_client.binding import read_values
from promptuary_client.bundle import write_private
from promptuary_client.cache import Key
from promptuary_client.engine import GRACE_SECONDS, Engine, make_key
from promptuary_client.environment import from_environment
from promptuary_client.errors import PromptuaryError
from promptuary_client.options import ClientOptions, Options
from promptuary_client.provider_bodies import find_body
from promptuary_client.rendering import Rendered, can_render, render_here, require_engine
from promptuary_client.template import Json
from promptuary_client.values import Fallback, Label, LabelMoved, Prompt, Version

if TYPE_CHECKING:
    from typing_extensions import Unpack  # type checkers bring it; nothing is imported

_T = TypeVar("_T")


class Client:
    """Reads, renders and writes the templates of one repository. Any number of threads may share one client.

    ``url`` is the server's, ``key`` an API key. Options, times in seconds: ``repository`` ("default"); ``ttl`` (60),
    for which what was read is answered from memory without asking; ``timeout`` (5) and ``write_timeout`` (30), for one
    call with all its repetitions; ``retries`` (2); ``cache_bytes`` (64 MiB); ``bundle``, a file that keeps what was
    read for a start without the server; ``events`` (False), to follow changes as they happen; ``ssl_context``.

    Raises ValueError for an address or option that is none. Making a client starts nothing and asks nobody.
    """

    def __init__(self, url: str, key: str, **options: Unpack[ClientOptions]) -> None:
        self._engine = Engine(url, key, Options(**options))
        self._entries = self._engine.reads.entries
        self._close = weakref.finalize(self, self._engine.close)

    @classmethod
    def from_environment(cls, **options: Unpack[ClientOptions]) -> Client:
        """A client of PROMPTUARY_URL (http://127.0.0.1:8000), PROMPTUARY_KEY and PROMPTUARY_REPOSITORY (default)."""
        said: dict[str, Any] = {**from_environment(), **options}
        return cls(**said)

    def __repr__(self) -> str:
        return f"<Client {self._engine!r}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Writes the bundle, and ends threads and connections."""
        self._close()

    def get(
        self,
        name: str,
        *,
        label: str | None = None,
        version: int | None = None,
        ref: str | None = None,
        default: Fallback | None = None,
    ) -> Prompt:
        """A template by label, by version, by Git revision, or as the repository's default state.

        From memory while it is fresh; then from memory too, while it is refreshed. Else from the server, within
        ``timeout``. Where that fails from the bundle, then from ``default`` (a text, messages or a Prompt).
        Raises NotFound, Unauthorized, Denied, Unavailable where there is no default; BadRequest and TypeError always.
        """
        entry = self._entries.get((name, label, version, ref))
        if entry is not None and entry.prompt is not None and entry.fresh_until > monotonic():
            entry.used = True
            return entry.prompt
        return self._get(make_key(name, label, version, ref), default)

    def render(
        self,
        name: str,
        variables: Mapping[str, Json] | None = None,
        *,
        label: str | None = None,
        version: int | None = None,
        ref: str | None = None,
        strict: bool = False,
        local: bool = False,
        default: Fallback | None = None,
    ) -> Rendered:
        """Renders a template with values: on the server, or with ``local`` here (the extra ``render``).

        Where the server is away it is rendered here, from what ``get`` would answer; without the extra from the default
        alone, which may then be no template. Raises as ``get``, and VariablesInvalid, RenderFailed; RenderMissing at
        once where the extra is needed.
        """
        key, values = make_key(name, label, version, ref), read_values(variables or {})
        require_engine(default, local=local)

        def make(prompt: Prompt) -> Rendered:
            return render_here(prompt, values, strict=strict)

        if local:
            return make(self._get(key, default))
        ask = partial(self._engine.session.render, key, values, strict=strict)
        return self._made(key, default, ask, make)

    def request_body(
        self,
        name: str,
        variables: Mapping[str, Json] | None = None,
        *,
        provider: str,
        label: str | None = None,
        version: int | None = None,
        ref: str | None = None,
        strict: bool = False,
        local: bool = False,
        default: Fallback | None = None,
    ) -> dict[str, Json]:
        """A rendered template as a request body for ``provider``: "openai" or "anthropic". Otherwise as ``render``."""
        key, values, make_body = make_key(name, label, version, ref), read_values(variables or {}), find_body(provider)
        require_engine(default, local=local)

        def make(prompt: Prompt) -> dict[str, Json]:
            return make_body(prompt, render_here(prompt, values, strict=strict))

        if local:
            return make(self._get(key, default))
        ask = partial(self._engine.session.request_body, key, values, strict=strict, provider=provider)
        return self._made(key, default, ask, make)

    def put(
        self,
        name: str,
        content: str | bytes | Mapping[str, Json],
        *,
        etag: str | None = None,
        message: str | None = None,
        branch: str | None = None,
    ) -> Version:
        """Writes a template: YAML (str, bytes) as it is, or a document (Mapping). One commit.

        ``etag`` is that of the prompt that is changed, "*" whatever is there, None a new template. Raises Refused with
        what is wrong, PreconditionFailed where somebody was quicker, Moved, Denied, Unavailable.
        """
        session = self._engine.session
        written = self._write(lambda: session.put(name, content, etag=etag, message=message, branch=branch))
        self._engine.reads.changed_here(name)
        return written

    def label(self, name: str, label: str) -> Label:
        """Where a template's label points, and its last moves. Raises NotFound. It is not kept in memory."""
        session = self._engine.session
        return self._read(lambda: session.label(name, label))

    def move_label(self, name: str, label: str, version: int, *, message: str | None = None) -> LabelMoved:
        """Points a template's label to a version. One commit. Raises NotFound, Refused, Denied, Unavailable."""
        moved = self._write(lambda: self._engine.session.move_label(name, label, version, message))
        self._engine.reads.changed_here(name)
        return moved

    def roll_back(self, name: str, label: str, *, reason: str, to: int | None = None) -> LabelMoved:
        """Points a label to the version that it had before, or to one that it ever had. Raises as ``move_label``."""
        moved = self._write(lambda: self._engine.session.roll_back(name, label, reason, to))
        self._engine.reads.changed_here(name)
        return moved

    def save_bundle(self, path: str | Path, *, label: str | None = None) -> None:
        """Saves all templates of a label (the server's ``GET bundle``) as a file for the option ``bundle``."""
        data = self._write(lambda: self._engine.session.bundle(label))  # it may be long: the longer time
        write_private(Path(path), data)

    def _get(self, key: Key, default: Fallback | None) -> Prompt:
        reads = self._engine.reads
        self._engine.start_following()
        try:
            found = reads.known(key)
            if found is not None:
                return found
            reads.require_worth(key, default)
            return self._result(reads.ask(key), self._engine.session.timeout)
        except PromptuaryError as failure:
            return reads.otherwise(key, failure, default, lambda prompt: prompt)

    def _made(self, key: Key, default: Fallback | None, ask: Callable[[], _T], make: Callable[[Prompt], _T]) -> _T:
        """What the server makes of a template; where it is away, what is made here of the one that stands in."""
        reads, kept = self._engine.reads, can_render()
        try:
            reads.require_worth(key, default, kept=kept)
            return self._read(ask)
        except PromptuaryError as failure:
            return reads.otherwise(key, failure, default, make, kept=kept)

    def _read(self, work: Callable[[], _T]) -> _T:
        return self._result(self._engine.submit(work), self._engine.session.timeout)

    def _write(self, work: Callable[[], _T]) -> _T:
        return self._result(self._engine.submit(work), self._engine.session.write_timeout)

    def _result(self, future: Future[_T], seconds: float) -> _T:
        try:
            return future.result(seconds + GRACE_SECONDS)
        except concurrent.futures.TimeoutError:
            raise self._engine.late() from None
