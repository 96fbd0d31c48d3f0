"""``promptuary render``: a template with values, from a file or checkout here, or from a server."""

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import normalize

import typer

from api.commands.checkout_files import PROMPTS, SUFFIX, find_root, read_files
from api.commands.completion import complete_name, complete_state_label
from api.commands.options import InRepository, KeyFile, Url
from api.commands.output import REFUSED, UNUSABLE, Json, fail, run, settings_of, write_json
from api.commands.typed import asked_name, typed_name, typed_repository, typed_selector

if TYPE_CHECKING:
    from registry.domain.ids import TemplateName
    from registry.services.checkout import Checkout


class BodyFormat(StrEnum):
    """The request bodies that a rendering can be written as."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


FileOrName = Annotated[
    str, typer.Argument(help="A file of a checkout, or a template's name.", autocompletion=complete_name)
]
FromLabel = Annotated[
    str | None,
    typer.Option(
        "--label", help="From the server: this label.", show_default=False, autocompletion=complete_state_label
    ),
]


def render(
    template: FileOrName,
    var: Annotated[list[str] | None, typer.Option(help="A value, as name=text or name:=JSON.", metavar="K=V")] = None,
    var_file: Annotated[
        Path | None, typer.Option("--vars", help="A JSON file with an object of values; - is stdin.", metavar="FILE")
    ] = None,
    body_format: Annotated[
        BodyFormat | None, typer.Option("--format", help="Write a request body for this provider.", show_default=False)
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse values that are not declared.")] = False,
    label: FromLabel = None,
    version: Annotated[int | None, typer.Option(help="From the server: this version.", show_default=False)] = None,
    ref: Annotated[
        str | None, typer.Option(help="From the server: this branch, tag or commit.", show_default=False)
    ] = None,
    repository: InRepository = None,
    url: Url = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Render a template with values.

    A file is rendered here, with its partials from the checkout; so is a name that the checkout around the current
    folder has. Any other name, and whatever a label, version, ref, repository or address is given for, is asked of
    the server.

    \b
    promptuary render prompts/support/triage.prompt.yaml --var ticket="My card was charged twice"
    promptuary render support/triage --vars values.json --format openai
    promptuary render support/triage --label production --var ticket=... --var retries:=3

    Exit codes: 0 rendered, 1 the template or the values are wrong, 2 a file, address or argument cannot be used.
    """
    values = _values(var or [], var_file)
    remote = {"label": label, "version": version, "ref": ref}
    asked = _check_selectors(repository, remote) or url is not None
    local = None if asked else _local(template)
    if local is not None:
        answer = run(_render_here(*local, values, body_format, strict=strict))
    else:
        from api.commands.remote import open_server

        known = asked_name(template)
        server = open_server(
            url, repository, key_file, why="" if asked else f"{template} is not in this checkout, and "
        )
        query = {**remote, "format": body_format and body_format.value, "strict": "true" if strict else None}
        answer = server.read(server.ask("POST", "render", known, query=query, body={"variables": values}))
    if as_json or body_format is not None:
        write_json(answer)
    else:
        _write_text(answer)


def _check_selectors(repository: str | None, selectors: dict[str, Any]) -> bool:
    """Whether a state on the server is asked for. Ends the program where it is none: an empty word is no default."""
    typed_selector(**selectors)
    if repository is not None:
        typed_repository(repository)
    return repository is not None or any(selector is not None for selector in selectors.values())


def _values(given: list[str], file: Path | None) -> dict[str, Any]:
    """The values of a file, and those of ``--var`` on top."""
    import orjson

    from registry.domain.json_faults import json_fault

    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = orjson.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else f"it is no JSON: {json_fault(error)}"
            fail(f"--vars {file}: {said}", UNUSABLE)
        if not isinstance(values, dict):
            fail(f'--vars {file}: it must hold a JSON object: {{"ticket": "…"}}', UNUSABLE)
    for pair in given:
        name, equals, text = pair.partition("=")
        name = normalize("NFC", name)  # a Mac may type Korean decomposed
        if not equals or not name.rstrip(":"):
            fail(f"--var {pair!r}: write name=text, or name:=JSON for other types", UNUSABLE)
        if not name.endswith(":"):
            values[name] = text
            continue
        try:
            values[name[:-1]] = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            fail(f"--var {pair!r}: what follows := must be JSON: {json_fault(error)}", UNUSABLE)
    return values


def _local(template: str) -> "tuple[Checkout, TemplateName, str | None] | None":
    """The checkout and name that a file, or a name in the present checkout, means; None where it is neither.

    The third is the path as it was given, where the file lies in no ``prompts`` folder and only counts as if it did.
    """
    from registry.domain.names import template_name
    from registry.services.checkout import Checkout

    place = Path(template)
    is_file = template.endswith(SUFFIX) or place.is_file()
    if is_file:
        if not place.is_file():
            fail(f"{template}: there is no such file", UNUSABLE)
        root = find_root(place.resolve())
        inside = place.resolve().relative_to(root).as_posix()
    else:
        root = find_root(Path.cwd())
        inside = f"{PROMPTS}/{template}{SUFFIX}"
        if not (root / PROMPTS).is_dir() or template_name(inside) is None:
            return None
    files = read_files(root, [place.resolve()] if is_file else [])
    lone = None
    if is_file and not inside.startswith(f"{PROMPTS}/"):
        inside = f"{PROMPTS}/{place.name if place.name.endswith(SUFFIX) else place.name + SUFFIX}"
        files[inside] = place.read_bytes()
        lone = template
    name = template_name(inside) or typed_name(template)
    checkout = Checkout(files)
    return (checkout, name, lone) if is_file or name in checkout.names else None


async def _render_here(
    checkout: "Checkout",
    name: "TemplateName",
    lone: str | None,
    values: dict[str, Any],
    body_format: BodyFormat | None,
    *,
    strict: bool,
) -> dict[str, Any]:
    from registry.domain.names import template_path
    from registry.domain.request_bodies import anthropic_body, openai_body
    from registry.processes import open_renderer

    checked = checkout.template(name)
    if checked.template is None or checked.outcome.facts is None:
        own = template_path(name)
        shown = (replace(d, path=lone) if lone and d.path == own else d for d in checked.outcome.diagnostics)
        lines = "\n".join(str(diagnostic) for diagnostic in shown)
        fail(f"{lone or name} has errors:\n{lines}", REFUSED)
    async with open_renderer(settings_of()) as renderer:
        rendered = await renderer.render(checked.template, checked.partials, values, strict=strict)
    if body_format is BodyFormat.OPENAI:
        return dict(openai_body(checked.template, rendered))
    if body_format is BodyFormat.ANTHROPIC:
        return dict(anthropic_body(checked.template, rendered))
    return {
        "name": name,
        "messages": list(rendered.messages) if rendered.messages is not None else None,
        "text": rendered.text,
        "ignored_variables": list(rendered.ignored_variables),
    }


def _write_text(answer: dict[str, Any]) -> None:
    """The text as it is; messages with their roles between."""
    if answer.get("text") is not None:
        typer.echo(answer["text"], nl=not str(answer["text"]).endswith("\n"))
    for message in answer.get("messages") or []:
        content = message.get("content")
        typer.secho(f"--- {message['role']}", bold=True)
        if isinstance(content, str):
            typer.echo(content, nl=not content.endswith("\n"))
        elif content is not None:
            write_json(content)
    ignored = answer.get("ignored_variables") or []
    if ignored:
        typer.echo(f"promptuary: not declared, so ignored: {', '.join(ignored)}", err=True)
