"""The key that asks."""

from fastapi import APIRouter

from api.dependencies import NO_QUERY, Caller
from api.documented import problems
from api.schemas.keys import CallersKey
from registry.domain import errors as domain

router = APIRouter(tags=["keys"])


@router.get(
    "/key",
    dependencies=[NO_QUERY],
    responses=problems(domain.Unauthenticated, domain.BadRequest, domain.Unavailable),
)
async def read_key(caller: Caller) -> CallersKey:
    """Whose the key in this request is, and what it allows."""
    return CallersKey.from_domain(caller)
