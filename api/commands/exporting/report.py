"""What is told of an export."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.domain.exporting.forms import Written


@dataclass(slots=True)
class ToldPrompt:
    """What became of one template: ``called`` is its file or name there; notes with the version they are of.

    ``carried`` are fields for which the format has no place: they come along under the key ``promptuary``.
    """

    name: str
    called: str
    versions: list[int] = field(default_factory=list)
    notes: list[tuple[int | None, str]] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)

    def note(self, text: str, number: int | None = None) -> None:
        """Notes something, once."""
        if all(text != known for _, known in self.notes):
            self.notes.append((number, text))

    def tell(self, written: Written[Any]) -> None:
        """Takes what is to be told of a version."""
        self.versions.append(written.state.number)
        for text in written.notes:
            self.note(text, written.state.number)
        self.carried += [each for each in written.carried if each not in self.carried]

    @property
    def document(self) -> dict[str, object]:
        """For programs."""
        return {
            "name": self.name,
            "called": self.called,
            "versions": self.versions,
            "carried": self.carried,
            "notes": [{"version": number, "note": note} for number, note in self.notes],
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What became of all; ``said`` is a line for people where there are no prompts, ``more`` for programs."""

    prompts: Sequence[ToldPrompt]
    said: str = ""
    more: dict[str, object] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, object]:
        """For programs."""
        return {"prompts": [each.document for each in self.prompts], **self.more}
