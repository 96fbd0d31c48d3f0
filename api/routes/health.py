"""Health: whether the process lives, and whether it is ready to be asked."""

from importlib.metadata import version

from fastapi import APIRouter, Response

from api.dependencies import RegistryDep
from api.errors import RETRY_SECONDS
from api.schemas.health import Alive, Ready
from registry.domain.wording import counted

router = APIRouter(tags=["health"])
VERSION = version("promptuary")


@router.get("/livez")
async def live() -> Alive:
    """Answers as long as the process runs."""
    return Alive(status="alive", version=VERSION)


@router.get("/readyz", responses={503: {"model": Ready, "description": "Not everything is projected yet."}})
async def ready(registry: RegistryDep, response: Response) -> Ready:
    """Whether everything that was there at the start can be read and searched."""
    if registry.indexing.ready():
        return Ready(status="ready", reasons=[])
    response.status_code = 503
    response.headers["retry-after"] = str(RETRY_SECONDS)
    states = await registry.indexing.status()
    reasons = [
        f"{state.repository}: "
        + (
            "to be projected from the beginning"
            if state.behind is None
            else f"{counted(state.behind, 'commit')} to be projected"
        )
        for state in states
        if state.behind != 0
    ]
    return Ready(status="starting", reasons=reasons or ["the projection is being compared with Git"])
