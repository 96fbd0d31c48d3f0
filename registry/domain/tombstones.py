"""What a purge leaves of a version whose content had to go."""

from collections.abc import Mapping

from registry.domain.errors import VersionPurged
from registry.domain.graph import Closure
from registry.domain.ids import BlobId, TemplateName

TOMBSTONE = b"schema: purged/v1\n"
"""How such a file begins; no template does."""


def is_tombstone(data: bytes) -> bool:
    """Whether a template's file says that what stood there was purged."""
    return data.startswith(TOMBSTONE)


def require_not_purged(name: TemplateName, closure: Closure, bodies: Mapping[BlobId, str]) -> None:
    """Raises VersionPurged where a version, or one of its partials, is a tombstone."""
    for member, blob in closure:
        if blob is not None and blob in bodies and bodies[blob].startswith(TOMBSTONE.decode()):
            which = "This version" if member == name else f"The partial {member} in this version"
            raise VersionPurged(f"{which} of {name} was purged. Its number stays taken; read another version.")
