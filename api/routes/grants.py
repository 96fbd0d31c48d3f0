"""Roles that are granted to users and groups."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import NO_QUERY, RegistryDep
from api.documented import problems
from api.json_bodies import JsonRoute
from api.needs import Administrator
from api.routes.users import ADMINISTERED
from api.schemas.access import GrantBody, GrantList, GrantRequest
from registry.domain import errors as domain
from registry.domain.account_names import group_name, place_at, user_name

router = APIRouter(tags=["access"], route_class=JsonRoute)


@router.get("/grants", dependencies=[NO_QUERY], responses=problems(*ADMINISTERED))
async def list_grants(registry: RegistryDep, caller: Administrator) -> GrantList:
    """The grants at the places where you are administrator."""
    return GrantList(grants=[GrantBody.from_domain(each) for each in await registry.access.grants(caller)])


@router.post(
    "/grants",
    status_code=201,
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.NotFound, domain.PayloadTooLarge, 415, 422),
)
async def make_grant(registry: RegistryDep, caller: Administrator, body: GrantRequest) -> GrantBody:
    """Grants a role to a user or to a group. It adds to what they have; it counts within seconds."""
    made = await registry.access.grant(
        body.wanted,
        place_at(body.repository, body.folder),
        actor=caller,
        user=user_name(body.user) if body.user is not None else None,
        group=group_name(body.group) if body.group is not None else None,
    )
    return GrantBody.from_domain(made)


@router.delete(
    "/grants/{grant}",
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.NotFound, domain.Conflict),
)
async def take_grant_back(
    registry: RegistryDep,
    caller: Administrator,
    grant: Annotated[str, Path(description="The grant's id.", examples=["5f0c9d1e2b3a"])],
) -> GrantBody:
    """Takes a grant back, and answers what it was. It counts within seconds."""
    return GrantBody.from_domain(await registry.access.take_back(grant, actor=caller))
