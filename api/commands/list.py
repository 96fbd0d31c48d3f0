"""``promptuary list``: the templates of a repository on a server."""

from typing import Annotated, Any

import typer

from api.commands.options import InRepository, KeyFile, Label, Limit, Model, OfType, Owner, Status, Tag, Url
from api.commands.output import Json, day, warn, write_json, write_table


def list_templates(
    folder: Annotated[
        str | None, typer.Argument(help="Only in this folder. [default: all]", show_default=False)
    ] = None,
    tag: Tag = None,
    of_type: OfType = None,
    status: Status = None,
    model: Model = None,
    owner: Owner = None,
    label: Label = None,
    limit: Limit = 1000,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """List the templates of a repository, sorted by name.

    The version is the newest valid one; the status is broken where the file in Git cannot be served.

    \b
    promptuary list
    promptuary list support --tag triage --label production
    promptuary list --status deprecated --json | jq -r '.templates[].name'

    Exit codes: 0 listed (also where there are none), 1 the server refused, 2 it cannot be asked so.
    """
    from api.commands.pages import read_all, tell_more
    from api.commands.remote import open_server

    filters: dict[str, Any] = {"folder": folder, "tag": tag, "type": of_type, "status": status}
    filters |= {"model": model, "owner": owner, "label": label}
    page = read_all(open_server(url, repository, key_file), "templates", entries="templates", limit=limit, **filters)
    if as_json:
        write_json(page)
        return
    templates = page["templates"]
    columns = ("NAME", "VERSION", "TYPE", "STATUS", "LABELS", "UPDATED", "DESCRIPTION")
    if templates:
        rows = [_row(template) for template in templates]
        write_table(columns, rows, optional=("UPDATED", "TYPE", "STATUS", "DESCRIPTION", "LABELS"), crop_last=True)
    else:
        warn("no template fits that" if any(filters.values()) else "the repository has no templates yet")
    tell_more(page, len(templates))


def shown_labels(labels: dict[str, int]) -> str:
    """Labels with their versions: ``production=11 staging=12``."""
    return " ".join(f"{label}={version}" for label, version in sorted(labels.items()))


def _row(template: dict[str, Any]) -> tuple[object, ...]:
    return (
        template["name"],
        template.get("latest"),
        template.get("type"),
        "broken" if template.get("diagnostics") else template.get("status"),
        shown_labels(template.get("labels") or {}),
        day(template.get("updated_at")),
        template.get("description"),
    )
