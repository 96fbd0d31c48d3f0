"""Templates as files of another tool, each in one of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.domain.exporting.forms import Form, write_state
from registry.domain.exporting.front_matter import (
    dotprompt_can,
    github_can,
    prompty_can,
    text_can,
    write_dotprompt,
    write_github,
    write_prompty,
    write_text_file,
)
from registry.domain.exporting.partials import settle
from registry.domain.exporting.promptfoo import ENDING, promptfoo_can, read_config, write_promptfoo
from registry.domain.exporting.states import ExportedState
from registry.domain.importing.imported import Imported
from registry.domain.importing.project_files import is_project_file
from registry.domain.importing.prompt_files import read_dotprompt, read_github, read_prompty, read_text
from registry.domain.names import encode_segment, path_key, template_path
from registry.domain.prompt_formats import PromptFormat

ENDINGS: Mapping[PromptFormat, str] = {
    PromptFormat.PROMPTY: ".prompty",
    PromptFormat.DOTPROMPT: ".prompt",
    PromptFormat.GITHUB: ".prompt.yml",
    PromptFormat.PROMPTFOO: ENDING,
    PromptFormat.TEXT: ".md",
}


@dataclass(frozen=True, slots=True)
class PromptFile:
    """One file of an export: ``path`` is below its folder, with ``/``."""

    path: str
    data: bytes
    state: ExportedState
    notes: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()


def write_files(states: Sequence[ExportedState], form: PromptFormat) -> Iterator[PromptFile]:
    """A file for each template, and for all that they include, by name."""
    if form is PromptFormat.PROMPTUARY:
        yield from _own_files(states)
        return
    ending, taken = ENDINGS[form], set[str]()
    for settled in settle(states):
        name = _free(settled.state, ending, taken)
        written = write_state(settled.state, _FORMS[form], name=name)
        notes = (*settled.notes, *written.notes)
        yield PromptFile(f"{name}{ending}", written.data, settled.state, notes, written.carried)


def count_files(states: Sequence[ExportedState]) -> int:
    """How many files that will be."""
    return len({name for state in states for name in (state.name, *state.partials)})


def _own_files(states: Sequence[ExportedState]) -> Iterator[PromptFile]:
    """Promptuary's own, byte for byte. A partial is there once, so those who have it otherwise are told of."""
    settled = settle(states)
    sources = {each.state.name: each.state.source for each in settled}
    for each in settled:
        other = sorted(name for name, source in each.state.partials.items() if sources[name] != source)
        notes = [f"it has {name} in another state than it is exported in" for name in other]
        yield PromptFile(template_path(each.state.name), each.state.source.encode(), each.state, tuple(notes))


def _free(state: ExportedState, ending: str, taken: set[str]) -> str:
    """The path of a template's file without its ending: what every system can store, and none of the others has."""
    stem = "/".join(map(encode_segment, state.name.split("/")))
    if is_project_file(f"{stem}{ending}"):
        stem += "-prompt"
    name, count = stem, 1
    while path_key(name) in taken:
        count += 1
        name = f"{stem}-{count}"
    taken.add(path_key(name))
    return name


def _reader(read: Callable[[bytes, str, str], Imported]) -> Callable[[bytes, str], Imported]:
    return lambda data, name: read(data, name, name)


_FORMS: Mapping[PromptFormat, Form[bytes]] = {
    PromptFormat.PROMPTY: Form(prompty_can, write_prompty, _reader(read_prompty)),
    PromptFormat.DOTPROMPT: Form(dotprompt_can, write_dotprompt, _reader(read_dotprompt)),
    PromptFormat.GITHUB: Form(github_can, write_github, _reader(read_github)),
    PromptFormat.PROMPTFOO: Form(promptfoo_can, write_promptfoo, read_config),
    PromptFormat.TEXT: Form(text_can, write_text_file, _reader(read_text)),
}
