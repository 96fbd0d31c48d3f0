"""What exported templates include: in the state that they have it, whatever else is exported."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from registry.domain.exporting.states import ExportedState
from registry.domain.exporting.target_texts import Language, TextWriter
from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Syntax
from registry.domain.importing.remainders import map_texts
from registry.domain.includes import raw_includes
from registry.domain.template import Json, TemplateType
from registry.domain.yaml_reader import read_yaml


@dataclass(frozen=True, slots=True)
class Settled:
    """A state that can stand beside the others, and what had to be done for that."""

    state: ExportedState
    notes: tuple[str, ...] = ()


def texts_of(state: ExportedState) -> dict[TemplateName, str]:
    """The texts of all that a state includes."""
    found = {name: read_yaml(source.encode(), "").value for name, source in state.partials.items()}
    return {name: said["text"] for name, said in found.items() if _is_text(said)}


def settle(states: Sequence[ExportedState]) -> list[Settled]:
    """One state of each template, with all that they include, sorted by name.

    What is included and is not among them comes along in the state in which the first of them has it; a template that
    has a partial in another state than it comes along in gets its text taken in.
    """
    known = {state.name: state for state in states}
    notes: dict[TemplateName, str] = {}
    for state in states:
        for name in sorted(state.partials):
            if name not in known and (partial := _partial(name, state)) is not None:
                known[name] = partial
                notes[name] = f"it comes along because {state.name} includes it"
    sources = {name: state.source for name, state in known.items()}
    return [_settled(known[name], sources, notes.get(name)) for name in sorted(known)]


def _partial(name: TemplateName, state: ExportedState) -> ExportedState | None:
    """What a state includes as a state of its own."""
    source = state.partials[name]
    document = read_yaml(source.encode(), "").value
    if not _is_text(document):
        return None
    others = {other: text for other, text in state.partials.items() if other != name}
    return ExportedState(name, 0, source, document, others, time=state.time)


def _settled(state: ExportedState, sources: Mapping[TemplateName, str], note: str | None) -> Settled:
    notes = (note,) if note else ()
    other = {name for name, source in state.partials.items() if sources.get(name) != source}
    while more := {name for name, text in state.partials.items() if raw_includes(text.encode()) & other} - other:
        other |= more
    if not other:
        return Settled(state, notes)
    taken = take_in(state, lambda name: name in other)
    told = f"others have {', '.join(sorted(other))} in another state, so its text is taken in"
    return Settled(taken, (*notes, told))


def take_in(state: ExportedState, wanted: Callable[[TemplateName], bool]) -> ExportedState:
    """The state with the texts of some of its partials in place of their includes."""
    writer = TextWriter(Language("", Syntax.JINJA), texts_of(state), lambda _name: None, [], wanted)
    document = dict(state.document)
    for key in ("text", "messages"):
        if key in document:
            said = document[key]
            document[key] = (
                [map_texts(message, writer.write) for message in said] if isinstance(said, list) else writer.write(said)
            )
    return replace(state, document=document)


def _is_text(said: Json) -> bool:
    return isinstance(said, dict) and said.get("type") == TemplateType.TEXT and isinstance(said.get("text"), str)
