"""``promptuary get``: one state of a template from a server."""

import sys
from typing import Annotated

import typer

from api.commands.options import AtTime, InRepository, KeyFile, Name, Ref, StateLabel, StateVersion, Url
from api.commands.output import UNUSABLE, Json, fail, write_json


def get(
    name: Name,
    label: StateLabel = None,
    version: StateVersion = None,
    ref: Ref = None,
    at: AtTime = None,
    document: Annotated[bool, typer.Option("--document", help="Write the parsed file as JSON.")] = False,
    reference: Annotated[bool, typer.Option("--reference", help="Write name@version#digest, the text to log.")] = False,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Write a template's file as it stands in Git, byte for byte.

    Without a selector it is the state that the repository serves: its default label, else the newest version that is
    not a draft. --json writes everything that is known of the state, with the partials.

    \b
    promptuary get support/triage
    promptuary get support/triage --label production > triage.prompt.yaml
    promptuary get support/triage --version 11 --document | jq .variables
    promptuary get support/triage --at 2025-03-01T12:00:00Z --reference

    Exit codes: 0 written, 1 there is no such state or the server refused, 2 it cannot be asked so.
    """
    from api.commands.remote import open_server
    from api.commands.typed import asked_name, typed_selector

    if document + reference + as_json > 1:
        fail("--document, --reference and --json are three outputs: give one of them", UNUSABLE)
    selector = typed_selector(label=label, version=version, ref=ref, at=at)
    path = ("templates", asked_name(name))
    server = open_server(url, repository, key_file)
    if not (document or reference or as_json):
        reply = server.ask("GET", *path, query=selector, headers={"Accept": "application/yaml"})
        sys.stdout.buffer.write(reply.data)
        return
    state = server.get(*path, needs=("reference", "document"), **selector)
    if reference:
        typer.echo(state["reference"])
    else:
        write_json(state["document"] if document else state)
