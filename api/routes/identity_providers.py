"""Identity providers, as administrators of the server set them up."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import NO_QUERY, RegistryDep
from api.documented import problems
from api.json_bodies import JsonRoute
from api.needs import ServerAdministrator
from api.routes.users import ADMINISTERED
from api.schemas.identity_providers import ProviderBody, ProviderList, ProviderRequest
from registry.domain import errors as domain
from registry.domain.identity_providers import ProviderKind

router = APIRouter(tags=["sign-in"], route_class=JsonRoute)

Name = Annotated[str, Path(description="The provider's name, as it stands in addresses.", examples=["gitlab"])]


@router.get("/identity-providers", dependencies=[NO_QUERY], responses=problems(*ADMINISTERED))
async def list_providers(registry: RegistryDep, caller: ServerAdministrator) -> ProviderList:
    """Every identity provider; never a secret."""
    found = await registry.signing_in.providers.list_providers(caller)
    return ProviderList(providers=[ProviderBody.from_domain(each) for each in found])


@router.get(
    "/identity-providers/{provider}", dependencies=[NO_QUERY], responses=problems(*ADMINISTERED, domain.NotFound)
)
async def read_provider(registry: RegistryDep, caller: ServerAdministrator, provider: Name) -> ProviderBody:
    """One identity provider."""
    return ProviderBody.from_domain(await registry.signing_in.providers.get(provider, caller))


@router.put(
    "/identity-providers/{provider}",
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.Conflict, domain.PayloadTooLarge, 415, 422),
)
async def put_provider(
    registry: RegistryDep, caller: ServerAdministrator, provider: Name, body: ProviderRequest
) -> ProviderBody:
    """Makes an identity provider, or changes one: but never its kind or issuer, since accounts belong to those."""
    made = await registry.signing_in.providers.put(
        provider,
        actor=caller,
        kind=ProviderKind(body.kind),
        client_id=body.client_id,
        settings=body.settings.wanted(),
        name=body.name,
        issuer=body.issuer,
        secret=body.client_secret,
        disabled=body.disabled,
    )
    return ProviderBody.from_domain(made)


@router.delete(
    "/identity-providers/{provider}",
    status_code=204,
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.NotFound, domain.Conflict),
)
async def remove_provider(registry: RegistryDep, caller: ServerAdministrator, provider: Name) -> None:
    """Removes an identity provider: who came in by it is signed out, and its groups give nothing any more."""
    await registry.signing_in.providers.remove(provider, caller)
