"""Versions as somebody sees them who may read some folders only."""

from dataclasses import replace

from registry.domain.catalogue import VersionEntry
from registry.domain.rights import Sight


def as_seen(version: VersionEntry, sight: Sight) -> VersionEntry:
    """The version without the name that the template had before, where that is not seen: it is new there."""
    if version.moved_from is None or sight.has(version.moved_from):
        return version
    return replace(version, moved_from=None)
