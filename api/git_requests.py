"""What a Git client asks for: the path, the service, the headers and the key in them."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import Scope

from registry.domain.errors import BadRequest, NotFound, Unauthenticated
from registry.domain.ids import RepositoryName
from registry.domain.key_secrets import SESSION_PREFIX
from registry.domain.names import repository_name

UPLOAD = "git-upload-pack"
RECEIVE = "git-receive-pack"

_PATH = re.compile(r"/(?P<repository>[^/]+)/(?P<tail>info/refs|git-upload-pack|git-receive-pack)")
_LARGE = 1_000_000
_PROTOCOL = re.compile(r"[a-z0-9=.:_-]{1,100}")


@dataclass(frozen=True, slots=True)
class GitRequest:
    """One request, read but not yet allowed. ``advertise`` asks for the refs, otherwise packs are exchanged."""

    repository: RepositoryName
    service: str
    advertise: bool
    protocol: str
    gzipped: bool
    large: bool

    @property
    def place(self) -> str:
        """What it asks for, below the repository's address."""
        return "info/refs" if self.advertise else self.service

    @property
    def writes(self) -> bool:
        """Whether it is part of a push."""
        return self.service == RECEIVE


class Refusal(Exception):
    """A request that is answered with a status of its own."""

    def __init__(self, status: int, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = tuple(headers)


def header(scope: Scope, name: bytes) -> str | None:
    """A header of a request; None where there is none."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


def read_request(scope: Scope) -> GitRequest:
    """The request. Raises NotFound for paths that are none of Git's, Refusal for methods and types that do not fit.

    Of a POST the path alone says the service: what stands in a query must never decide what is allowed.
    """
    path = str(scope["path"])
    if (root := str(scope.get("root_path", ""))) and path.startswith(f"{root}/"):
        path = path[len(root) :]
    found = _PATH.fullmatch(path.removeprefix("/git"))
    if found is None:
        raise NotFound("There is nothing here for a browser: clone with git clone <address>/git/<repository>.git")
    try:
        name = repository_name(found["repository"].removesuffix(".git"))
    except BadRequest as error:
        raise NotFound(error.message) from error
    protocol = header(scope, b"git-protocol") or ""
    advertise = found["tail"] == "info/refs"
    return GitRequest(
        repository=name,
        service=_asked_service(scope) if advertise else _posted_service(scope, found["tail"]),
        advertise=advertise,
        protocol=protocol if _PROTOCOL.fullmatch(protocol) else "",
        gzipped=_encoding(scope),
        large=_is_large(scope),
    )


def _asked_service(scope: Scope) -> str:
    if scope["method"] != "GET":
        raise Refusal(405, "Only GET is answered here.", [(b"allow", b"GET")])
    asked = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1")).get("service", [])
    if not asked:
        raise Refusal(403, "The dumb HTTP protocol is not served: a git of version 1.6.6 or newer is needed.")
    if len(asked) != 1 or asked[0] not in {UPLOAD, RECEIVE}:
        raise Refusal(403, "No such service: git-upload-pack and git-receive-pack are served.")
    return asked[0]


def _posted_service(scope: Scope, service: str) -> str:
    if scope["method"] != "POST":
        raise Refusal(405, "Only POST is answered here.", [(b"allow", b"POST")])
    if header(scope, b"content-type") != f"application/x-{service}-request":
        raise Refusal(415, f"The content type must be application/x-{service}-request.")
    return service


def _is_large(scope: Scope) -> bool:
    """Whether the body is longer than a megabyte, or too long for the client to have counted it."""
    length = header(scope, b"content-length") or ""
    return not length.isdecimal() or len(length) > 7 or int(length) > _LARGE


def _encoding(scope: Scope) -> bool:
    encoding = (header(scope, b"content-encoding") or "identity").lower()
    if encoding not in {"gzip", "x-gzip", "identity"}:
        raise Refusal(415, "Only gzip is understood as content encoding.")
    return encoding != "identity"


def key_of(authorization: str | None) -> str:
    """The key or token of an Authorization header: Bearer, or Basic with it as password (or as user, alone).

    Raises Unauthenticated.
    """
    scheme, _, value = (authorization or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return _no_session(value)
    if scheme.lower() == "basic" and value:
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Unauthenticated("The Authorization header cannot be read.") from error
        if password or user:
            return _no_session(password or user)
    raise Unauthenticated("A key is needed: any user name, with an API key or an access token as the password.")


def _no_session(secret: str) -> str:
    """Raises Unauthenticated for the secret of a session, which is worth something in its cookie alone."""
    if secret.startswith(SESSION_PREFIX):
        raise Unauthenticated("That is the secret of a browser's session: Git takes an API key or an access token.")
    return secret
