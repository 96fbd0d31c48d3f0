"""What becomes of each file and message in a purge (``registry.domain.purging.Revision``)."""

import hashlib
from collections.abc import Callable, Mapping

from registry.domain.ids import BlobId
from registry.domain.labels import is_label_path
from registry.domain.names import LABELS, template_name, template_path
from registry.domain.purging import LeakedText, cleaned, repinned, tag_of, tombstone
from registry.domain.tombstones import is_tombstone
from registry.services.purge_numbers import Numbers


class Cleaning:
    """Files without a text; without one, tombstones in their place. Digests in label files follow."""

    def __init__(
        self, bodies: Mapping[BlobId, bytes], leaked: LeakedText | None, salt: bytes, numbers: Numbers
    ) -> None:
        """Raises BadRequest where a template's file cannot be changed so that its versions keep their numbers."""
        self._bodies = bodies
        self._leaked = leaked
        self._salt = salt
        self._made: dict[tuple[bool, str, BlobId], bytes] = {}
        names = {blob: name for (name, _), blob in numbers.files.items() if blob in bodies}
        files = {blob: self._clean(template_path(name), blob) for blob, name in names.items()}
        self.changed: Mapping[BlobId, BlobId] = {blob: _blob_id(data) for blob, data in files.items()}
        """The files of versions that change: old blob to new one."""
        self.emptied = frozenset(blob for blob, data in files.items() if is_tombstone(data))
        self._digests = numbers.digests(self.changed)

    def file(self, path: str, blob: BlobId, read: Callable[[], bytes]) -> bytes | None:
        """A file's new bytes; None where it stays."""
        new = self._clean(path, blob) if blob in self._bodies else None
        if self._digests and path.startswith(LABELS) and is_label_path(path):
            data = new if new is not None else read()
            pinned = repinned(data, path, self._digests)
            return pinned if pinned != data else new
        return new

    def text(self, text: bytes) -> bytes:
        """A message, a name or an address."""
        return self._leaked.removed_from(text) if self._leaked is not None else text

    def _clean(self, path: str, blob: BlobId) -> bytes:
        is_template = template_name(path) is not None
        key = (is_template, "" if is_template else path, blob)
        if key not in self._made:
            data, tag = self._bodies[blob], tag_of(self._salt, blob)
            self._made[key] = tombstone(data, tag) if self._leaked is None else cleaned(data, path, self._leaked, tag)
        return self._made[key]


def _blob_id(data: bytes) -> BlobId:
    return BlobId(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())
