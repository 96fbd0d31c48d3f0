"""Which files the versions of a repository consist of, counted anew from Git: what a purge has to keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.domain.graph import Closure, closure_digest
from registry.domain.ids import BlobId, Digest, LabelName, TemplateName
from registry.domain.labels import is_label_path, read_labels
from registry.domain.names import LABELS
from registry.domain.purging import VersionKey
from registry.domain.versions import VersionState
from registry.ports.git import GitStore
from registry.ports.purging import Progress
from registry.services.tree_changes import read_all, template_changes

_TOLD_EACH = 100


@dataclass(slots=True)
class Numbers:
    """Every version with its own file and its closure; the newest of what is there; and what labels point to."""

    files: dict[VersionKey, BlobId] = field(default_factory=dict)
    closures: dict[VersionKey, Closure] = field(default_factory=dict)
    newest: Mapping[TemplateName, int] = field(default_factory=dict)
    labels: Mapping[tuple[LabelName, TemplateName], int] = field(default_factory=dict)

    def holding(self, blobs: Mapping[BlobId, BlobId]) -> list[VersionKey]:
        """The versions whose closure has one of some blobs."""
        return [key for key, closure in self.closures.items() if any(blob in blobs for _, blob in closure)]

    def digests(self, blobs: Mapping[BlobId, BlobId]) -> dict[VersionKey, tuple[Digest, Digest]]:
        """Old and new digests of the versions that change when blobs do."""
        found = {}
        for key in self.holding(blobs):
            closure = self.closures[key]
            after = tuple((name, blobs.get(blob, blob) if blob else None) for name, blob in closure)
            found[key] = (closure_digest(closure), closure_digest(after))
        return found


def read_numbers(store: GitStore, branch: str, progress: Progress) -> Numbers:
    """The versions on a branch as they are counted now. Long."""
    tip = store.resolve(branch)
    if tip is None:
        return Numbers()
    state, found, previous = VersionState(), Numbers(), None
    chain = store.first_parents(tip) or []
    for number, commit in enumerate(chain):
        if number % _TOLD_EACH == 0:
            progress("counting versions", number, len(chain))
        for version in state.step(template_changes(store, previous, commit)).versions:
            found.files[version.name, version.number] = version.blob
            found.closures[version.name, version.number] = version.closure
        previous = commit
    found.newest = {name: state.numbers[name] for name in state.graph.blobs}
    entries = [entry for entry in store.entries(tip, LABELS) if is_label_path(entry.path)]
    bodies = read_all(store, (entry.id for entry in entries))
    files = [read_labels(bodies[entry.id], entry.path) for entry in entries]
    found.labels = {(file.label, name): target.version for file in files for name, target in file.entries.items()}
    return found
