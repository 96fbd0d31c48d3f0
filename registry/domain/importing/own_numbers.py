"""The versions that another Promptuary counts, as states of the files that make them."""

import hashlib
from collections.abc import Callable, Mapping

from registry.domain.graph import Change
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.names import PROMPTS, SUFFIX, template_name
from registry.domain.versions import VersionState


class OwnNumbers:
    """Counts along with a history: a version is made by a template's own file or by a partial's."""

    def __init__(self) -> None:
        self._versions = VersionState()
        self._states: dict[tuple[TemplateName, int], int] = {}

    def take(self, changed: Mapping[str, bytes | None], state_of: Callable[[str], int]) -> None:
        """Goes one commit further; ``state_of`` says which state of its own file each template has now."""
        changes: list[Change] = []
        for path, data in changed.items():
            name = template_name(path) if path.startswith(PROMPTS) and path.endswith(SUFFIX) else None
            if name is not None:
                blob = None if data is None else BlobId(hashlib.sha256(data).hexdigest())
                changes.append(Change(name, blob, raw_includes(data) if data is not None else frozenset()))
        for version in self._versions.step(changes).versions if changes else ():
            self._states[version.name, version.number] = state_of(version.name)

    def state_of(self, name: TemplateName, version: int) -> int | None:
        """The state of a template's own file, from 1, in a version of it; None where there is no such version."""
        return self._states.get((name, version)) or None
