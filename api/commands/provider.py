"""``promptuary provider``: the identity providers that people sign in with, in the data folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands import provider_options as options
from api.commands.administrating import administered_registry
from api.commands.output import (
    UNUSABLE,
    Data,
    Json,
    console,
    existing_data,
    fail,
    run,
    write_json,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.identity_providers import Provider, ProviderFindings
    from registry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, make and test identity providers to sign in with."
)

Name = Annotated[str, typer.Argument(help="The provider's name, as it stands in addresses.", metavar="PROVIDER")]


@app.command("list")
def list_providers(data: Data = None, as_json: Json = False) -> None:
    """List the identity providers; never their secrets.

    \b
    promptuary provider list
    """
    found = run(_list(existing_data(data)))
    if as_json:
        write_json({"providers": [_body(each) for each in found]})
        return
    rows = [(p.provider, p.name, p.kind, p.issuer, "disabled" if p.disabled_at else "active") for p in found]
    write_table(("PROVIDER", "NAME", "KIND", "ISSUER", "STATE"), rows)


@app.command("add")
def add(
    provider: Name,
    kind: options.Kind = None,
    issuer: options.Issuer = None,
    client_id: options.ClientId = None,
    secret_file: options.SecretFile = None,
    public: options.Public = False,
    name: options.ShownName = None,
    scope: options.Scopes = None,
    groups_claim: options.GroupsClaim = None,
    group: options.Groups = None,
    same_groups: options.SameGroups = None,
    require_group: options.RequiredGroups = None,
    domain: options.Domains = None,
    sign_up: options.SignUp = None,
    link_by_email: options.LinkByEmail = None,
    allow_private: options.AllowPrivate = None,
    disable: options.Disable = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an identity provider, or change what is given of one.

    The secret is read from a file or from standard input, never from an argument: those are shown to everybody on the
    machine.

    \b
    promptuary provider add gitlab --kind gitlab --client-id 5f0c… --secret-file - < secret.txt
    promptuary provider add corp --kind keycloak --issuer https://id.example.com/realms/corp --client-id x --public
    """
    given: dict[str, Any] = {
        "scopes": tuple(scope) if scope else None,
        "groups_claim": groups_claim,
        "groups": _pairs(group) if group else None,
        "same_groups": same_groups,
        "required_groups": tuple(require_group) if require_group else None,
        "domains": tuple(each.lower() for each in domain) if domain else None,
        "sign_up": sign_up,
        "link_by_email": link_by_email,
        "allow_private": allow_private,
    }
    secret = "" if public else _secret(secret_file)
    described = {"kind": kind, "issuer": issuer, "client_id": client_id, "name": name, "disabled": disable}
    made = run(_add(existing_data(data), provider, given, secret, described))
    if as_json:
        write_json(_body(made))
        return
    typer.echo(f"{made.provider}: {made.name}, {made.issuer}.")
    console(stderr=True).print(f"See whether it answers with: promptuary provider test {made.provider}")


@app.command("remove")
def remove(provider: Name, data: Data = None, as_json: Json = False) -> None:
    """Remove an identity provider: who came in by it is signed out, and comes in by it no more.

    \b
    promptuary provider remove gitlab
    """
    run(_remove(existing_data(data), provider))
    if as_json:
        write_json({"provider": provider, "removed": True})
    else:
        typer.echo(f"Removed {provider}.")


@app.command("test")
def show_test(provider: Name, data: Data = None, as_json: Json = False) -> None:
    """Ask an identity provider what it says of itself, and show what has to be entered there.

    \b
    promptuary provider test gitlab
    """
    settings = existing_data(data)
    redirect = f"{settings.public_url or 'http://127.0.0.1:' + str(settings.port)}/sign-in/{provider}/callback"
    found = run(_test(settings, provider))
    told = (*found.told, ("redirect address", redirect))
    if as_json:
        write_json({"provider": provider, "redirect_uri": redirect, "told": dict(found.told)})
        return
    write_table(("WHAT", "IS"), told)
    if settings.public_url is None:
        console(stderr=True).print(
            "PROMPTUARY_PUBLIC_URL is not set: people sign in on the server's own machine alone."
        )


async def _list(settings: "Settings") -> "Sequence[Provider]":
    async with administered_registry(settings) as (registry, actor):
        return await registry.signing_in.providers.list_providers(actor)


async def _add(
    settings: "Settings",
    provider: str,
    given: dict[str, Any],
    secret: str | None,
    described: dict[str, Any],
) -> "Provider":
    from dataclasses import replace

    from registry.domain.errors import BadRequest
    from registry.domain.identity_providers import ProviderKind, ProviderSettings

    async with administered_registry(settings) as (registry, actor):
        providers = registry.signing_in.providers
        there = next((each for each in await providers.list_providers(actor) if each.provider == provider), None)
        kind = described["kind"] or (there.kind if there is not None else "oidc")
        if kind not in set(ProviderKind):
            raise BadRequest(f"There is no kind {kind!r} of providers: there are {', '.join(ProviderKind)}.")
        client_id = described["client_id"] or (there.client_id if there is not None else None)
        if client_id is None:
            raise BadRequest("Say what the provider calls this server: --client-id")
        if there is None and secret is None:
            raise BadRequest("Give the client's secret with --secret-file (- for standard input), or say --public.")
        disabled = described["disabled"]
        changed = {key: value for key, value in given.items() if value is not None}
        return await providers.put(
            provider,
            actor=actor,
            kind=ProviderKind(kind),
            client_id=client_id,
            settings=replace(there.settings if there is not None else ProviderSettings(), **changed),
            name=described["name"] or (there.name if there is not None else None),
            issuer=described["issuer"] or (there.issuer if there is not None else None),
            secret=secret,
            disabled=disabled if disabled is not None else there is not None and there.disabled_at is not None,
        )


async def _remove(settings: "Settings", provider: str) -> None:
    async with administered_registry(settings) as (registry, actor):
        await registry.signing_in.providers.remove(provider, actor)


async def _test(settings: "Settings", provider: str) -> "ProviderFindings":
    async with administered_registry(settings) as (registry, actor):
        return await registry.signing_in.providers.examine(provider, actor)


def _secret(file: str | None) -> str | None:
    """The first line of a file; None where none is named. Ends the program where it cannot be read, or is empty."""
    if file is None:
        return None
    try:
        text = sys.stdin.read(10_000) if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: {getattr(error, 'strerror', None) or 'it is no text'}", UNUSABLE)
    secret = text.strip()
    if not secret:
        fail("the secret is empty: put it into the file, or into standard input", UNUSABLE)
    return secret


def _pairs(texts: "Sequence[str]") -> dict[str, str]:
    pairs = {}
    for text in texts:
        theirs, sign, ours = text.rpartition("=")
        if not sign or not theirs or not ours:
            fail(f"--group {text}: write the group there and the one here, as acme/prompts=writers", UNUSABLE)
        pairs[theirs] = ours
    return pairs


def _body(provider: "Provider") -> dict[str, Any]:
    from api.schemas.identity_providers import ProviderBody

    return ProviderBody.from_domain(provider).model_dump()
