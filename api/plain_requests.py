"""What the hot paths behind the gateway have in common: which requests are plain enough to be answered there."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope

from api.schemas.fields import QueryModel, ReadQuery

Q = TypeVar("Q", bound=QueryModel)

PREFIX = "/api/v1/repositories/"


def repository_before(scope: Scope, noun: str) -> str | None:
    """The repository in the path of a GET that ends with it and ``/noun``; None for every other request."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    path: str = scope["path"]
    if not path.startswith(PREFIX) or not path.endswith(noun):
        return None
    repository = path[len(PREFIX) : -len(noun)]
    return repository if "/" not in repository else None


def place_of(scope: Scope, noun: str) -> tuple[str, str] | None:
    """Repository and name in a path that has the noun, slashes included, between them; None for every other path."""
    path: str = scope["path"]
    repository, found, name = path.removeprefix(PREFIX).partition(noun)
    return (repository, name) if path.startswith(PREFIX) and found and name and "/" not in repository else None


def plain_query(text: bytes, model: type[Q]) -> Q | None:
    """What a query asks for; None where the documented route has to say what is wrong, or to wait for a commit."""
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, strict_parsing=bool(text), errors="strict")
        asked = model.model_validate(dict(pairs))
    except ValueError:  # ValidationError is one
        return None
    return asked if not isinstance(asked, ReadQuery) or asked.min_commit is None else None


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers; of several of one name the first."""
    return dict(reversed(scope["headers"]))


def is_plain_body(headers: Mapping[bytes, bytes], media_type: bytes) -> bool:
    """Whether a body is of exactly that type and sent as it is.

    With a length, because the gateway has compared it with the limit, and the server keeps to it.
    """
    return (
        headers.get(b"content-type") == media_type
        and b"content-length" in headers
        and b"content-encoding" not in headers
    )


async def receive_all(receive: Receive) -> list[Message]:
    """The messages of a request's body, up to its end or to where the client left."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def body_of(messages: Sequence[Message]) -> bytes | None:
    """The body, where it came whole."""
    if messages[-1]["type"] != "http.request":
        return None
    return b"".join(each.get("body", b"") for each in messages)


def again(messages: Sequence[Message], receive: Receive) -> Receive:
    """A channel that gives what was received already before all else."""
    waiting = list(reversed(messages))

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
