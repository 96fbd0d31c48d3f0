"""The options of the commands that ask a server."""

from pathlib import Path
from typing import Annotated

import typer

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
OfType = Annotated[str | None, typer.Option("--type", help="Only of this type: chat or text.", show_default=False)]
Status = Annotated[
    str | None, typer.Option("--status", help="Only with this status: draft, active or deprecated.", show_default=False)
]
Model = Annotated[str | None, typer.Option("--model", help="Only for this model: provider/id.", show_default=False)]
Owner = Annotated[str | None, typer.Option("--owner", help="Only of this owner in CODEOWNERS.", show_default=False)]
Label = Annotated[str | None, typer.Option("--label", help="Only with this label.", show_default=False)]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]

StateLabel = Annotated[
    str | None, typer.Option("--label", help="Where this label points; latest is built in.", show_default=False)
]
StateVersion = Annotated[int | None, typer.Option("--version", help="This version.", show_default=False)]
Ref = Annotated[str | None, typer.Option("--ref", help="This branch, tag or commit.", show_default=False)]
AtTime = Annotated[
    str | None,
    typer.Option("--at", help="As it was then: a time such as 2025-03-01T12:00:00Z.", show_default=False),
]
