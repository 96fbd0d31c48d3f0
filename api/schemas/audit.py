"""The audit over HTTP."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field

from api.schemas.fields import TIME, Answered, QueryInt, QueryModel, example
from registry.domain.audit import AuditAction, AuditEntry, AuditFilter, AuditMark
from registry.domain.audit_verification import AuditVerification
from registry.domain.catalogue import Page

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_PLAIN = "^[^\\x00-\\x1f]{1,200}$"
_LONG = "^[^\\x00-\\x1f]{1,400}$"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _plain_time(text: Any) -> Any:
    """A time's text from a query. Raises ValueError for what is not written as RFC 3339 says."""
    if isinstance(text, str) and not _TIME.fullmatch(text):
        raise ValueError("a time with its zone is asked for, such as 2025-03-14T09:26:53Z")
    return text


Time = Annotated[AwareDatetime, BeforeValidator(_plain_time)]


class AuditWanted(QueryModel):
    """Which entries: those that fit everything that is said."""

    actor: str | None = Field(None, pattern=_PLAIN, description="Done by this user.", examples=["kim"])
    action: AuditAction | None = Field(None, description="What was done.")
    repository: str | None = Field(None, pattern=_PLAIN, description="Done to this repository.", examples=["default"])
    name: str | None = Field(
        None, pattern=_LONG, description="Done to the template of this name.", examples=["support/triage"]
    )
    folder: str | None = Field(None, pattern=_LONG, description="Done to a template in this folder or below it.")
    label: str | None = Field(None, pattern=_PLAIN, description="Done to this label.", examples=["production"])
    ref: str | None = Field(
        None, pattern=_LONG, description="Done to this branch or tag, by its full name.", examples=["refs/heads/main"]
    )
    key: str | None = Field(None, pattern=_PLAIN, description="Done with the API key of this id.")
    address: str | None = Field(None, pattern=_PLAIN, description="Done from this address.", examples=["192.0.2.7"])
    from_: Time | None = Field(None, alias="from", description="Done then or later.", examples=[TIME])
    to: Time | None = Field(None, description="Done before then.")

    def wanted(self) -> AuditFilter:
        """The same as the service takes it."""
        return AuditFilter(
            self.actor,
            self.action,
            self.repository,
            self.key,
            self.address,
            since=self.from_,
            until=self.to,
            name=self.name,
            folder=self.folder,
            label=self.label,
            ref=self.ref,
        ).typed()


class AuditQuery(AuditWanted):
    """Which entries, and how many at once."""

    limit: QueryInt = Field(50, ge=1, le=500, description="How many entries a page has at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


class AuditEntryBody(Answered):
    """One thing that was done. `hash` is SHA-256 over everything else in it and the hash of the entry before."""

    model_config = example(
        number=4711,
        at=TIME,
        action="label.moved",
        actor="kim",
        key="3f9ac1d2b4e5",
        address="192.0.2.7",
        request_id="5f0c9d1e2b3a-1f",
        repository="default",
        name="support/triage",
        label="production",
        ref="refs/heads/main",
        old={"version": 11},
        new={"version": 12},
        operation=None,
        hash=_HASH,
    )

    number: int = Field(description="Counted from 1, without a gap.")
    at: datetime = Field(description="When it was done.")
    action: str = Field(description="What was done; later versions have more actions.")
    actor: str | None = Field(description="Who did it; null for the server itself, or who was not identified.")
    key: str | None = Field(description="The id of the API key.")
    address: str | None = Field(description="Where the request came from; `local` for a command on the server.")
    request_id: str | None
    repository: str | None
    name: str | None = Field(description="The template's name; with a slash at its end a folder's.")
    label: str | None
    ref: str | None
    old: Any = Field(description="What it was before.")
    new: Any = Field(description="What it was after; of denials how it was denied, why, and how often.")
    operation: str | None = Field(description="What tells entries apart that might have been entered twice.")
    hash: str

    @classmethod
    def from_domain(cls, entry: AuditEntry) -> "AuditEntryBody":
        """The body for an entry."""
        return cls.model_construct(**entry_body(entry))


def entry_body(entry: AuditEntry) -> dict[str, Any]:
    """An entry's fields in the order in which they are told."""
    draft, origin = entry.draft, entry.draft.origin
    return {
        "number": entry.number,
        "at": draft.at,
        "action": str(draft.action),
        "actor": origin.actor,
        "key": origin.key_id,
        "address": origin.address,
        "request_id": origin.request_id,
        "repository": draft.repository,
        "name": draft.name,
        "label": draft.label,
        "ref": draft.ref,
        "old": draft.old,
        "new": draft.new,
        "operation": draft.operation,
        "hash": entry.hash,
    }


class AuditEntries(Answered):
    """A page of the audit, newest first."""

    model_config = example(entries=[AuditEntryBody.model_config["json_schema_extra"]["examples"][0]], next_cursor=None)  # type: ignore[index]

    entries: list[AuditEntryBody]
    next_cursor: str | None

    @classmethod
    def from_domain(cls, page: Page[AuditEntry]) -> "AuditEntries":
        """The body for a page."""
        return cls(entries=[AuditEntryBody.from_domain(each) for each in page.items], next_cursor=page.next_cursor)


LINES_EXAMPLE = (
    '{"number":1,"at":"2025-03-14T09:26:53Z","action":"key.created","actor":"kim",…}\n'
    '{"number":2,"at":"2025-03-14T09:27:12Z","action":"access.denied","actor":null,…}\n'
)


class AuditMarkBody(Answered):
    """A place of the chain that was signed (Ed25519)."""

    kind: str = Field(description="`head`: the newest entry at that time; `pruned`: the last that was removed for age.")
    number: int
    hash: str
    at: datetime
    key_id: str = Field(description="The key of the server's key ring.")
    public_key: str
    signature: str
    trust: str = Field(
        description="`signed` by this key ring, by an `unknown_key` that it has not, or `forged`.",
        pattern="^(signed|unknown_key|forged)$",
    )


class AuditFaultBody(Answered):
    """Where the audit is not as it was entered."""

    number: int = Field(description="The entry.")
    reason: str


class AuditReport(Answered):
    """Whether the audit is as it was entered."""

    model_config = example(valid=True, entries=4711, first=1, last=4711, hash=_HASH, fault=None, marks=[])

    valid: bool
    entries: int = Field(description="How many were looked at.")
    first: int | None
    last: int | None = Field(description="The newest entry that fits.")
    hash: str = Field(description="Its hash: kept elsewhere, it shows later what was taken away or changed here.")
    fault: AuditFaultBody | None = Field(description="The first thing that does not fit.")
    marks: list[AuditMarkBody]

    @classmethod
    def from_domain(cls, found: AuditVerification) -> "AuditReport":
        """The body for what was found."""
        fault = found.fault
        return cls(
            valid=fault is None,
            entries=found.entries,
            first=found.start + 1 if found.entries else None,
            last=found.number if found.entries else None,
            hash=found.hash,
            fault=AuditFaultBody(number=fault.number, reason=fault.reason) if fault is not None else None,
            marks=[AuditMarkBody(**mark_body(each.mark), trust=each.trust.value) for each in found.marks],
        )


def mark_body(mark: AuditMark) -> dict[str, Any]:
    """A mark's fields in the order in which they are told."""
    return {
        "kind": mark.kind.value,
        "number": mark.number,
        "hash": mark.hash,
        "at": mark.at,
        "key_id": mark.key_id,
        "public_key": mark.public_key,
        "signature": mark.signature,
    }
