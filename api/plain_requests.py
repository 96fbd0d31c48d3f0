"""What the hot paths behind the gateway have in common: which requests are plain enough to be answered there."""

from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.types import Scope

from api.schemas.fields import ReadQuery

Q = TypeVar("Q", bound=ReadQuery)

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


def plain_query(text: bytes, model: type[Q]) -> Q | None:
    """What a query asks for; None where the documented route has to say what is wrong, or to wait for a commit."""
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, strict_parsing=bool(text), errors="strict")
        asked = model.model_validate(dict(pairs))
    except ValueError:  # ValidationError is one
        return None
    return asked if asked.min_commit is None else None
