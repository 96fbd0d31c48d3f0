"""Each route says what it needs of its caller: none is left open by forgetting it."""

from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.app import _routes
from api.needs import need_of
from api.public_paths import is_public
from registry.domain.needs import Need, Reach
from registry.domain.roles import Role

ANYBODY = {
    ("GET", "/api/v1/key"),
    ("GET", "/api/v1/session"),
    ("DELETE", "/api/v1/session"),
    ("GET", "/api/v1/sessions"),
    ("DELETE", "/api/v1/sessions/{session}"),
    ("PUT", "/api/v1/password"),
    ("GET", "/api/v1/repositories"),
    ("GET", "/api/v1/api-keys"),
    ("POST", "/api/v1/api-keys"),
    ("DELETE", "/api/v1/api-keys/{key}"),
    ("POST", "/api/v1/api-keys/{key}/rotation"),
}
"""Answered to everybody who is known, from what he may see."""


def calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from calls(each)


def needs() -> dict[tuple[str, str], list[Need]]:
    found: dict[tuple[str, str], list[Need]] = {}
    for route in iter_route_contexts(_routes(True)):
        wanted = list(dict.fromkeys(need for call in calls(route.dependant) if (need := need_of(call)) is not None))
        found.update({(method, route.path): wanted for method in route.methods})
    return found


def test_every_route_needs_exactly_one_thing_or_is_known_to_need_none() -> None:
    told = needs()
    none = {(method, path) for (method, path), wanted in told.items() if not wanted}
    assert {(method, path) for method, path in none if not is_public(path.replace("{name}", "x"))} == ANYBODY
    assert {place: wanted for place, wanted in told.items() if len(wanted) > 1} == {}


def test_what_changes_something_needs_an_author() -> None:
    asks = {"check", "validate", "render"}
    for (method, path), wanted in needs().items():
        if method != "GET" and "{repository}" in path and not asks & set(path.split("/")):
            assert [need.role for need in wanted] == [Role.AUTHOR], path


def test_one_template_is_read_by_who_may_read_its_folder() -> None:
    for (method, path), wanted in needs().items():
        if method == "GET" and "{name:path}" in path and "/branches/" not in path:
            assert wanted == [Need(Role.READER, Reach.FOLDER)], path
