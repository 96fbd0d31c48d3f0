"""Users, and what they may do."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import NO_QUERY, RegistryDep
from api.documented import problems
from api.json_bodies import JsonRoute
from api.needs import ServerAdministrator
from api.schemas.access import UserBody, UserList, UserRequest, UserRights
from registry.domain import errors as domain
from registry.domain.account_names import user_name

router = APIRouter(tags=["access"], route_class=JsonRoute)

ADMINISTERED = (domain.Unauthenticated, domain.Denied, domain.BadRequest, domain.Unavailable)
User = Annotated[str, Path(description="The user's name.", examples=["kim"])]


@router.get("/users", dependencies=[NO_QUERY], responses=problems(*ADMINISTERED))
async def list_users(registry: RegistryDep, caller: ServerAdministrator) -> UserList:
    """Every user, disabled ones too."""
    return UserList(users=[UserBody.from_domain(user) for user in await registry.access.users(caller)])


@router.get("/users/{user}", dependencies=[NO_QUERY], responses=problems(*ADMINISTERED, domain.NotFound))
async def read_user(registry: RegistryDep, caller: ServerAdministrator, user: User) -> UserRights:
    """A user and his rights, those of his groups included."""
    return UserRights.of(await registry.access.find_user(user_name(user), caller))


@router.put(
    "/users/{user}",
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.Conflict, domain.PayloadTooLarge, 415, 422),
)
async def put_user(registry: RegistryDep, caller: ServerAdministrator, user: User, body: UserRequest) -> UserBody:
    """Makes a user, or changes one. Who is disabled is identified no more within seconds, by no key."""
    return UserBody.from_domain(
        await registry.access.put_user(
            user_name(user),
            actor=caller,
            name=body.name,
            email=body.email,
            is_service=body.is_service,
            disabled=body.disabled,
        )
    )


@router.delete(
    "/users/{user}",
    status_code=204,
    dependencies=[NO_QUERY],
    responses=problems(*ADMINISTERED, domain.NotFound, domain.Conflict),
)
async def remove_user(registry: RegistryDep, caller: ServerAdministrator, user: User) -> None:
    """Removes a user with his grants, keys and every way in. Commits and the audit go on naming him."""
    await registry.access.remove_user(user_name(user), actor=caller)
