"""From a digest, as an application logged it, back to the template and its versions."""

import re
from dataclasses import dataclass

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import BadRequest, Conflict, VersionNotFound
from registry.domain.ids import Digest, RepositoryName
from registry.domain.names import printable
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.seen_versions import as_seen
from registry.ports.catalogue import VersionOrigins
from registry.ports.pushers import Pushers
from registry.services.pushed_versions import with_pushers

MOST = 100
"""So many versions of one digest are told; a template that is changed to and fro has more."""

_PREFIX = re.compile(r"[0-9a-f]{8,64}")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Resolved:
    """A digest and the versions that have it, newest first."""

    digest: Digest
    versions: tuple[VersionEntry, ...]


class Digests:
    """Looks digests up among the versions of the default branch, deleted templates' included."""

    def __init__(self, *, origins: VersionOrigins, pushers: Pushers) -> None:
        self._origins = origins
        self._pushers = pushers

    async def resolve(self, repository: RepositoryName, text: str, sight: Sight = EVERYTHING) -> Resolved:
        """The versions of a digest that are seen; it may be cut to its first digits as in a reference.

        Raises BadRequest for what is no digest, VersionNotFound, Conflict where several digests begin so.
        """
        prefix = text.lower()
        if not _PREFIX.fullmatch(prefix):
            raise BadRequest(
                f"{printable(text)} is no digest: give 8 to 64 of its hexadecimal digits, from the first on"
            )
        known = await self._origins.with_digest(repository, prefix, MOST)
        found = [as_seen(each, sight) for each in known if sight.has(each.name)]
        if not found:
            raise VersionNotFound(f"No version in {repository} has a digest that begins with {prefix}.")
        digests = list(dict.fromkeys(entry.digest for entry in found))
        if len(digests) > 1:
            shown = ", ".join(digests[:_SHOWN]) + (", …" if len(digests) > _SHOWN else "")
            raise Conflict(f"Several digests begin with {prefix}: {shown}; give more digits.")
        return Resolved(digests[0], await with_pushers(self._pushers, repository, found))
