"""API keys: the one that asks, and those that users make for themselves."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import NO_QUERY, Caller, RegistryDep
from api.documented import problems
from api.json_bodies import JsonRoute
from api.schemas.keys import (
    CallersKey,
    KeyBody,
    KeyList,
    KeyMade,
    KeyRequest,
    KeyRotated,
    KeysQuery,
    RotationRequest,
    days,
)
from registry.domain import errors as domain
from registry.domain.account_names import user_name
from registry.domain.roles import Scope

router = APIRouter(tags=["keys"], route_class=JsonRoute)

_ASKED = (domain.Unauthenticated, domain.BadRequest, domain.Unavailable)
KeyId = Annotated[str, Path(description="The key's id.", examples=["3f9ac1d2b4e5"])]


@router.get("/key", dependencies=[NO_QUERY], responses=problems(*_ASKED))
async def read_key(caller: Caller) -> CallersKey:
    """Whose the key in this request is, and what it allows."""
    return CallersKey.from_domain(caller)


@router.get("/api-keys", responses=problems(*_ASKED, domain.Denied))
async def list_keys(registry: RegistryDep, caller: Caller, query: Annotated[KeysQuery, Query()]) -> KeyList:
    """Your keys, or, for administrators, those of a user."""
    user = user_name(query.user) if query.user is not None else None
    return KeyList(keys=[KeyBody.from_domain(key) for key in await registry.api_keys.list_keys(caller, user)])


@router.post(
    "/api-keys",
    status_code=201,
    dependencies=[NO_QUERY],
    responses=problems(*_ASKED, domain.Denied, domain.NotFound, domain.PayloadTooLarge, 415, 422),
)
async def make_key(registry: RegistryDep, caller: Caller, body: KeyRequest) -> KeyMade:
    """Makes a key, which may no more than the one that asks. Its secret is in this answer and nowhere else."""
    made = await registry.api_keys.create(
        caller,
        Scope(body.scope),
        user=user_name(body.user) if body.user is not None else None,
        places=body.wanted(),
        expires_in=days(body.expires_in_days),
        note=body.note,
    )
    return KeyMade.of(*made)


@router.delete(
    "/api-keys/{key}", status_code=204, dependencies=[NO_QUERY], responses=problems(*_ASKED, domain.NotFound)
)
async def revoke_key(registry: RegistryDep, caller: Caller, key: KeyId) -> None:
    """Revokes a key of yours, or as an administrator anybody's, and all keys that came of it; within seconds."""
    await registry.api_keys.revoke(caller, key)


@router.post(
    "/api-keys/{key}/rotation",
    status_code=201,
    dependencies=[NO_QUERY],
    responses=problems(*_ASKED, domain.Denied, domain.NotFound, domain.PayloadTooLarge, 415, 422),
)
async def rotate_key(registry: RegistryDep, caller: Caller, key: KeyId, body: RotationRequest) -> KeyRotated:
    """Makes a key like another one, which goes on for the overlap: time to put the new one where the old one is."""
    new, old, secret = await registry.api_keys.rotate(
        caller, key, overlap=timedelta(hours=body.overlap_hours), expires_in=days(body.expires_in_days)
    )
    return KeyRotated(new=KeyMade.of(new, secret), old=KeyBody.from_domain(old))
