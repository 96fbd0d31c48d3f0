"""The audit: who did what, when and from where; each entry is chained to the one before it by its hash."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from unicodedata import normalize

from registry.domain.canonical import canonical_json
from registry.domain.ids import LabelName, RefName, RepositoryName, TemplateName
from registry.domain.keyring import SignedStatement
from registry.domain.template import Json

CHAIN_FORMAT = "promptuary-audit/v1"
PURPOSE = "audit"
"""What the key ring signs marks for."""

FIRST_HASH = "0" * 64
"""What the first entry is chained to."""

LONGEST_TEXT = 1_000
"""Letters that are kept of a text that came from outside: an address, a name."""

_UNKEPT = re.compile("[\x00\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AuditAction(StrEnum):
    """Everything that is audited."""

    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_OUT = "sign_out"
    DEVICE_APPROVED = "device.approved"
    SESSION_REVOKED = "session.revoked"
    ACCESS_DENIED = "access.denied"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    KEY_ROTATED = "key.rotated"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_REMOVED = "user.removed"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105  (no password)
    LINK_CREATED = "link.created"
    GROUP_CHANGED = "group.changed"
    ROLE_GRANTED = "role.granted"
    ROLE_REVOKED = "role.revoked"
    LABEL_MOVED = "label.moved"
    REF_CREATED = "ref.created"
    REF_UPDATED = "ref.updated"
    REF_FORCED = "ref.forced"
    REF_DELETED = "ref.deleted"
    REPOSITORY_CREATED = "repository.created"
    SETTINGS_CHANGED = "settings.changed"
    PROVIDER_CHANGED = "provider.changed"
    KEYRING_ROTATED = "keyring.rotated"
    PURGE_STARTED = "purge.started"
    CONTENT_PURGED = "content.purged"
    AUDIT_PRUNED = "audit.pruned"
    AUDIT_RESTORED = "audit.restored"


@dataclass(frozen=True, slots=True)
class AuditOrigin:
    """Who acts and from where. Without an actor it is the server itself, or somebody who was not identified.

    ``address`` is an IP address, or ``local`` for a command on the server's machine, whose actor is the system's user.
    """

    actor: str | None = None
    key_id: str | None = None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditDraft:
    """What is to be entered. ``old`` and ``new`` are small JSON values, never a secret.

    ``operation`` marks what may be told twice: a second draft of the same operation is not entered.
    """

    action: str
    """An ``AuditAction``, or what a newer version has entered."""
    at: datetime
    origin: AuditOrigin = field(default_factory=AuditOrigin)
    repository: RepositoryName | None = None
    name: TemplateName | None = None
    label: LabelName | None = None
    ref: RefName | None = None
    old: Json = None
    new: Json = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What was entered under a number, counted from 1 without a gap; ``hash`` is SHA-256 in 64 hexadecimal digits."""

    number: int
    draft: AuditDraft
    hash: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted: those that fit everything that is said. ``until`` does not count itself.

    ``folder`` is what lies in it or below it, without a slash at its end; ``ref`` a full name.
    """

    actor: str | None = None
    action: AuditAction | None = None
    repository: str | None = None
    key_id: str | None = None
    address: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    name: str | None = None
    folder: str | None = None
    label: str | None = None
    ref: str | None = None

    def typed(self) -> "AuditFilter":
        """The same where somebody typed it: names in normal form C, as they are stored, no slashes around a folder."""
        name, folder = (normalize("NFC", text) if text else None for text in (self.name, self.folder))
        return replace(self, name=name, folder=(folder or "").strip("/") or None)


class AuditMarkKind(StrEnum):
    """What is signed of the chain."""

    HEAD = "head"
    """Its newest entry, as of a moment: what is missing behind it was taken away."""
    PRUNED = "pruned"
    """The last entry that was removed because of its age: the chain goes on from it."""


@dataclass(frozen=True, slots=True)
class AuditMark:
    """A place of the chain that was signed: the entry's number and hash, when, and by which key of the ring."""

    kind: AuditMarkKind
    number: int
    hash: str
    at: datetime
    key_id: str
    public_key: str
    signature: str

    def statement(self) -> bytes:
        """What the signature is over."""
        return mark_statement(self.kind, self.number, self.hash, self.at)

    def signed(self) -> SignedStatement:
        """The signature by itself."""
        return SignedStatement(self.key_id, self.public_key, self.signature)

    def with_signature(self, signed: SignedStatement) -> "AuditMark":
        """The same place under another signature."""
        return replace(self, key_id=signed.key_id, public_key=signed.public_key, signature=signed.signature)


