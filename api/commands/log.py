"""``promptuary log``: the versions of a template."""

from typing import Any

from api.commands.options import InRepository, KeyFile, Limit, Name, Url
from api.commands.output import Json, day, write_json, write_table

_PUSHER = 3


def log(
    name: Name,
    limit: Limit = 50,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Show the versions of a template, newest first, with the labels that point to them now.

    Beside the author stands who pushed the commit, where that is known. The cause is the partial whose change made the
    version, where it was not the template's own file. The time is the author's, and an imported version says what it
    said where it comes from; --json has when it came (committed_at) and the commit's own subject, too.

    \b
    promptuary log support/triage
    promptuary log support/triage --limit 3 --json

    Exit codes: 0 shown, 1 there is no such template or the server refused, 2 it cannot be asked so.
    """
    from api.commands.pages import read_all, tell_more
    from api.commands.remote import open_server
    from api.commands.typed import asked_name

    known, server = asked_name(name), open_server(url, repository, key_file)
    page = read_all(server, "versions", known, entries="versions", limit=limit)
    labels = server.get("labels", needs=["labels"])["labels"]
    for entry in page["versions"]:
        entry["labels"] = sorted(label for label, names in labels.items() if names.get(known) == entry["version"])
    if as_json:
        write_json(page)
        return
    columns = ["VERSION", "TIME", "AUTHOR", "PUSHER", "LABELS", "CAUSE", "SUBJECT"]
    rows = [_row(entry) for entry in page["versions"]]
    if not any(row[_PUSHER] for row in rows):
        del columns[_PUSHER]
        rows = [row[:_PUSHER] + row[_PUSHER + 1 :] for row in rows]
    write_table(columns, rows, optional=("PUSHER", "AUTHOR", "CAUSE", "TIME", "LABELS"), crop_last=True)
    tell_more(page, len(page["versions"]))


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    number = f"{entry['version']}{_state(entry)}"
    cause = entry["cause"] or (entry["moved_from"] and f"was {entry['moved_from']}")
    labels = " ".join(entry["labels"])
    # An older server tells neither where a version was imported from, nor when its author wrote it, nor who pushed it.
    subject = entry.get("imported_subject") or entry["subject"]
    return (
        number,
        day(entry.get("authored_at") or entry["committed_at"]),
        entry["author"]["name"],
        entry.get("pushed_by") or "",
        labels,
        cause or "",
        subject,
    )


def _state(entry: dict[str, Any]) -> str:
    if entry["valid"]:
        return ""
    return " purged" if any(each["rule"] == "purged" for each in entry["diagnostics"]) else " invalid"
