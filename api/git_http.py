"""Git over HTTP: ``/git/{repository}.git``, a raw ASGI application over git's own stateless services.

GET info/refs tells the refs, POST git-upload-pack and git-receive-pack exchange packs. Fetching needs a key of scope
read, pushing one of scope write.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from api.denied_requests import note_denied
from api.git_body import RequestBody
from api.git_limits import GitLimits
from api.git_process import Headers, PackProcess, git_environment, run_short
from api.git_requests import GitRequest, Refusal, header, key_of, read_request
from api.observing import ACTOR, ROUTE
from api.rate_limiting import Authenticator, RequestLimits, unlimited
from api.redaction import hide_tokens
from hooks.ports import DenialRecorder, Judge, MoveRecorder, Reporter
from hooks.server_side import Push, ServedHooks, require_gate, serve_push
from registry.domain.access import Actor
from registry.domain.errors import Denied, NotFound, PromptuaryError, TooManyRequests, Unauthenticated, Unavailable
from registry.domain.git_needs import FETCH, PUSH
from registry.ports.git import Repositories

log = logging.getLogger(__name__)

_CHALLENGE = (b"www-authenticate", b'Basic realm="Promptuary", charset="UTF-8"')
_NO_CACHE = (
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
)
_HEADROOM = 16 << 20  # above the limit of a pack, so that Git's own message about it reaches the pusher


class Served(Protocol):
    """What of the registry is needed here."""

    @property
    def identification(self) -> Authenticator:
        """Who calls."""
        ...

    @property
    def git(self) -> Repositories:
        """Where repositories lie."""
        ...

    @property
    def gate(self) -> Judge:
        """What judges pushes."""
        ...

    @property
    def reporting(self) -> Reporter:
        """What tells what is live after them."""
        ...

    @property
    def ref_audit(self) -> MoveRecorder:
        """What notes for the audit what they do."""
        ...

    @property
    def denials(self) -> DenialRecorder:
        """What notes there what they may not do."""
        ...


class GitHttp:
    """The ASGI application. ``gates`` is where the private folders of pushes are made (None: the system's place)."""

    def __init__(
        self,
        registry: Served,
        *,
        limits: GitLimits | None = None,
        gates: Path | None = None,
        rates: RequestLimits | None = None,
    ) -> None:
        self._registry = registry
        self._limits = limits or GitLimits()
        self._gates = gates
        self._rates = rates or unlimited()
        self._fetches = asyncio.Semaphore(self._limits.fetches)
        self._pushes = asyncio.Semaphore(self._limits.pushes)
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serves one request; every refusal is a line of plain text, which git shows to its user."""
        try:
            request = read_request(scope)
            actor = await self._identify(scope)
            scope[ACTOR], scope[ROUTE] = actor, f"/git/{{repository}}.git/{request.place}"
            self._rates.check_git(actor, scope)
            _allow(actor, request)
            path = self._registry.git.path(request.repository)
            async with self._slot(request):
                if request.advertise:
                    await self._advertise(request, path, send)
                elif request.writes:
                    await self._push(request, path, actor, receive, send)
                else:
                    await self._fetch(request, path, receive, send)
        except Refusal as refusal:
            await _say(send, refusal.status, str(refusal), refusal.headers)
        except Unauthenticated as error:
            await _say(send, 401, error.message, [_CHALLENGE])
        except TooManyRequests as error:
            await _say(send, 429, error.message, [(b"retry-after", str(error.seconds).encode())])
        except Denied as error:
            note_denied(error, scope)
            await _say(send, 403, error.message)
        except NotFound as error:
            await _say(send, 404, error.message)
            if error.hidden is not None and error.hidden.repository in self._registry.git.names():
                note_denied(error, scope)
        except PromptuaryError as error:
            await _say(send, 503, error.message, [(b"retry-after", b"5")])

    async def _identify(self, scope: AsgiScope) -> Actor:
        try:
            secret = key_of(header(scope, b"authorization"))
        except Unauthenticated:  # how git begins
            self._rates.check_address(scope)
            raise
        return await self._rates.identify(scope, self._registry.identification, secret)

    @asynccontextmanager
    async def _slot(self, request: GitRequest) -> AsyncIterator[None]:
        slots = self._pushes if request.writes and not request.advertise else self._fetches
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await slots.acquire()
        except TimeoutError as error:
            raise Unavailable("The server is busy with other clones and pushes: try again in a moment.") from error
        try:
            yield
        finally:
            slots.release()

    async def _advertise(self, request: GitRequest, path: Path, send: Send) -> None:
        if request.writes:
            require_gate(request.repository, path)  # git shows its user why now, and not when it sends the pack
        arguments = self.command(request, path / "hooks", "--advertise-refs")
        environment = git_environment(path, {"GIT_PROTOCOL": request.protocol})
        try:
            code, refs = await run_short(arguments, path, environment, seconds=self._limits.advertise_seconds)
        except TimeoutError as error:
            raise Unavailable("Reading the refs took too long: try again in a moment.") from error
        if code:
            raise Unavailable("git failed; the server's log says how.")
        greeting = f"# service={request.service}\n"
        first = f"{len(greeting) + 4:04x}{greeting}0000".encode()
        if not request.writes and "version=2" in request.protocol.split(":"):
            first = b""
        headers = [(b"content-type", f"application/x-{request.service}-advertisement".encode()), *_NO_CACHE]
        await _answer(send, 200, first + refs, headers)

    async def _fetch(self, request: GitRequest, path: Path, receive: Receive, send: Send) -> None:
        environment = git_environment(path, {"GIT_PROTOCOL": request.protocol})
        body = self._body(request, receive, self._limits.negotiation_bytes)
        await self._exchange(request, path, environment, body, send)

    async def _push(self, request: GitRequest, path: Path, actor: Actor, receive: Receive, send: Send) -> None:
        """Serves a push in a task of its own, which goes on when this request is cancelled."""
        body = self._body(request, receive, self._limits.push_bytes + _HEADROOM)
        task = asyncio.create_task(self._receive_pack(request, path, actor, body, send))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _receive_pack(self, request: GitRequest, path: Path, actor: Actor, body: RequestBody, send: Send) -> None:
        push = Push(request.repository, path, actor)
        registry = self._registry
        served = serve_push(
            push,
            gate=registry.gate,
            reporting=registry.reporting,
            moves=registry.ref_audit,
            denials=registry.denials,
            parent=self._gates,
        )
        async with served as hooks:
            environment = git_environment(
                path,
                {
                    "GIT_PROTOCOL": request.protocol,
                    "PROMPTUARY_GATE": str(hooks.folder),
                    "GIT_ALLOC_LIMIT": str(self._limits.push_object),
                    "GIT_COMMITTER_NAME": _plain(actor.name) or "unknown",  # for the reflog
                    "GIT_COMMITTER_EMAIL": _plain(actor.email) or "unknown",
                },
            )
            await self._exchange(request, path, environment, body, send, hooks)

    async def _exchange(
        self,
        request: GitRequest,
        path: Path,
        environment: dict[str, str],
        body: RequestBody,
        send: Send,
        hooks: ServedHooks | None = None,
    ) -> None:
        process = PackProcess(
            arguments=self.command(request, hooks.scripts if hooks else path / "hooks"),
            path=path,
            environment=environment,
            body=body,
            send=send,
            headers=[(b"content-type", f"application/x-{request.service}-result".encode()), *_NO_CACHE],
            last_words=hooks.report if hooks else None,
            memory=self._limits.push_memory if request.writes else None,
        )
        code = await process.run()
        if process.started or process.gone:
            return
        if process.error is not None:
            await _say(send, process.error.status, str(process.error))
        elif code:
            await _say(send, 400, "git could not make sense of the request; the server's log says why.")
        else:  # git's probe before a large push: nothing asked, nothing to say
            await _answer(send, 200, b"", process.headers)

    def _body(self, request: GitRequest, receive: Receive, max_bytes: int) -> RequestBody:
        return RequestBody(
            receive, gzipped=request.gzipped, max_bytes=max_bytes, idle_seconds=self._limits.idle_seconds
        )

    def command(self, request: GitRequest, hooks: Path, *options: str) -> list[str]:
        """Git's arguments, with the configuration that holds here, whatever stands in the repository's own."""
        settings = {
            "core.hooksPath": str(hooks),
            "core.bigFileThreshold": "1m",  # larger files than any template go through in pieces
            "core.deltaBaseCacheLimit": "16m",
            "receive.maxInputSize": str(self._limits.push_bytes),
            "receive.hideRefs": "refs/merge-requests",
            "receive.advertisePushOptions": "true",
            "receive.autogc": "false",
            "receive.fsckObjects": "true",
            "uploadpack.allowFilter": "true",
            "gc.auto": "0",
        }
        if request.large:
            settings["receive.unpackLimit"] = "1"  # one pack rather than thousands of files
        configured = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [*configured, request.service.removeprefix("git-"), "--stateless-rpc", *options, "."]


def _allow(actor: Actor, request: GitRequest) -> None:
    """Git sends whole repositories: who may read some folders only can neither fetch nor push."""
    if actor.sight(request.repository).is_whole:
        actor.require_somewhere((PUSH if request.writes else FETCH).role, request.repository)
    else:
        raise Denied(
            f"Git cannot leave folders out, and you may read a part of {request.repository} only. Read and write that "
            "over REST, or ask an administrator for the role reader at the repository."
        )


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable() and sign not in "<>").encode("utf-8", "ignore").decode()


async def _say(send: Send, status: int, message: str, headers: Headers = ()) -> None:
    """Plain text: git prints it as ``remote: ...`` beside the status."""
    text = hide_tokens(f"{message}\n".encode())
    await _answer(send, status, text, [(b"content-type", b"text/plain; charset=utf-8"), *headers, *_NO_CACHE])


async def _answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    complete = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": complete})
    await send({"type": "http.response.body", "body": body, "more_body": False})
