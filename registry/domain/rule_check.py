"""What the rules of one file work with: the template, the places, and where findings go."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from registry.domain.diagnostics import Diagnostic, Place, Severity
from registry.domain.template import Json, Template
from registry.domain.template_builder import Faulty, escape_pointer
from registry.domain.yaml_reader import YamlDocument


@dataclass(slots=True)
class Check:
    """One file under the rules. ``template`` lacks the entries in ``faulty``; ``document`` has all.

    ``said`` is the document as a mapping, empty where it is none.
    """

    path: str
    document: YamlDocument
    template: Template
    faulty: Faulty = ()
    found: list[Diagnostic] = field(default_factory=list)
    said: Mapping[str, Json] = field(init=False)

    def __post_init__(self) -> None:
        self.said = self.document.value if isinstance(self.document.value, dict) else {}

    def say(self, rule: str, message: str, pointer: str, *, key: bool = False) -> None:
        """An error at the value (or key) that a JSON pointer names."""
        place = self.document.key_place(pointer) if key else self.document.place_of(pointer)
        self.say_at(rule, message, place)

    def warn(self, rule: str, message: str, pointer: str, *, key: bool = False) -> None:
        """A warning at the value (or key) that a JSON pointer names."""
        place = self.document.key_place(pointer) if key else self.document.place_of(pointer)
        self.say_at(rule, message, place, Severity.WARNING)

    def say_at(self, rule: str, message: str, place: Place, severity: Severity = Severity.ERROR) -> None:
        """A finding at a place."""
        self.found.append(Diagnostic(rule, message, self.path, place, severity))

    def sound(self, *keys: str | int) -> bool:
        """Whether the entry fits the schema."""
        return keys[:1] not in self.faulty and keys[:2] not in self.faulty


def leaves(value: Json, pointer: str = "") -> Iterator[tuple[str, str | None, Json]]:
    """Everything below a value: (JSON pointer, its last key or None for an item, value), in file order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            below = f"{pointer}/{escape_pointer(key)}"
            yield below, key, inner
            yield from leaves(inner, below)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"{pointer}/{index}", None, inner
            yield from leaves(inner, f"{pointer}/{index}")
