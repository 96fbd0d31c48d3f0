"""What the catalogue has of one template and of the version that somebody asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.domain.catalogue import TemplateEntry, VersionEntry
from registry.domain.ids import BlobId, CommitId
from registry.domain.template import Json


@dataclass(frozen=True, slots=True)
class SelectedState:
    """All of it as of one commit, ``indexed``, which is None where the repository was never projected.

    ``entry`` says where the template's versions and labels are, and neither facts, owners nor diagnostics; it is None
    where there never was a template of that name. ``version`` is None where there is no such version. ``bodies`` are
    the source texts of its closure. ``rules`` are those of ``.registry.yaml``, given where the default was asked for.
    """

    indexed: CommitId | None = None
    entry: TemplateEntry | None = None
    version: VersionEntry | None = None
    bodies: Mapping[BlobId, str] = field(default_factory=dict)
    rules: Json = None
