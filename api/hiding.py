"""What an error does not tell somebody who sees some folders only: names that lie outside of them."""

from starlette.types import Scope

from api.observing import ACTOR
from api.plain_requests import PREFIX
from registry.domain.access import Actor
from registry.domain.errors import PromptuaryError, TemplateMoved, TemplateNotFound
from registry.domain.ids import RepositoryName
from registry.domain.rights import NOWHERE, Sight


def shown_to_caller(error: PromptuaryError, scope: Scope) -> PromptuaryError:
    """The error as the caller of a request may see it.

    Who does not see everything gets no names that are like the one asked for: too few of them would tell of others.
    What was renamed to where he sees nothing, or came back from there, is gone for him.
    """
    if not isinstance(error, TemplateNotFound | TemplateMoved):
        return error
    repository, sight = _sight_of(scope)
    moved = error if isinstance(error, TemplateMoved) else error.moved
    is_shown = moved is None or all(map(sight.has, moved.names))
    if sight.is_whole or (moved is error and is_shown):
        return error
    if moved is not None and moved.gone is not None and not is_shown:
        return moved.gone
    return TemplateNotFound(f"There is no such template in {repository}.")


def _sight_of(scope: Scope) -> tuple[str, Sight]:
    actor: Actor | None = scope.get(ACTOR)
    repository = scope["path"].removeprefix(PREFIX).partition("/")[0]
    return repository, actor.rights.seen(RepositoryName(repository)) if actor is not None else NOWHERE
