"""What an archive is made of: its parts, and the manifest that says what they are. Written last, it makes it whole."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from registry.domain.errors import BadRequest
from registry.domain.ids import RefName, RegistryId, RepositoryName
from registry.domain.pairing import is_registry_id

FORMAT = "promptuary-backup/v1"
MANIFEST = "manifest.json"
RECORDS = "records.jsonl"

_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_MARK = "checksum"


class RecordKind(StrEnum):
    """What Git cannot give back."""

    USER = "user"
    GROUP = "group"
    MEMBER = "member"
    GRANT = "grant"
    KEY = "key"
    PASSWORD = "password"  # noqa: S105  (no password)
    PROVIDER = "provider"
    IDENTITY = "identity"
    READ_COUNT = "read_count"
    PUSHER = "pusher"
    AUDIT_MARK = "audit_mark"
    AUDIT_ENTRY = "audit_entry"


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """One record of it; what it names, it names by words, so that any database can take it."""

    kind: RecordKind
    values: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """One file of an archive: its name in it, how long it is, and the SHA-256 of its bytes."""

    name: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class PinnedRepository:
    """A repository at one moment: each ref with the id that it had (of a tag object where it is an annotated tag).

    ``part`` is the bundle with everything that these reach; None of a repository that is empty.
    """

    name: RepositoryName
    default_branch: RefName
    refs: Mapping[RefName, str]
    part: str | None = None


@dataclass(frozen=True, slots=True)
class ArchiveManifest:
    """What an archive holds. ``records`` counts them by kind; ``made_by`` is the version that wrote it.

    ``registry_id`` is None in an archive of a version that knew none.
    """

    id: str
    made_at: datetime
    made_by: str
    repositories: Sequence[PinnedRepository]
    parts: Sequence[ArchivePart]
    records: Mapping[str, int]
    registry_id: RegistryId | None = None

    @property
    def size(self) -> int:
        """The bytes of all parts."""
        return sum(part.size for part in self.parts)


def archive_id(made_at: datetime, random: str) -> str:
    """The name of an archive: names sort as their times do. ``random`` is eight hexadecimal digits."""
    return f"{made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{random}"


def is_archive_id(text: str) -> bool:
    """Whether a name is an archive's."""
    return _ID.fullmatch(text) is not None


def write_manifest(manifest: ArchiveManifest) -> bytes:
    """The manifest as JSON with a checksum of its own, so that no letter of it can change unseen."""
    body = {
        "format": FORMAT,
        "id": manifest.id,
        "made_at": manifest.made_at.isoformat(),
        "made_by": manifest.made_by,
        "repositories": [
            {"name": r.name, "default_branch": r.default_branch, "refs": dict(r.refs), "part": r.part}
            for r in manifest.repositories
        ],
        "parts": [{"name": p.name, "size": p.size, "sha256": p.checksum} for p in manifest.parts],
        "records": dict(manifest.records),
        "registry_id": manifest.registry_id,
    }
    return json.dumps({**body, _MARK: _checksum(body)}, ensure_ascii=False, indent=1).encode() + b"\n"


def read_manifest(text: bytes) -> ArchiveManifest:
    """The manifest. Raises BadRequest where it is damaged, or of a format that this version does not know."""
    try:
        body = json.loads(text)
        checksum, form = body.pop(_MARK, None), body.get("format")
    except (ValueError, AttributeError) as error:
        raise BadRequest(f"The archive is damaged: {MANIFEST} cannot be read. Nothing was changed.") from error
    if form != FORMAT:
        raise BadRequest(
            f"The archive is of the format {form!r}, and this version reads {FORMAT}: restore it with the version of "
            "Promptuary that made it, or a newer one. Nothing was changed."
        )
    if checksum != _checksum(body):
        raise BadRequest(f"The archive is damaged: {MANIFEST} is not as it was written. Nothing was changed.")
    return ArchiveManifest(
        id=body["id"],
        made_at=datetime.fromisoformat(body["made_at"]),
        made_by=body["made_by"],
        repositories=[
            PinnedRepository(
                RepositoryName(r["name"]),
                RefName(r["default_branch"]),
                {RefName(ref): target for ref, target in r["refs"].items()},
                r["part"],
            )
            for r in body["repositories"]
        ],
        parts=[ArchivePart(p["name"], p["size"], p["sha256"]) for p in body["parts"]],
        records=body["records"],
        registry_id=_registry_id(body.get("registry_id")),
    )


def _registry_id(value: object) -> RegistryId | None:
    if value is None:
        return None
    if not isinstance(value, str) or not is_registry_id(value):
        raise BadRequest(f"The archive has a registry id that is none: {str(value)[:80]!r}. Nothing was changed.")
    return RegistryId(value)


def write_record(record: KeptRecord) -> bytes:
    """A record as a line of JSON."""
    return json.dumps({"kind": record.kind.value, **record.values}, ensure_ascii=False).encode() + b"\n"


def read_record(line: bytes) -> KeptRecord:
    """The record of a line. Raises BadRequest."""
    try:
        values = json.loads(line)
        return KeptRecord(RecordKind(values.pop("kind")), values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRequest(f"The archive holds a record that this version does not know: {line[:80]!r}") from error


def _checksum(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
