"""Groups of users, to whom roles can be granted together."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import NO_QUERY, RegistryDep
from api.documented import problems
from api.json_bodies import JsonRoute
from api.needs import ServerAdministrator
from api.routes.users import ADMINISTERED
from api.schemas.access import GroupBody, GroupList, GroupRequest
from registry.domain import errors as domain
from registry.domain.account_names import group_name, user_name

router = APIRouter(tags=["access"], route_class=JsonRoute)

Group = Annotated[str, Path(description="The group's name.", examples=["support"])]


@router.get("/groups", dependencies=[NO_QUERY], responses=problems(*ADMINISTERED))
async def list_groups(registry: RegistryDep, caller: ServerAdministrator) -> GroupList:
    """Every group with its members."""
    return GroupList(groups=[GroupBody.from_domain(group) for group in await registry.access.groups(caller)])


@router.put(
    "/groups/{group}",
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.NotFound, domain.Conflict, domain.PayloadTooLarge, 415, 422),
)
async def put_group(registry: RegistryDep, caller: ServerAdministrator, group: Group, body: GroupRequest) -> GroupBody:
    """Makes a group, or changes one."""
    members = [user_name(each) for each in body.members] if body.members is not None else None
    made = await registry.access.put_group(group_name(group), actor=caller, name=body.name, members=members)
    return GroupBody.from_domain(made)


@router.delete(
    "/groups/{group}",
    status_code=204,
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.NotFound, domain.Conflict),
)
async def remove_group(registry: RegistryDep, caller: ServerAdministrator, group: Group) -> None:
    """Removes a group, and with it what was granted to it."""
    await registry.access.remove_group(group_name(group), actor=caller)
