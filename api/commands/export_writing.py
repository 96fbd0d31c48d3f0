"""Writing an export: what was read becomes files, and a report."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.commands.export_reading import read_histories, read_states
from api.commands.export_target import check_file, check_folder, put_file, put_files
from api.commands.import_progress import shown_progress
from api.commands.output import REFUSED, fail
from api.commands.remote import Server
from registry.domain.exporting.files import count_files, write_files
from registry.domain.exporting.formats import TargetFormat
from registry.domain.exporting.forms import Written
from registry.domain.exporting.histories import Histories, in_time, write_histories
from registry.domain.exporting.langfuse import LANGFUSE, write_entries
from registry.domain.exporting.partials import settle
from registry.domain.ids import TemplateName


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


def write_export(
    server: Server, form: TargetFormat, target: str, *, names: Sequence[str], folder: str | None, label: str | None,
    force: bool,
) -> Told:  # fmt: skip
    """Reads, then writes. Ends the program where either fails; then nothing was written."""
    place = Path(target)
    if form is TargetFormat.BUNDLE:
        from api.commands.export_bundle import export_bundle

        check_file(place, force=force)
        made = export_bundle(server, place)
        return Told([], f"{target}: {len(made['refs'])} refs, {made['bytes']} bytes", made)  # type: ignore[arg-type]
    if form is TargetFormat.LANGFUSE:
        check_file(place, force=force)
        return _langfuse(server, place, names, folder, label)
    check_folder(place, force=force)
    states = read_states(server, names, folder, label)
    _check_some(states, server)
    prompts: list[ToldPrompt] = []
    files: list[tuple[str, bytes]] = []
    with shown_progress("written", count_files(states)) as step:
        for file in write_files(states, form):
            files.append((file.path, file.data))
            versions = [file.state.number] if file.state.number else []
            notes: list[tuple[int | None, str]] = [(None, note) for note in file.notes]
            prompts.append(ToldPrompt(file.state.name, file.path, versions, notes, list(file.carried)))
            step()
    put_files(place, files)
    return Told(prompts)


def _langfuse(server: Server, target: Path, names: Sequence[str], folder: str | None, label: str | None) -> Told:
    histories, said = gathered(server, names, folder, label)
    prompts = {name: ToldPrompt(name, name, [], [(None, note) for note in said.get(name, [])]) for name in histories}
    entries = []
    with shown_progress("written", sum(map(len, histories.values()))) as step:
        for written in write_histories(histories, LANGFUSE):
            entries.append(written.data)
            _tell(prompts[written.state.name], written)
            step()
    put_file(target, write_entries(entries))
    return Told(list(prompts.values()))


def gathered(
    server: Server, names: Sequence[str], folder: str | None, label: str | None
) -> tuple[Histories, dict[TemplateName, list[str]]]:
    """All versions of what was asked for, or with a label one of each; and notes by name."""
    if label is None:
        histories, notes = read_histories(server, names, folder)
        _check_some(histories, server)
        return in_time(histories), notes
    states = read_states(server, names, folder, label)
    _check_some(states, server)
    settled = settle(states)
    histories = {each.state.name: [each.state] for each in settled}
    return histories, {each.state.name: list(each.notes) for each in settled}


def _tell(prompt: ToldPrompt, written: Written[Any]) -> None:
    """Each note once, with the first version that it is of."""
    number = written.state.number
    prompt.versions.append(number)
    known = {note for _, note in prompt.notes}
    prompt.notes += [(number, note) for note in written.notes if note not in known]
    prompt.carried += [each for each in written.carried if each not in prompt.carried]


def _check_some(found: Sized, server: Server) -> None:
    if not found:
        fail(f"there is nothing to export in {server.repository}", REFUSED)
