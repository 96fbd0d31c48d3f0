"""What the client answers: frozen values. Their documents are shared with the cache: copy before you change one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from promptuary_client.errors import Untrustworthy
from promptuary_client.template import Json

SERVER, BUNDLE, DEFAULT = "server", "bundle", "default"
"""Where a prompt came from: ``origin``. One from memory was the server's once."""


@dataclass(frozen=True)
class Prompt:
    """One state of a template. ``reference`` (``support/triage@12#3f9ac1d2``) is the string to log.

    ``source`` is the file's text, ``document`` the same parsed, ``partials`` the files of all that it includes.
    ``version`` is None for a state of another branch, and for a default. ``digest`` was computed here from source and
    partials; only a default has none.
    """

    name: str
    version: int | None
    digest: str
    reference: str | None
    source: str
    document: Mapping[str, Json]
    partials: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    commit: str = ""
    status: str = "active"
    replaced_by: str | None = None
    etag: str = ""
    origin: str = SERVER


@dataclass(frozen=True)
class Version:
    """What a write did: the version that it made (None on other branches) and the ``etag`` for the next change."""

    name: str
    version: int | None
    commit: str
    digest: str | None
    etag: str | None
    created: bool
    changed: bool


@dataclass(frozen=True)
class Move:
    """One change of a label: from ``previous`` to ``version``, None where it was not there or was dropped."""

    version: int | None
    previous: int | None
    commit: str
    moved_at: str
    author: str
    subject: str


@dataclass(frozen=True)
class Label:
    """Where a template's label points, and its last moves, newest first."""

    label: str
    name: str
    version: int | None
    history: tuple[Move, ...] = ()


@dataclass(frozen=True)
class LabelMoved:
    """What moving a label did."""

    label: str
    name: str
    version: int | None
    previous: int | None
    commit: str


Fallback = Union[str, Sequence[Mapping[str, Json]], Prompt]
"""A default: a text, messages, or a prompt that was kept."""


def default_prompt(name: str, default: Fallback) -> Prompt:
    """The prompt that a default stands for; a text and messages are templates, so variables in them are filled in.

    Every name that they use may be passed; nothing is declared, so nothing is checked. Raises TypeError for what is no
    default.
    """
    if isinstance(default, Prompt):
        return default
    if isinstance(default, str):
        document: dict[str, Json] = {"schema": "prompt/v1", "type": "text", "text": default}
    elif _is_messages(default):
        document = {"schema": "prompt/v1", "type": "chat", "messages": [dict(message) for message in default]}
    else:
        raise TypeError(f"default= is a text, a list of messages or a Prompt, not {type(default).__name__}")
    return Prompt(name, None, "", None, "", document, origin=DEFAULT)


def _is_messages(default: object) -> bool:
    return isinstance(default, Sequence) and all(isinstance(message, Mapping) for message in default)


def read_fields(body: Json, kind: str, **types: type | tuple[type, ...]) -> Mapping[str, Json]:
    """The object that a server sent, with the fields that it must have. Raises Untrustworthy."""
    if not isinstance(body, dict):
        raise Untrustworthy(f"The server's answer is no {kind}")
    for name, wanted in types.items():
        if not isinstance(body.get(name), wanted) or (isinstance(body.get(name), bool) and wanted is int):
            raise Untrustworthy(f"The server's answer is no {kind}: its {name} is missing or of another type")
    return body


def read_prompt(body: Json, *, etag: str, origin: str) -> Prompt:
    """The prompt in an answer. Nothing but its form has been checked. Raises Untrustworthy."""
    optional_text, optional_number = (str, type(None)), (int, type(None))
    said = read_fields(
        body, "template", name=str, version=optional_number, digest=str, commit=str, source=str, document=dict,
        partials=dict, labels=list, reference=optional_text,
    )  # fmt: skip
    return Prompt(
        name=said["name"],
        version=said["version"],
        digest=said["digest"],
        reference=said["reference"],
        source=said["source"],
        document=said["document"],
        partials=said["partials"],
        labels=tuple(map(str, said["labels"])),
        commit=said["commit"],
        status=str(said.get("status", "active")),
        replaced_by=said.get("replaced_by"),
        etag=etag,
        origin=origin,
    )


def read_version(body: Json) -> Version:
    """What a write's answer says. Raises Untrustworthy."""
    said = read_fields(body, "write", name=str, commit=str, created=bool, changed=bool)
    fields = {key: said.get(key) for key in ("version", "digest", "etag")}
    return Version(name=said["name"], commit=said["commit"], created=said["created"], changed=said["changed"], **fields)


def read_label(body: Json) -> Label:
    """A label's state. Raises Untrustworthy."""
    said = read_fields(body, "label", label=str, name=str, version=(int, type(None)), history=list)
    moves = []
    for each in said["history"]:
        move = read_fields(each, "move", commit=str, moved_at=str, author=dict, subject=str)
        author = str(move["author"].get("name", ""))
        moves.append(
            Move(move.get("version"), move.get("previous"), move["commit"], move["moved_at"], author, move["subject"])
        )
    return Label(said["label"], said["name"], said["version"], tuple(moves))


def read_label_moved(body: Json) -> LabelMoved:
    """What moving a label did. Raises Untrustworthy."""
    said = read_fields(body, "move", label=str, name=str, version=(int, type(None)), commit=str)
    return LabelMoved(said["label"], said["name"], said["version"], said.get("previous"), said["commit"])
