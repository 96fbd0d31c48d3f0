"""``promptuary search``: full-text search on a server."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.completion import complete_name
from api.commands.list import shown_labels
from api.commands.options import InRepository, KeyFile, Label, Limit, Model, OfType, Owner, Status, Tag, Url
from api.commands.output import Json, console, plain, visible, warn, write_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LARGEST_PAGE = 100
SHOWN_VALUES = 5
SHOWN_FRAGMENTS = 2
SHOWN_FIELDS = ("description", "body")

Words = Annotated[
    list[str] | None,
    typer.Argument(help="Words, their beginnings or parts, in any language.", show_default=False),
]
Like = Annotated[
    str | None,
    typer.Option(
        help="Templates that are most like this one, in the place of words.",
        autocompletion=complete_name,
        show_default=False,
    ),
]


def search(
    words: Words = None,
    like: Like = None,
    all_versions: Annotated[bool, typer.Option("--all-versions", help="Look through older texts too.")] = False,
    folder: Annotated[str | None, typer.Option(help="Only in this folder.", show_default=False)] = None,
    tag: Tag = None,
    of_type: OfType = None,
    status: Status = None,
    model: Model = None,
    owner: Owner = None,
    label: Label = None,
    limit: Limit = 20,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Find templates by what they say, best first, with the places that match and counts to narrow it down.

    \b
    promptuary search refund policy
    promptuary search 환불 --tag support
    promptuary search --like support/triage
    promptuary search ticket --label production --json | jq -r '.hits[].name'

    Exit codes: 0 found, 1 nothing was found or the server refused, 2 it cannot be asked so.
    """
    from api.commands.pages import read_all, tell_more
    from api.commands.remote import open_server

    if bool(words) == bool(like):
        raise typer.BadParameter("Give words to look for, or --like with a template's name.")
    asked: dict[str, Any] = {"like": like} if like else {"q": " ".join(words or ())}
    asked |= {"versions": "all"} if all_versions else {}
    filters: dict[str, Any] = {"folder": folder, "tag": tag, "type": of_type, "status": status}
    filters |= {"model": model, "owner": owner, "label": label}
    server = open_server(url, repository, key_file)
    page = read_all(server, "search", entries="hits", limit=limit, largest=LARGEST_PAGE, **asked, **filters)
    if as_json:
        write_json(page)
    else:
        _write(page)
        tell_more(page, len(page["hits"]))
    if not page["hits"]:
        raise typer.Exit(1)


def _write(page: dict[str, Any]) -> None:
    from rich.text import Text

    out = console()
    for hit in page["hits"]:
        _write_hit(out, hit)
    for facet, counts in (page.get("facets") or {}).items():
        shown = "  ".join(f"{plain(each['value'])} {each['count']}" for each in counts[:SHOWN_VALUES])
        if counts:
            more = f"  and {len(counts) - SHOWN_VALUES} more" if len(counts) > SHOWN_VALUES else ""
            out.print(Text(f"{facet}: ", style="bold").append(shown + more, style="not bold"))
    about = "" if page.get("exact") else "about "
    lacks = "; some may be missing: something is away, or still being indexed" if page.get("degraded") else ""
    warn(f"{about}{page.get('total')} found{lacks}")


def _write_hit(out: "Console", hit: dict[str, Any]) -> None:
    """Name and labels, then indented the description and what of the text matches."""
    from rich.padding import Padding
    from rich.text import Text

    old = hit.get("version")
    version = f" v{old}, now v{hit['latest']}" if old else f" v{hit['latest']}" if hit["latest"] is not None else ""
    state = f"{version} {shown_labels(hit['labels'])}".rstrip()
    out.print(Text(plain(hit["name"]), style="bold cyan").append(state, style="not bold default"))
    fragments = {field: [_fragment(h) for h in hit["highlights"] if h["field"] == field] for field in SHOWN_FIELDS}
    about = fragments["description"][:1] or ([Text(plain(hit["description"]))] if hit["description"] else [])
    for line in [*about, *fragments["body"][:SHOWN_FRAGMENTS]]:
        out.print(Padding(line, (0, 0, 0, 2)) if out.is_terminal else Text("  ").append_text(line))


def _fragment(highlight: dict[str, Any]) -> "Text":
    """A fragment with its matches marked."""
    from rich.text import Text

    text, fragment, end = Text(), highlight["fragment"], 0
    for start, stop in highlight["ranges"]:
        text.append(visible(fragment[end:start])).append(visible(fragment[start:stop]), style="bold yellow")
        end = stop
    return text.append(visible(fragment[end:]))
