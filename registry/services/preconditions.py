"""Which state of a template a write says that it changes, and whether the branch still has it."""

from dataclasses import dataclass

from registry.domain.errors import BadRequest, PreconditionFailed, PreconditionRequired
from registry.domain.graph import TemplateGraph
from registry.domain.ids import Digest, TemplateName
from registry.services.states import Projected
from registry.services.templates import make_etag


@dataclass(frozen=True, slots=True)
class State:
    """What a branch has of a template at the moment of an edit; ``version`` is None off the default branch."""

    version: int | None
    digest: Digest

    def fits(self, tags: str) -> bool:
        """Whether one of the entity tags of an If-Match header names this state (``*`` names any)."""
        if tags.strip() == "*":
            return True
        for tag in tags.split(","):
            version, _, rest = tag.strip().removeprefix("W/").strip('"').partition(".")
            digest = rest.partition(".")[0]
            if (
                version == f"v{self.version}"
                if self.version is not None and version != "r"
                else digest == self.digest[:16]
            ):
                return True
        return False


def state_at(graph: TemplateGraph, projected: Projected, name: TemplateName, *, numbered: bool) -> State:
    """The template's version and digest in a graph; off the default branch only the digest identifies it."""
    digest = graph.digest(name)
    if not numbered:
        return State(None, digest)
    number = projected.versions.numbers.get(name, 0)
    if digest != projected.versions.graph.digest(name):
        number += 1
    return State(number, digest)


def check_preconditions(
    name: TemplateName, state: State | None, if_match: str | None, if_none_match: str | None = None
) -> None:
    """Raises PreconditionRequired, PreconditionFailed, BadRequest; ``state`` is None where there is no template."""
    if if_none_match is not None and if_none_match.strip() != "*":
        raise BadRequest("If-None-Match must be * for a write: it means that the template must not exist yet.")
    if state is None:
        if if_match is not None:
            raise PreconditionFailed(f"{name} does not exist (any more), so If-Match cannot hold; nothing was changed.")
        if if_none_match is None:
            raise PreconditionRequired(f"{name} does not exist: send If-None-Match: * to create it.")
        return
    etag = make_etag(state.version, state.digest)
    if if_none_match is not None:
        raise PreconditionFailed(
            f"{name} exists already; to change it send If-Match with its ETag. Nothing was changed.",
            etag=etag,
            version=state.version,
        )
    if if_match is None:
        raise PreconditionRequired(f"{name} exists: send If-Match with the ETag that you read, or *.")
    if not state.fits(if_match):
        at = f"at version {state.version}" if state.version is not None else f"at digest {state.digest[:8]}"
        raise PreconditionFailed(
            f"{name} changed since you read it: it is {at} now. Read it again and repeat your change. "
            "Nothing was changed.",
            etag=etag,
            version=state.version,
        )
