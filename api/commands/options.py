"""The options of the commands that ask a server."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.commands.completion import complete_label, complete_name, complete_state_label


class TypeChoice(StrEnum):
    """The types of templates: the domain's, which takes too long to import for ``--help``."""

    CHAT = "chat"
    TEXT = "text"


class StatusChoice(StrEnum):
    """The statuses of templates, likewise."""

    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"


Name = Annotated[str, typer.Argument(help="The template's name.", autocompletion=complete_name)]

Url = Annotated[
    str | None, typer.Option("--url", help="The server's address. [default: PROMPTUARY_URL]", show_default=False)
]
InRepository = Annotated[
    str | None,
    typer.Option("--repository", help="The repository. [default: PROMPTUARY_REPOSITORY]", show_default=False),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="A file that holds the API key. [default: PROMPTUARY_KEY]", show_default=False),
]
Message = Annotated[str | None, typer.Option("-m", "--message", help="The commit's message; one is made where absent.")]
ToBranch = Annotated[
    str | None,
    typer.Option(
        "--branch",
        help="The branch, made from the default branch if there is none. [default: the default branch]",
        show_default=False,
    ),
]

Tag = Annotated[str | None, typer.Option("--tag", help="Only with this tag.", show_default=False)]
OfType = Annotated[TypeChoice | None, typer.Option("--type", help="Only of this type.", show_default=False)]
Status = Annotated[StatusChoice | None, typer.Option("--status", help="Only with this status.", show_default=False)]
Model = Annotated[str | None, typer.Option("--model", help="Only for this model: provider/id.", show_default=False)]
Owner = Annotated[str | None, typer.Option("--owner", help="Only of this owner in CODEOWNERS.", show_default=False)]
Label = Annotated[
    str | None,
    typer.Option("--label", help="Only with this label.", show_default=False, autocompletion=complete_label),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]

StateLabel = Annotated[
    str | None,
    typer.Option(
        "--label",
        help="Where this label points; latest is built in.",
        show_default=False,
        autocompletion=complete_state_label,
    ),
]
StateVersion = Annotated[int | None, typer.Option("--version", help="This version.", show_default=False)]
Ref = Annotated[str | None, typer.Option("--ref", help="This branch, tag or commit.", show_default=False)]
AtTime = Annotated[
    str | None,
    typer.Option("--at", help="As it was then: a time such as 2025-03-01T12:00:00Z.", show_default=False),
]
