"""``promptuary audit``: reads and verifies the audit in the data folder or its database, also while the server runs."""

import re
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.output import UNUSABLE, Data, Json, console, existing_data, fail, run, warn, write_json, write_table

if TYPE_CHECKING:
    from datetime import datetime

    from registry.domain.audit import AuditEntry, AuditFilter
    from registry.domain.audit_verification import AuditVerification
    from registry.domain.catalogue import Page
    from registry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Read, export and verify what was done, by whom and from where."
)

LONGEST_CHANGE = 72
"""Letters of what was changed: a line of the list is about as wide as a wide window."""
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

Actor = Annotated[str | None, typer.Option(help="Done by this user.", show_default=False)]
Action = Annotated[str | None, typer.Option(help="What was done, such as label.moved.", show_default=False)]
Repository = Annotated[str | None, typer.Option(help="Done to this repository.", show_default=False)]
Name = Annotated[str | None, typer.Option(help="Done to the template of this name.", show_default=False)]
Folder = Annotated[str | None, typer.Option(help="Done to a template in this folder or below it.", show_default=False)]
Label = Annotated[str | None, typer.Option(help="Done to this label.", show_default=False)]
Ref = Annotated[
    str | None, typer.Option(help="Done to this branch or tag, such as refs/heads/main.", show_default=False)
]
Key = Annotated[str | None, typer.Option(help="Done with the API key of this id.", show_default=False)]
Address = Annotated[str | None, typer.Option(help="Done from this address.", show_default=False)]
Since = Annotated[
    str | None,
    typer.Option("--from", help="Done then or later: 2026-11-30 or 2026-11-30T09:26:53Z.", show_default=False),
]
Until = Annotated[str | None, typer.Option("--to", help="Done before then.", show_default=False)]


@app.command("list")
def list_entries(
    actor: Actor = None,
    action: Action = None,
    repository: Repository = None,
    name: Name = None,
    folder: Folder = None,
    label: Label = None,
    ref: Ref = None,
    key: Key = None,
    address: Address = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 50,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List what was done, newest first.

    \b
    promptuary audit list
    promptuary audit list --action access.denied --from 2026-11-30
    promptuary audit list --actor kim --repository default --json
    promptuary audit list --action label.moved --label production --name support/triage
    """
    from api.commands.pages import more_than
    from api.schemas.audit import entry_body

    wanted = _filter(
        actor, action, repository, key, address, since, until, name=name, folder=folder, label=label, ref=ref
    )
    page = run(_list(existing_data(data), wanted, limit))
    if as_json:
        write_json({"entries": [entry_body(entry) for entry in page.items], "more": page.next_cursor is not None})
        return
    columns = ("NUMBER", "TIME", "ACTOR", "FROM", "ACTION", "WHERE", "WHAT")
    write_table(columns, [_row(entry) for entry in page.items], optional=("FROM",), crop_last=True)
    if page.next_cursor is not None:
        warn(f"{more_than(len(page.items))}: see them with a larger --limit, or export them")


@app.command("export")
def export(
    actor: Actor = None,
    action: Action = None,
    repository: Repository = None,
    name: Name = None,
    folder: Folder = None,
    label: Label = None,
    ref: Ref = None,
    key: Key = None,
    address: Address = None,
    since: Since = None,
    until: Until = None,
    data: Data = None,
    _as_json: Annotated[bool, typer.Option("--json", help="As it is without this: JSON lines.")] = False,
) -> None:
    """Write what was done as JSON lines to standard output, oldest first.

    \b
    promptuary audit export > audit.jsonl
    promptuary audit export --from 2026-11-01 --to 2026-12-01 | gzip > november.jsonl.gz
    """
    wanted = _filter(
        actor, action, repository, key, address, since, until, name=name, folder=folder, label=label, ref=ref
    )
    run(_export(existing_data(data), wanted))


@app.command("verify")
def verify(
    expect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER:HASH",
            help="A place of the chain that was kept elsewhere; may be repeated.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Go through the whole audit and say whether it is as it was entered.

    \b
    promptuary audit verify
    promptuary audit verify --expect 4711:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

    Exit codes: 0 it is, 1 it is not, 2 it cannot be read.
    """
    from api.schemas.audit import AuditReport

    expected = dict(_place(each) for each in expect or [])
    found, missed = run(_verify(existing_data(data), expected))
    if as_json:
        write_json({**AuditReport.from_domain(found).model_dump(mode="json"), "unexpected": missed})
    else:
        _tell(found, missed)
    if found.fault is not None or missed:
        raise typer.Exit(1)


def _tell(found: "AuditVerification", missed: list[int]) -> None:
    if found.fault is not None:
        warn(f"entry {found.fault.number} of the audit is not as it was entered: {found.fault.reason}")
    for number in missed:
        warn(f"entry {number} has not the hash that was expected, or is not there")
    for judged in found.marks:
        typer.echo(f"{judged.mark.kind.capitalize()} signed at entry {judged.mark.number}: {judged.trust}.")
    if found.fault is None:
        typer.echo(f"{found.entries} entries fit, up to {found.number}:{found.hash}")


def _place(text: str) -> tuple[int, str]:
    number, _, hash_ = text.partition(":")
    if not number.isdecimal() or len(number) > 15 or len(hash_) != 64:
        fail(f"--expect {text!r} is no place of the audit: write NUMBER:HASH, as verify and the log tell it", UNUSABLE)
    return int(number), hash_.lower()


def _filter(
    actor: str | None,
    action: str | None,
    repository: str | None,
    key: str | None,
    address: str | None,
    since: str | None,
    until: str | None,
    **places: str | None,
) -> "AuditFilter":
    from registry.domain.audit import AuditAction, AuditFilter

    if action is not None and action not in list(AuditAction):
        fail(f"--action {action!r} is no action: {', '.join(AuditAction)}", UNUSABLE)
    return AuditFilter(
        actor,
        AuditAction(action) if action is not None else None,
        repository,
        key,
        address,
        since=_time("--from", since),
        until=_time("--to", until),
        **places,
    ).typed()


def _time(option: str, text: str | None) -> "datetime | None":
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text!r} is no time: write 2026-11-30 or 2026-11-30T09:26:53Z", UNUSABLE)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


