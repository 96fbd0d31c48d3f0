"""Health: whether the process lives, and whether it is ready to be asked."""

from importlib.metadata import version

from fastapi import APIRouter, Response

from api.dependencies import RegistryDep
from api.errors import RETRY_SECONDS
from api.schemas.health import Alive, Ready, Service

router = APIRouter(tags=["health"])
VERSION = version("promptuary")


@router.get("/livez")
async def live() -> Alive:
    """Answers as long as the process runs."""
    return Alive(status="alive", version=VERSION)


@router.get("/readyz", responses={503: {"model": Ready, "description": "Not everything is projected yet."}})
async def ready(registry: RegistryDep, response: Response) -> Ready:
    """Whether everything that was there at the start can be read and searched."""
    dependencies = [Service.from_domain(each) for each in registry.readiness.conditions()]
    if registry.readiness.ready():
        return Ready(status="ready", reasons=[], dependencies=dependencies)
    response.status_code = 503
    response.headers["retry-after"] = str(RETRY_SECONDS)
    reasons = await registry.readiness.public_reasons() or ["the projection is being compared with Git"]
    return Ready(status="starting", reasons=reasons, dependencies=dependencies)