@dataclass(frozen=True, slots=True)
class AuditState:
    """The newest entry's number and hash (0 and zeros where there was none), and what was signed of the chain."""

    number: int = 0
    hash: str = FIRST_HASH
    marks: Sequence[AuditMark] = ()

    def mark(self, kind: AuditMarkKind) -> AuditMark | None:
        """The mark of a kind."""
        return next((mark for mark in self.marks if mark.kind is kind), None)

    @property
    def start(self) -> tuple[int, str]:
        """The number and hash that the first entry still there is chained to."""
        pruned = self.mark(AuditMarkKind.PRUNED)
        return (pruned.number, pruned.hash) if pruned is not None else (0, FIRST_HASH)


@dataclass(frozen=True, slots=True)
class AuditFault:
    """The first place where the chain does not fit, and what is wrong there."""

    number: int
    reason: str


class AuditChain:
    """Goes along the entries from a known place and finds the first one that does not fit."""

    def __init__(self, number: int = 0, hash_: str = FIRST_HASH) -> None:
        self.number = number
        self.hash = hash_

    def take(self, entry: AuditEntry) -> AuditFault | None:
        """What is wrong with the next entry; None where it fits."""
        if entry.number != self.number + 1:
            if entry.number <= self.number:
                return AuditFault(entry.number, "it was inserted, or stands in another order")
            return AuditFault(self.number + 1, f"it is missing: {entry.number} follows on {self.number}")
        if entry_hash(self.hash, entry.number, entry.draft) != entry.hash:
            return AuditFault(entry.number, "it was changed, or inserted, or what stood before it was")
        self.number, self.hash = entry.number, entry.hash
        return None


def seal(previous: str, number: int, draft: AuditDraft) -> AuditEntry:
    """The entry of a draft behind the one with the hash ``previous``; the draft's texts as they can be stored.

    Raises ValueError for values that JSON cannot say.
    """
    kept = _kept(draft)
    return AuditEntry(number, kept, entry_hash(previous, number, kept))


def entry_hash(previous: str, number: int, draft: AuditDraft) -> str:
    """SHA-256 over the previous hash and everything that the entry says, as one JSON list in UTF-8."""
    return hashlib.sha256(canonical_json([CHAIN_FORMAT, previous, number, *_said(draft)]).encode()).hexdigest()


def mark_statement(kind: AuditMarkKind, number: int, hash_: str, at: datetime) -> bytes:
    """What is signed of a place of the chain."""
    return canonical_json([CHAIN_FORMAT, kind.value, number, hash_, _micros(at)]).encode()


def utc_text(at: datetime) -> str:
    """A time as it stands in old and new values: RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _said(draft: AuditDraft) -> list[Json]:
    origin, place = draft.origin, (draft.repository, draft.name, draft.label, draft.ref)
    who = (origin.actor, origin.key_id, origin.address, origin.request_id)
    return [_micros(draft.at), *who, str(draft.action), *place, draft.old, draft.new, draft.operation]


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _kept(draft: AuditDraft) -> AuditDraft:
    origin = AuditOrigin(*(_value(getattr(draft.origin, each.name)) for each in fields(AuditOrigin)))
    texts = {name: _value(getattr(draft, name)) for name in ("repository", "name", "label", "ref", "operation")}
    return replace(draft, origin=origin, old=_value(draft.old), new=_value(draft.new), **texts)


def _value(value: Any) -> Any:
    """A value with texts of bounded length, of letters that every database and UTF-8 can hold."""
    if isinstance(value, str):
        return _UNKEPT.sub("\ufffd", value[:LONGEST_TEXT])
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    if isinstance(value, dict):
        return {_value(str(key)): _value(each) for key, each in value.items()}
    return value