async def _list(settings: "Settings", wanted: "AuditFilter", limit: int) -> "Page[AuditEntry]":
    from registry.bootstrap import open_registry

    async with open_registry(settings) as registry:
        return await registry.audit.list_entries(wanted, limit=limit)


async def _export(settings: "Settings", wanted: "AuditFilter") -> None:
    from api.audit_lines import audit_lines
    from registry.bootstrap import open_registry

    async with open_registry(settings) as registry:
        lines: AsyncIterator[bytes] = audit_lines(registry.audit, wanted)
        async for piece in lines:
            sys.stdout.buffer.write(piece)
    sys.stdout.flush()


async def _verify(settings: "Settings", expected: dict[int, str]) -> tuple["AuditVerification", list[int]]:
    """What was found, and which of the expected places are not as they were."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from registry.bootstrap import open_registry

    out = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("entries", total=None)
        async with open_registry(settings.patient()) as registry:
            found = await registry.audit.verify(lambda done, total: bar.update(task, completed=done, total=total))
            return found, [n for n, hash_ in sorted(expected.items()) if await registry.audit.hash_at(n) != hash_]


def _row(entry: "AuditEntry") -> tuple[object, ...]:
    draft = entry.draft
    where = " ".join(str(each) for each in (draft.repository, draft.ref, draft.label, draft.name) if each)
    return (
        entry.number,
        draft.at.strftime("%Y-%m-%d %H:%M:%S"),
        draft.origin.actor,
        draft.origin.address,
        draft.action,
        where,
        _change(draft.old, draft.new),
    )


def _change(old: Any, new: Any) -> str:
    """What was changed, on one short line; --json has all of it."""
    if isinstance(old, dict) and isinstance(new, dict):
        old, new = _but_for(old, new), _but_for(new, old)
    before, after = _short(old), _short(new)
    text = f"{before} -> {after}" if before and after else after or before
    return text if len(text) <= LONGEST_CHANGE else f"{text[: LONGEST_CHANGE - 1]}…"


def _but_for(these: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in these.items() if name not in others or others[name] != value}


def _short(value: Any) -> str:
    from registry.domain.canonical import canonical_json

    if value is None:
        return ""
    if isinstance(value, dict):
        told = sorted(value.items(), key=lambda each: each[0] == "id")  # last: what is cut is the least of it
        return ", ".join(f"{name} {_short(each)}" for name, each in told if each not in (None, "", []))
    if isinstance(value, list):
        return " ".join(map(_short, value))
    if isinstance(value, str):
        return value[:10] if _OBJECT.fullmatch(value) else value
    return canonical_json(value)
