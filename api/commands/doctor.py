"""``promptuary doctor``: finds what is broken in a set-up, and says the way out."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.options import InRepository, KeyFile, Url
from api.commands.output import REFUSED, Data, Json, settings_of

if TYPE_CHECKING:
    from api.commands.logins import Login
    from registry.domain.health import Finding
    from registry.settings import Settings


def doctor(
    data: Data = None,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also follow all history and read every page of the catalogue: long.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="First write hooks and settings anew and remove locks that were left behind.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find what is broken in a set-up, why it matters, and the way out.

    Looks at the programs, and at the data folder: rights, disk, catalogue, every repository with its hooks, and how far
    the indexes are behind Git. A server is asked as its clients do where PROMPTUARY_URL, PROMPTUARY_KEY or --url,
    --key-file name one: whether it answers, its version and clock, what the key allows. Where there is no data folder
    but such a server, only the server is looked at. Nothing is changed but with --fix. It can run beside a server, best
    as the user that runs it.

    \b
    promptuary doctor
    sudo -u promptuary promptuary doctor --data /var/lib/promptuary --deep
    promptuary doctor --url https://prompts.example.com --key-file ~/.promptuary-key
    promptuary doctor --json | jq -r '.findings[] | select(.grade != "ok") | .found'

    Exit codes: 0 all is well (there may be warnings), 1 there are problems, 2 it cannot be looked at so.
    """
    import logging

    from api.commands.doctor_findings import show_findings, write_findings
    from registry.domain.health import Grade

    logging.getLogger("registry").addHandler(logging.NullHandler())  # what would be logged is in the findings
    settings = settings_of(data)
    asked = _asked_server(url, repository, key_file)
    found = _findings(settings, asked, deep=deep, fix=fix, named=data is not None)
    findings = write_findings(found) if as_json else show_findings(found)
    if any(finding.grade is Grade.PROBLEM for finding in findings):
        raise typer.Exit(REFUSED)


def _asked_server(
    url: str | None, repository: str | None, key_file: Path | None
) -> "tuple[str, str | Login, str] | None":
    """Address, key or login, and repository of the server to ask; None where nothing names one."""
    from api.commands.remote import login_at, read_key
    from api.commands.typed import typed_repository
    from registry.settings import ClientSettings

    settings = ClientSettings()
    name = typed_repository(settings.repository if repository is None else repository)
    if url is None and key_file is None and not settings.model_fields_set & {"url", "key"}:
        return None
    address = settings.url if url is None else url
    return address, read_key(settings, key_file) or login_at(address) or "", name


def _findings(
    settings: "Settings", server: "tuple[str, str | Login, str] | None", *, deep: bool, fix: bool, named: bool
) -> "Iterator[Finding]":
    """Everything, in the order in which one would look; ``named`` says that somebody asked for this data folder."""
    from api.commands.doctor_mail import mail_findings
    from api.commands.doctor_server import holder_of, served_finding, server_findings
    from registry.disk import health_of
    from registry.domain.health import Grade

    health = health_of(settings)
    yield from health.of_programs()
    place = health.of_place()
    if place.grade is Grade.OK or named or "data" in settings.model_fields_set or server is None:
        yield place
    if place.grade is Grade.OK:
        if fix:
            health.fix()
        holder = holder_of(settings.data)
        yield from health.of_folder()
        yield served_finding(holder, settings.host, settings.port, server[0] if server is not None else None)
        yield from health.of_catalogue(serving=holder is not None, deep=deep)
        yield from health.of_repositories(deep=deep)
        yield from mail_findings(settings)
    if server is not None:
        yield from server_findings(*server)
