"""What is exported, read from a server: one state of each template, or all versions of each."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from api.commands.output import fail
from api.commands.pages import read_all
from api.commands.progress import shown_progress
from api.commands.remote import Server
from api.commands.request_threads import request_threads
from api.commands.typed import typed_name
from registry.domain.exporting.histories import Histories
from registry.domain.exporting.states import ExportedState
from registry.domain.ids import TemplateName

READERS = 4
"""Versions read at a time: more than one hides the way to the server."""
ALL = 1_000_000
_NEEDS = ("name", "source", "document", "partials")


def read_states(server: Server, names: Sequence[str], folder: str | None, label: str | None) -> list[ExportedState]:
    """One state of each template: where the label points, else the newest valid one. Ends the program where it fails.

    With ``names`` only theirs. What they include is in each state.
    """
    wanted = label or "latest"
    if names:
        found = [server.get("templates", typed_name(each), needs=_NEEDS, label=wanted) for each in dict.fromkeys(names)]
    else:
        found = server.get("bundle", needs=["templates"], label=wanted, folder=folder)["templates"]
    return [_state(each) for each in found]


def read_histories(
    server: Server, names: Sequence[str], folder: str | None
) -> tuple[Histories, dict[TemplateName, list[str]]]:
    """Every valid version of each template and of all that they include; and notes by name. Ends where it fails."""
    page = read_all(server, "templates", entries="templates", limit=ALL, folder=folder if not names else None)
    known = {TemplateName(each["name"]): each["labels"] for each in page["templates"]}
    if names:
        wanted = [typed_name(each) for each in dict.fromkeys(names)]
        for each in wanted:
            if each not in known:
                server.get("templates", each, label="latest")  # says why there is none
    else:
        wanted = list(known)
    every = known if names or not folder else _all_labels(server)
    histories: dict[TemplateName, list[ExportedState]] = {}
    notes: dict[TemplateName, list[str]] = {}
    while wanted:
        histories |= dict(_versions(server, wanted, every, notes))
        included = {partial for name in wanted for state in histories[name] for partial in state.partials}
        wanted = sorted(name for name in included if name in every and name not in histories)
    return {name: states for name, states in histories.items() if states}, notes


def _all_labels(server: Server) -> dict[TemplateName, dict[str, int]]:
    page = read_all(server, "templates", entries="templates", limit=ALL)
    return {TemplateName(each["name"]): each["labels"] for each in page["templates"]}


def _versions(
    server: Server,
    names: Iterable[TemplateName],
    labels: dict[TemplateName, dict[str, int]],
    notes: dict[TemplateName, list[str]],
) -> list[tuple[TemplateName, list[ExportedState]]]:
    """The versions of some templates, oldest first."""
    listed = {name: _numbers(server, name, notes.setdefault(name, [])) for name in names}
    todo = [(name, number) for name, numbers in listed.items() for number in numbers]
    found: dict[TemplateName, list[ExportedState]] = {name: [] for name in listed}
    with shown_progress("read", len(todo)) as step, request_threads(READERS) as pool:
        reads = pool.map(lambda each: server.get("templates", each[0], needs=_NEEDS, version=each[1]), todo)
        for (name, number), read in zip(todo, reads, strict=True):
            marks = sorted(label for label, version in labels.get(name, {}).items() if version == number)
            found[name].append(_state(read, (*marks, *(("latest",) if number == listed[name][-1] else ()))))
            step()
    return list(found.items())


def _numbers(server: Server, name: TemplateName, notes: list[str]) -> list[int]:
    """The valid versions of a template, oldest first."""
    versions = read_all(server, "versions", name, entries="versions", limit=ALL)["versions"]
    broken = [str(each["version"]) for each in versions if not each["valid"]]
    if broken:
        notes.append(f"what is broken is left out: version {', '.join(reversed(broken))}")
    before = [each["moved_from"] for each in versions if each.get("moved_from")]
    if before:
        notes.append(f"what it was when it was called {before[-1]} is left out")
    return [each["version"] for each in reversed(versions) if each["valid"]]


def _state(said: dict[str, Any], labels: tuple[str, ...] | None = None) -> ExportedState:
    author = said.get("author") or {}
    try:
        time = datetime.fromisoformat(str(said.get("updated_at")))
    except ValueError:
        time = None
    document = said["document"]
    if not isinstance(document, dict):
        fail(f"{said['name']} came without its document; check that the address is a Promptuary server's")
    return ExportedState(
        TemplateName(said["name"]),
        said.get("version") or 0,
        said["source"],
        document,
        {TemplateName(name): source for name, source in said["partials"].items()},
        tuple(said.get("labels") or ()) if labels is None else labels,
        str(said.get("commit") or ""),
        str(said.get("reference") or ""),
        f"{author.get('name', '')} <{author.get('email', '')}>",
        time,
        str(said.get("message") or ""),
    )
