"""What can be asked of a server, each as one function that ends by its deadline. They block: see ``workers``."""

from __future__ import annotations

import json
import unicodedata
import uuid
from collections.abc import Mapping
from time import monotonic
from typing import Any

from promptuary_client.cache import Key
from promptuary_client.digests import check_prompt
from promptuary_client.errors import BadRequest, PreconditionFailed, Untrustworthy, problem_error
from promptuary_client.reading import Fetched
from promptuary_client.rendering import Rendered, read_rendered
from promptuary_client.retries import with_retries
from promptuary_client.template import Json
from promptuary_client.transport import Answer, Request, Transport
from promptuary_client.values import (
    SERVER,
    Label,
    LabelMoved,
    Prompt,
    Version,
    read_label,
    read_label_moved,
    read_prompt,
    read_version,
)

_JSON = "application/json"


class Session:
    """A repository on a server. ``timeout`` and ``write_timeout`` are seconds for a call with all its repetitions."""

    def __init__(
        self, transport: Transport, repository: str, *, timeout: float, write_timeout: float, retries: int
    ) -> None:
        self.transport = transport
        self.repository = repository
        self.timeout = timeout
        self.write_timeout = write_timeout
        self._retries = retries

    def fetch(self, key: Key, etag: str) -> Fetched:
        """The template that a key names, its digest checked; nothing where the ETag still holds."""
        asked = {"label": key.label, "version": key.version, "ref": key.ref}
        headers = {"If-None-Match": etag} if etag else {}
        request = Request("GET", self._of("templates", key.name, asked), headers, follow=True)
        answer = self._send(request, self.timeout, repeatable=True)
        if answer.status == 304 and etag:
            return Fetched(None)
        body = _read_json(_succeeded(answer))
        prompt = read_prompt(body, etag=answer.headers.get("etag", ""), origin=SERVER)
        check_prompt(prompt)
        _check_asked(prompt, key, redirected=answer.redirected)
        return Fetched(prompt, len(answer.body))

    def render(self, key: Key, variables: Mapping[str, Json], *, strict: bool) -> Rendered:
        """What the server renders."""
        return read_rendered(self._render(key, variables, strict=strict, provider=None))

    def request_body(self, key: Key, variables: Mapping[str, Json], *, strict: bool, provider: str) -> dict[str, Json]:
        """A request body that the server makes for a provider."""
        body = self._render(key, variables, strict=strict, provider=provider)
        if not isinstance(body, dict):
            raise Untrustworthy("The server's answer is no request body")
        return body

    def put(
        self, name: str, content: str | bytes | Mapping[str, Json], *, etag: str | None, message: str | None,
        branch: str | None,
    ) -> Version:  # fmt: skip
        """Writes a template: a new one where there is no ``etag``, else the state that it names."""
        kind = _JSON if isinstance(content, Mapping) else "application/yaml"
        if etag is not None and not (etag.isascii() and etag.isprintable()):
            raise BadRequest(f"etag= is that of a prompt, not {etag!r}")
        precondition = {"If-None-Match": "*"} if etag is None else {"If-Match": etag}
        body = content if isinstance(content, bytes) else _text_bytes(content)
        target = self._of("templates", name, {"message": message, "branch": branch})
        try:
            return read_version(self._write("PUT", target, body, {"Content-Type": kind, **precondition}))
        except PreconditionFailed as failure:
            failure.args = (_way_out(name, etag, failure),)  # the server's words are about headers
            raise

    def label(self, name: str, label: str) -> Label:
        """Where a label points."""
        request = Request("GET", self._of_label(label, name), follow=True)
        return read_label(_read_json(_succeeded(self._send(request, self.timeout, repeatable=True))))

    def move_label(self, name: str, label: str, version: int, message: str | None) -> LabelMoved:
        """Points a label to a version."""
        body = {"version": version, **({} if message is None else {"message": message})}
        target = self._of_label(label, name)
        return read_label_moved(self._write("PUT", target, _text_bytes(body), {"Content-Type": _JSON}))

    def roll_back(self, name: str, label: str, reason: str, to: int | None) -> LabelMoved:
        """Points a label to the version that it had before, or to one that it ever had."""
        body = {"label": label, "name": name, "reason": reason, **({} if to is None else {"to": to})}
        target = self._target("rollbacks")
        return read_label_moved(self._write("POST", target, _text_bytes(body), {"Content-Type": _JSON}))

    def bundle(self, label: str | None) -> bytes:
        """All templates of a label as the server answers them, unpacked."""
        target = self._target("bundle", "", {"label": label})
        request = Request("GET", target, {"Accept-Encoding": "gzip"}, follow=True)
        answer = _succeeded(self._send(request, self.write_timeout, repeatable=True))
        _read_json(answer)
        return answer.body

    def _render(self, key: Key, variables: Mapping[str, Json], *, strict: bool, provider: str | None) -> Any:
        asked = {
            "label": key.label,
            "version": key.version,
            "ref": key.ref,
            "strict": "true" if strict else None,
            "format": provider,
        }
        body = _text_bytes({"variables": variables})
        target = self._of("render", key.name, asked)
        request = Request("POST", target, {"Content-Type": _JSON}, body, follow=True)
        return _read_json(_succeeded(self._send(request, self.timeout, repeatable=True)))

    def _write(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Any:
        """One write under a key of its own, by which the server knows a repetition."""
        named = {**headers, "Idempotency-Key": str(uuid.uuid4())}
        return _read_json(
            _succeeded(self._send(Request(method, target, named, body), self.write_timeout, repeatable=True))
        )

    def _send(self, request: Request, seconds: float, *, repeatable: bool) -> Answer:
        deadline = monotonic() + seconds
        return with_retries(
            lambda: self.transport.exchange(request, deadline),
            deadline=deadline,
            retries=self._retries,
            repeatable=repeatable,
        )

    def _of(self, noun: str, name: str, query: Mapping[str, object] | None = None) -> str:
        """The address of something that a template has. Which names there are is the server's to say."""
        require_strings(name=name)
        if not name:
            raise BadRequest("A template's name cannot be empty: write it like support/triage")
        return self._target(noun, name, query)

    def _of_label(self, label: str, name: str) -> str:
        require_strings(label=label, name=name)
        if not label or "/" in label or not name:
            raise BadRequest(f"{label!r} of {name!r} is no label of a template: name both, and no / in the label")
        return self._target("labels", f"{label}/{name}")

    def _target(self, noun: str, name: str = "", query: Mapping[str, object] | None = None) -> str:
        try:
            return self.transport.server.target(self.repository, noun, name, query)
        except UnicodeEncodeError:
            raise BadRequest("A name or message holds half of a character (a lone surrogate)") from None


def require_strings(**arguments: str | None) -> None:
    """Raises TypeError, which names the argument that is neither a string nor None."""
    for name, value in arguments.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name}= is a string, not {type(value).__name__}")


