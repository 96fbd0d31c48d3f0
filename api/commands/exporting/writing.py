"""Writing an export: what was read becomes files, and a report."""

from collections.abc import Sequence, Sized
from pathlib import Path

from api.commands.exporting.paths import check_file, check_folder, put_file, put_files
from api.commands.exporting.reading import read_histories, read_states
from api.commands.exporting.report import Told, ToldPrompt
from api.commands.output import REFUSED, fail
from api.commands.progress import shown_progress
from api.commands.remote import Server
from registry.domain.exporting.files import count_files, write_files
from registry.domain.exporting.histories import Histories, in_time, write_histories
from registry.domain.exporting.langfuse import LANGFUSE, write_entries
from registry.domain.exporting.partials import settle
from registry.domain.ids import TemplateName
from registry.domain.prompt_formats import PromptFormat
from registry.domain.wording import counted


def write_export(
    server: Server, form: PromptFormat, target: str, *, names: Sequence[str], folder: str | None, label: str | None,
    force: bool,
) -> Told:  # fmt: skip
    """Reads, then writes. Ends the program where either fails; then nothing was written."""
    place = Path(target)
    if form is PromptFormat.GIT:
        from api.commands.exporting.bundle import export_bundle

        check_file(place, force=force)
        made = export_bundle(server, place)
        return Told([], f"{target}: {counted(len(made['refs']), 'ref')}, {counted(made['bytes'], 'byte')}", made)  # type: ignore[arg-type]
    if form is PromptFormat.LANGFUSE:
        check_file(place, force=force)
        return _langfuse(server, place, names, folder, label)
    if form is PromptFormat.MLFLOW:
        from api.commands.exporting.mlflow import export_mlflow

        histories, prompts_of = _prompts(server, names, folder, label)
        count = export_mlflow(target, histories, prompts_of)
        return Told(list(prompts_of.values()), more={"written": count})
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
    histories, prompts = _prompts(server, names, folder, label)
    entries = []
    with shown_progress("written", sum(map(len, histories.values()))) as step:
        for written in write_histories(histories, LANGFUSE):
            entries.append(written.data)
            prompts[written.state.name].tell(written)
            step()
    put_file(target, write_entries(entries))
    return Told(list(prompts.values()))


def _prompts(
    server: Server, names: Sequence[str], folder: str | None, label: str | None
) -> tuple[Histories, dict[str, ToldPrompt]]:
    """The versions to export, and a report for each template."""
    histories, said = gathered(server, names, folder, label)
    return histories, {
        name: ToldPrompt(name, name, [], [(None, note) for note in said.get(name, [])]) for name in histories
    }


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


def _check_some(found: Sized, server: Server) -> None:
    if not found:
        fail(f"there is nothing to export in {server.repository}", REFUSED)
