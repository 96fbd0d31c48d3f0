"""What a purge looks for, and what it leaves in its place: no number of a version may move.

Numbers count the commits in which blobs or includes of a closure change. So two files that differed still differ
afterwards (each cleaned template begins with a tag of its own), and include what they included.
"""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from registry.domain.errors import BadRequest
from registry.domain.ids import BlobId, CommitId, Digest, RefName, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.labels import read_labels
from registry.domain.names import template_name
from registry.domain.template_file import read_template
from registry.domain.tombstones import TOMBSTONE
from registry.domain.yaml_reader import read_yaml

REMOVED = b"***REMOVED***"
PLAIN = b"REMOVED"
"""Where the stars would break a file: as the beginning of a YAML value, or within an expression."""

_CLEANED = b"# promptuary purge %s: text was removed from this file.\n"
_EMPTIED = b"# promptuary purge %s: what stood in this version was removed.\n"
SHORTEST_BYTES = 6
"""What is shorter stands in too many places by accident: two Korean letters, six Latin ones."""
LONGEST_BYTES = 65_536
_TAG_LETTERS = 16
_LINE_END = rb"[ \t]*\r?\n[ \t]*"

VersionKey = tuple[TemplateName, int]


class LeakedText:
    """A text that has to go, in every way in which a file or a message may write it.

    Lines may be indented, letters composed or not (NFC, NFD), and signs escaped as JSON and YAML do.
    """

    def __init__(self, text: str) -> None:
        """Raises BadRequest for a text that cannot be looked for."""
        text = text.strip()
        size = len(text.encode("utf-8", "surrogatepass"))
        if size < SHORTEST_BYTES:
            raise BadRequest(
                f"The text has {size} bytes, and one of less than {SHORTEST_BYTES} stands in too many places by "
                "accident: give more of what stands around it."
            )
        if size > LONGEST_BYTES:
            raise BadRequest(f"The text has {size:,} bytes; give a part of it, of at most {LONGEST_BYTES:,}.")
        longest_first: list[bytes] = sorted(_forms(text), key=lambda form: (-len(form), form))
        self._pattern = re.compile(b"|".join(longest_first))
        left = (REMOVED, TOMBSTONE, _CLEANED % b"", _EMPTIED % b"")
        if any(self._pattern.search(each) for each in left):
            raise BadRequest("The text is one that a purge itself leaves in files: give more of what stands around it.")

    @classmethod
    def read(cls, data: bytes) -> "LeakedText":
        """The text in a file's bytes, without white space around it. Raises BadRequest."""
        try:
            return cls(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise BadRequest("The text is no UTF-8: a purge looks for text.") from error

    def seal(self) -> bytes:
        """Tells it from another text; it is as secret as the text itself."""
        return self._pattern.pattern

    def stands_in(self, data: bytes) -> bool:
        """Whether it stands there."""
        return self._pattern.search(data) is not None

    def removed_from(self, data: bytes, by: bytes = REMOVED) -> bytes:
        """The bytes without it."""
        return self._pattern.sub(by.replace(b"\\", rb"\\"), data)


def _forms(text: str) -> set[bytes]:
    found: set[bytes] = set()
    for normal in (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)):
        escaped = (json.dumps(normal)[1:-1], json.dumps(normal, ensure_ascii=False)[1:-1])
        for form in (normal, normal.replace("'", "''"), *escaped):
            lines = [re.escape(line.strip().encode("utf-8", "surrogatepass")) for line in form.split("\n")]
            found.add(_LINE_END.join(lines))
    return found


def tag_of(salt: bytes, blob: BlobId) -> bytes:
    """What tells the cleaned form of one blob from that of any other; it says nothing of what it was."""
    digest = hmac.new(salt, blob.encode(), hashlib.sha256).hexdigest()[:_TAG_LETTERS]
    return digest.translate(str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst")).encode()


def tombstone(data: bytes, tag: bytes) -> bytes:
    """What stands in the place of a template's file; it counts as including what the file included."""
    names = sorted(raw_includes(data))
    kept = "".join(f'# {{% include "{name}" %}}\n' for name in names).encode()
    return TOMBSTONE + _EMPTIED % tag + kept


def cleaned(data: bytes, path: str, leaked: LeakedText, tag: bytes) -> bytes:
    """A file without the text, as valid as it was; a tombstone where a template cannot be. Raises BadRequest."""
    is_template = template_name(path) is not None
    begin = _CLEANED % tag if is_template else b""
    reads = _reads(data, path)
    for by in (REMOVED, PLAIN):
        new = begin + leaked.removed_from(data, by)
        if is_template and raw_includes(new) != raw_includes(data):
            raise BadRequest(
                f"The text stands in the name of an include in {path}. Names cannot be purged, because versions are "
                "counted by them: choose a text that holds no name."
            )
        if not reads or _reads(new, path):
            return new
    return tombstone(data, tag) if is_template else new


def _reads(data: bytes, path: str) -> bool:
    """Whether what reads such files can make something of it."""
    if template_name(path) is not None:
        return read_template(data, path).template is not None
    return not path.endswith((".yaml", ".yml")) or not read_yaml(data, path).diagnostics


def repinned(data: bytes, path: str, digests: Mapping[VersionKey, tuple[Digest, Digest]]) -> bytes:
    """A label file with new digests, by template and version, in the place of the old ones that it says."""
    for name, target in read_labels(data, path).entries.items():
        old, new = digests.get((name, target.version), (None, None))
        prefix = target.digest_prefix
        if old is None or new is None or prefix is None or not old.startswith(prefix):
            continue
        said = re.compile(rb"(digest[\"']?\s*:\s*[\"']?)" + prefix.encode() + rb"(?![0-9a-f])")
        data = said.sub(rb"\g<1>" + new[: len(prefix)].encode(), data)
    return data


@dataclass(frozen=True, slots=True)
class Leak:
    """The objects of a repository that have to go, reachable or not, and names in which the text stands, too."""

    blobs: frozenset[BlobId] = frozenset()
    commits: frozenset[CommitId] = frozenset()
    """Those whose message, author or committer has it."""
    tags: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    """Files and refs whose names have it, which a purge cannot change."""

    def __bool__(self) -> bool:
        return bool(self.blobs or self.commits or self.tags or self.names)

    def ids(self) -> frozenset[str]:
        """All objects."""
        return frozenset({*self.blobs, *self.commits, *self.tags})


class Revision(Protocol):
    """What becomes of files and messages when a history is rewritten; the same each time for the same."""

    def file(self, path: str, blob: BlobId, read: Callable[[], bytes]) -> bytes | None:
        """A file's new bytes; None where it stays. Raises BadRequest where it cannot be changed."""
        ...

    def text(self, text: bytes) -> bytes:
        """A message, a name or an address."""
        ...


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What rewriting a history came to, or would come to."""

    became: Mapping[CommitId, CommitId]
    """Each commit that changes, with what it becomes."""
    refs: tuple[RefName, ...]
    paths: Mapping[BlobId, frozenset[str]]
    """Where each changed file stands in the history."""


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """What a purge changes. ``versions`` are those whose own file changes, ``through`` those that include one.

    ``emptied`` are the versions that become tombstones, or include one.
    """

    paths: tuple[str, ...]
    versions: tuple[VersionKey, ...]
    through: tuple[VersionKey, ...]
    emptied: tuple[VersionKey, ...]
    messages: int
    became: Mapping[CommitId, CommitId]
    """As of ``Rewritten``."""
    refs: tuple[RefName, ...]
    objects: int
