"""Selectors: how a read says which state of a template it wants."""

import re
from dataclasses import dataclass
from datetime import datetime

from registry.domain.errors import BadRequest
from registry.domain.ids import LabelName
from registry.domain.labels import parse_label
from registry.domain.names import printable

_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_FRACTION = re.compile(r"\.([0-9]+)")
_UNFIT_FOR_REFS = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(?:/|$)|^/|[/.]$|(?:^|/)\.|^@$")
_STATE = re.compile(r"(?:label:(?P<label>[^:,]*)(?:,|$))?(?:(?P<kind>version|ref|at):(?P<value>.*))?", re.DOTALL)
MAX_REF = 250


@dataclass(frozen=True, slots=True)
class Selector:
    """Which state: a label, a version, or a Git revision; none of them means the repository's default.

    ``ref`` together with ``label``, or ``at``, asks for the state as it was at that revision or time. ``at`` has a
    time zone.
    """

    label: LabelName | None = None
    version: int | None = None
    ref: str | None = None
    at: datetime | None = None

    def __str__(self) -> str:
        said = [("label", self.label), ("version", self.version), ("ref", self.ref)]
        words = [f"{key}={value}" for key, value in said if value is not None]
        if self.at is not None:
            words.append(f"at={self.at.isoformat()}")
        return "&".join(words) or "default"


def parse_selector(
    *,
    label: str | None = None,
    version: str | int | None = None,
    ref: str | None = None,
    at: str | None = None,
) -> Selector:
    """A selector from the texts of a query string or a command line.

    ``latest`` as a label is the built-in one. Raises BadRequest for what cannot be read, and for combinations that
    mean nothing.
    """
    selector = Selector(
        label=parse_label(label, builtin=True) if label is not None else None,
        version=parse_version(version) if version is not None else None,
        ref=parse_revision(ref) if ref is not None else None,
        at=parse_time(at) if at is not None else None,
    )
    if selector.version is not None and any(other is not None for other in (label, ref, at)):
        raise BadRequest("version= names one state already: leave label=, ref= and at= away")
    if selector.ref is not None and selector.at is not None:
        raise BadRequest("ref= and at= both say when: give one of them")
    return selector


def parse_state(text: str) -> Selector:
    """A selector written as one text, where a request names two states.

    ``version:12``, ``label:production``, ``ref:main`` or ``at:2025-03-01T12:00:00Z``; a label as it was then is
    ``label:production,at:…`` or ``label:production,ref:…``. Raises BadRequest.
    """
    found = _STATE.fullmatch(text)
    if not text or found is None or text.endswith(","):
        advice = "write version:12, label:production, ref:main, at:2025-03-01T12:00:00Z or label:production,ref:main"
        raise BadRequest(f"{printable(text)} names no state: {advice}")
    said = {found["kind"]: found["value"]} if found["kind"] else {}
    return parse_selector(label=found["label"], **said)


def parse_version(text: str | int) -> int:
    """A version's number, from 1. Raises BadRequest."""
    if not _NUMBER.fullmatch(str(text)):
        raise BadRequest(f"version={printable(str(text))} is no version: give a number from 1, such as version=12")
    return int(text)


def parse_revision(text: str) -> str:
    """The name of a branch or tag, or a commit id; nothing that computes (``~``, ``^``, ``@{}``). Raises BadRequest."""
    if not text or len(text.encode("utf-8", "replace")) > MAX_REF or _UNFIT_FOR_REFS.search(text):
        raise BadRequest(f"ref={printable(text)} is no revision: give a branch, a tag or a commit id")
    return text


def parse_time(text: str) -> datetime:
    """A time as RFC 3339 writes it, with its zone. Raises BadRequest."""
    # In a query string a bare + arrives as a space.
    stamp = re.sub(r" ([0-9]{2}:[0-9]{2})$", r"+\1", text) if len(text) > 11 else text
    advice = "is no time: give RFC 3339 with a zone, such as at=2025-03-01T12:00:00Z"
    if not _RFC3339.fullmatch(stamp):
        raise BadRequest(f"at={printable(text)} {advice}")
    stamp = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), stamp.upper().replace("Z", "+00:00"))
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:
        raise BadRequest(f"at={printable(text)} {advice}") from None
