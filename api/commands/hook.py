"""``promptuary hook``: what the hooks run for a push that no server receives. Not for people."""

from enum import StrEnum
from typing import Annotated

import typer


class HookKind(StrEnum):
    """Git's server-side hooks that Promptuary uses."""

    PRE_RECEIVE = "pre-receive"
    POST_RECEIVE = "post-receive"


def hook(kind: Annotated[HookKind, typer.Argument()]) -> None:
    """Judge or report a push on standard input, in Git's environment."""
    from hooks.local import run_hook

    raise typer.Exit(run_hook(kind.value))
