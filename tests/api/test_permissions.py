"""Every route asked in every role, inside and outside of where it was granted: docs/permissions.md is what happens."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.permissions_page import BEGIN, BY_SESSION, END, PAGE, allowed, needs, page, public
from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.ids import RepositoryName, UserName
from registry.domain.needs import Need, Reach
from registry.domain.rights import EVERY_RIGHT, SERVER, Place
from registry.domain.roles import Role, Scope
from tests.stock import TONE

DEFAULT = RepositoryName("default")
ADMIN = Actor(UserName("admin"), "Admin", "admin@localhost", EVERY_RIGHT)
INSIDE, OUTSIDE, WHOLE = Place(DEFAULT, "support"), Place(DEFAULT, "고객지원"), Place(DEFAULT)
NAME = "support/triage"
VALUES = {"repository": "default", "name": NAME, "label": "production", "number": "1", "digest": "0" * 12}
ON_SERVER = {
    "user": "kim",
    "group": "team",
    "grant": "nosuch",
    "key": "nosuch",
    "session": "nosuch",
    "provider": "nosuch",
}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "grants"): {"role": "reader", "user": "nobody", "repository": "default"},
    ("PUT", "groups/{group}"): {"name": "Team"},
    ("PUT", "identity-providers/{provider}"): {"kind": "gitlab", "client_id": "x"},
    ("PUT", "password"): {"present": "wrong", "new": "borrow-lantern-seven"},
    ("PUT", "users/{user}"): {"name": "Kim"},
    ("POST", "users/{user}/password-link"): {},
    ("POST", "invitations"): {"user": "kim", "email": "kim@example.com"},
    ("POST", "api-keys"): {"scope": "read"},
    ("POST", "api-keys/{key}/rotation"): {},
    ("POST", "branches"): {"name": "production/nosuch", "start": "nowhere"},
    ("POST", "check"): {"files": {f"prompts/{NAME}.prompt.yaml": TONE}},
    ("POST", "validate"): {"files": {"prompts/a.prompt.yaml": TONE}},
    ("POST", "commits"): {"message": "x", "changes": [{"action": "delete", "name": NAME, "if_match": '"old"'}]},
    ("PUT", "labels/{label}/{name}"): {"version": 99},
    ("POST", "move/{name}"): {"to": "support/moved"},
    ("POST", "promotions"): {"label": "staging", "versions": {NAME: 99}},
    ("POST", "render/{name}"): {"variables": {}},
    ("POST", "rollbacks"): {"label": "nosuch", "name": NAME, "reason": "x"},
}
UNSEEN = {"/docs/errors#repository-not-found", "/docs/errors#template-not-found"}
DENIED = "/docs/errors#denied"
ROUTES = list(needs())


@pytest.fixture
async def granted(stocked: Registry, app: Any) -> AsyncIterator["Granted"]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield Granted(stocked, client)


class Granted:
    """Keys of users who have one role at one place."""

    def __init__(self, registry: Registry, client: httpx.AsyncClient) -> None:
        self._registry = registry
        self._client = client
        self._keys: dict[tuple[Role, Place] | None, str] = {}

    async def key(self, role: Role, place: Place) -> str:
        if (role, place) not in self._keys:
            user = f"{role}-{len(self._keys)}"
            await self._registry.access.put_user(UserName(user), actor=ADMIN)
            await self._registry.access.grant(role, place, actor=ADMIN, user=UserName(user))
            _, self._keys[role, place] = await self._registry.accounts.create_key(user=user, scope=Scope.ADMIN)
        return self._keys[role, place]

    async def ask(self, method: str, path: str, key: str) -> tuple[int, str]:
        """The status, and the type of the problem where it is one."""
        noun = path.removeprefix("/api/v1/").removeprefix("repositories/{repository}/")
        values = VALUES | ON_SERVER | ({"name": "main"} if noun.startswith("branches") else {})
        headers = {"Authorization": f"Bearer {key}", "If-Match": '"old"'}
        content: dict[str, Any] = {"json": BODIES[method, noun]} if (method, noun) in BODIES else {}
        if (method, noun) == ("PUT", "templates/{name}"):
            content = {"content": TONE.encode()}
            headers |= {"Content-Type": "application/yaml"}
        if noun == "imports":
            path, content = f"{path}?folder=support", {"files": {"files": ("x.md", b"nothing")}}
        if noun == "events":
            method = "HEAD"  # what would go on for ever
        found = await self._client.request(method, path.format(**values), headers=headers, **content)
        problem = found.headers.get("content-type", "").startswith("application/problem")
        if method == "HEAD" and found.status_code in {403, 404}:
            return found.status_code, DENIED if found.status_code == 403 else min(UNSEEN)
        return found.status_code, found.json()["type"] if problem and found.content else ""


def test_the_page_shows_what_the_routes_ask_for() -> None:
    text = PAGE.read_text("utf-8")
    assert text[text.index(BEGIN) : text.index(END) + len(END)] == page(), "python -m api.permissions_page"


def test_every_body_is_of_a_route() -> None:
    nouns = {
        (method, path.removeprefix("/api/v1/").removeprefix("repositories/{repository}/")) for method, path, _ in ROUTES
    }
    assert set(BODIES) <= nouns


def expected(need: Need | None, role: Role, place: Place) -> str:
    """What a route that is about support/triage says: yes, denied or unseen."""
    if need is None:
        return "yes"
    if place == SERVER:
        return "yes" if role.includes(need.role) else "denied"
    if need.reach is Reach.SERVER:
        return "denied"
    if place == OUTSIDE and need.reach is Reach.FOLDER:
        return "unseen"
    return "yes" if allowed(need, role, whole=place == WHOLE) else "denied"


@pytest.mark.parametrize("place", [SERVER, WHOLE, INSIDE, OUTSIDE], ids=["server", "repository", "inside", "outside"])
@pytest.mark.parametrize("role", Role)
async def test_a_route_answers_whom_the_page_names(granted: Granted, role: Role, place: Place) -> None:
    key = await granted.key(role, place)
    wrong = []
    for method, path, need in ROUTES:
        status, problem = await granted.ask(method, path, key)
        told = "unseen" if problem in UNSEEN else "denied" if problem == DENIED else "yes"
        wanted = "denied" if path in BY_SESSION else expected(need, role, place)
        about_others = need is not None and need.reach is Reach.SOMEWHERE and need.role is Role.AUTHOR
        if place == OUTSIDE and about_others and wanted == "yes":
            wanted = "unseen"  # who may write elsewhere does not see this one
        if need is not None and need.reach is Reach.ANYWHERE and place not in {SERVER, WHOLE} and method == "POST":
            wanted = "denied"  # the grant is for the whole repository
        if told != wanted:
            wrong.append((method, path, wanted, status, problem))
        assert status < 500, (method, path)
    assert wrong == []


async def test_who_has_no_role_sees_nothing_and_may_do_nothing(granted: Granted) -> None:
    registry = granted._registry
    await registry.accounts.create_key()  # the administrator, without whom no grant is taken back
    await registry.access.put_user(UserName("nobody"), actor=ADMIN)
    made = await registry.access.grant(Role.READER, INSIDE, actor=ADMIN, user=UserName("nobody"))
    _, key = await registry.accounts.create_key(user="nobody", scope=Scope.ADMIN)
    await registry.access.take_back(made.id, actor=ADMIN)
    for method, path, need in ROUTES:
        status, problem = await granted.ask(method, path, key)
        if path in BY_SESSION:
            assert problem == DENIED, path
        elif need is None:
            assert (status in {200, 201, 204}) or (status, "{key}" in path or "{session}" in path) == (404, True), path
        elif "{repository}" in path:
            assert problem == "/docs/errors#repository-not-found" or (method, status) == ("GET", 404), (path, problem)
        else:
            assert problem == DENIED, path


async def test_without_a_key_nothing_is_answered(granted: Granted) -> None:
    for method, path, _ in ROUTES:
        assert (await granted.ask(method, path, "pmt_wrong"))[0] == 401, path


@pytest.mark.parametrize(("method", "path"), list(public()))
async def test_a_route_without_a_key_lets_anybody_ask(app: Any, method: str, path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        found = await client.request(
            method, path.format(provider="nosuch", file="nosuch"), headers={"Sec-Fetch-Site": "same-origin"}
        )
        closed = await client.get("/api/v1/key")
    told, refusal = ((each.status_code, each.headers.get("content-type")) for each in (found, closed))
    assert told != refusal == (401, "application/problem+json")
    assert found.status_code != 403