def _check_asked(prompt: Prompt, key: Key, *, redirected: bool) -> None:
    """Raises Untrustworthy where the answer is a sound template, but not the one that was asked for."""
    if prompt.name != unicodedata.normalize("NFC", key.name) and not redirected:
        raise Untrustworthy(f"The server answered {prompt.name}, not {key.name}")
    if key.version is not None and prompt.version != key.version:
        raise Untrustworthy(f"The server answered version {prompt.version} of {key.name}, not {key.version}")
    if key.label not in {None, "latest", *prompt.labels} and key.ref is None:
        raise Untrustworthy(f"The server answered a version of {key.name} that does not carry {key.label}")


def _way_out(name: str, etag: str | None, failure: PreconditionFailed) -> str:
    """What to do where a template is in another state than the one that ``put`` named."""
    if failure.etag is None:
        return f"{name} does not exist (any more): leave out etag= to make it anew. Nothing was changed."
    state = "" if failure.version is None else f" and is version {failure.version} now"
    if etag is None:
        return (
            f'{name} exists already{state}: to change it pass the etag= of what you have read, or etag="*" to replace '
            "whatever is there. Nothing was changed."
        )
    return (
        f"{name} has changed since you read it{state}: read it again, repeat your change and pass its etag=. "
        "Nothing was changed."
    )


def _succeeded(answer: Answer) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    raise problem_error(answer.status, answer.body, answer.headers)


def _read_json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Untrustworthy("The server's answer is no JSON: is the URL that of a Promptuary server?") from None


def _text_bytes(content: str | Mapping[str, Json]) -> bytes:
    """Text as it is, a document as JSON. Raises BadRequest for what neither can say."""
    try:
        text = content if isinstance(content, str) else json.dumps(dict(content), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"What is to be written is no text and no document of JSON: {error}") from None
