"""Keys that keys have made: what is revoked takes along all that came of it."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.access import Actor
from registry.domain.audit import AuditAction, AuditFilter
from registry.domain.errors import NotFound, Unauthenticated
from registry.domain.ids import UserName
from registry.domain.rights import EVERY_RIGHT, SERVER
from registry.domain.roles import Role, Scope
from registry.services import identification

KIM = Actor(UserName("kim"), "Kim", "kim@example.com", EVERY_RIGHT, session_id="s1")
"""Himself, in a browser."""


@dataclass
class Tree:
    """Keys by what a test calls them."""

    registry: Registry
    ids: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    async def actor(self, name: str | None) -> Actor:
        return KIM if name is None else await self.registry.identification.authenticate(self.secrets[name])

    async def make(self, name: str, by: str | None = None, user: str = "kim") -> None:
        made = await self.registry.api_keys.create(await self.actor(by), Scope.ADMIN, user=UserName(user))
        self.ids[name], self.secrets[name] = made[0].id, made[1]

    async def rotate(self, name: str, to: str, by: str | None = None, hours: int = 1) -> None:
        actor, overlap = await self.actor(by), timedelta(hours=hours)
        new, _, self.secrets[to] = await self.registry.api_keys.rotate(actor, self.ids[name], overlap=overlap)
        self.ids[to] = new.id

    async def revoke(self, name: str) -> None:
        await self.registry.api_keys.revoke(KIM, self.ids[name])

    async def held(self, registry: Registry | None = None) -> str:
        """The names of those that still identify somebody."""
        return "".join([name for name in self.secrets if await self._holds(name, registry or self.registry)])

    async def _holds(self, name: str, registry: Registry) -> bool:
        try:
            await registry.identification.authenticate(self.secrets[name])
        except Unauthenticated:
            return False
        return True

    async def makers(self) -> dict[str, str | None]:
        names = {id_: name for name, id_ in self.ids.items()}
        listed = {key.id: key.made_by for key in await self.registry.accounts.list_keys()}
        return {name: names.get(listed[id_] or "") for name, id_ in self.ids.items()}


@pytest.fixture
async def tree(registry: Registry) -> Tree:
    admin = KIM
    for user in ("root", "kim", "ci"):
        await registry.access.put_user(UserName(user), actor=admin, email=f"{user}@example.com")
        await registry.access.grant(Role.ADMINISTRATOR, SERVER, actor=admin, user=UserName(user))
    return Tree(registry)


async def family(tree: Tree) -> None:
    """``a`` made ``b``, which made ``c`` for somebody else; ``x`` is nobody's."""
    await tree.make("a")
    await tree.make("b", by="a")
    await tree.make("c", by="b", user="ci")
    await tree.make("x")


async def test_a_key_knows_which_key_made_it(tree: Tree) -> None:
    await family(tree)
    assert await tree.makers() == {"a": None, "b": "a", "c": "b", "x": None}


@pytest.mark.parametrize(("revoked", "left"), [("a", "x"), ("b", "ax"), ("c", "abx"), ("x", "abc")])
async def test_with_a_key_goes_all_that_came_of_it(tree: Tree, revoked: str, left: str) -> None:
    await family(tree)
    assert await tree.held() == "abcx"
    await tree.revoke(revoked)
    assert await tree.held() == left
    entries = await tree.registry.audit.list_entries(AuditFilter(action=AuditAction.KEY_REVOKED))
    gone = {tree.ids[name] for name in "abcx" if name not in left}
    assert {each.draft.old["id"] for each in entries.items} == gone
    assert {each.draft.origin.actor for each in entries.items} == {"kim"}
    await tree.revoke(revoked)
    again = await tree.registry.audit.list_entries(AuditFilter(action=AuditAction.KEY_REVOKED))
    assert len(again.items) == len(gone), "it was told before"


async def test_with_a_user_goes_what_his_keys_made_for_others(tree: Tree) -> None:
    await family(tree)
    await tree.make("y", user="ci")
    root = Actor(UserName("root"), "Root", "root@example.com", EVERY_RIGHT)
    await tree.registry.access.remove_user(UserName("kim"), actor=root)
    assert await tree.held() == "y"


async def test_other_processes_forget_them_within_seconds(tree: Tree) -> None:
    await family(tree)
    async with open_registry(tree.registry.settings) as other:
        assert await tree.held(other) == "abcx"
        await tree.revoke("a")
        async with asyncio.timeout(identification.CACHE_SECONDS + 1):
            while await tree.held(other) != "x":
                await asyncio.sleep(0.05)


async def test_who_was_identified_before_the_revocation_makes_no_key_after_it(tree: Tree) -> None:
    await family(tree)
    late = await tree.actor("b")
    await tree.revoke("a")
    with pytest.raises(Unauthenticated, match="was revoked"):
        await tree.registry.api_keys.create(late, Scope.READ)
    assert len(await tree.registry.accounts.list_keys()) == 4


async def test_many_are_made_while_their_maker_is_revoked(tree: Tree) -> None:
    await tree.make("a")
    maker = await tree.actor("a")
    making = [asyncio.create_task(tree.registry.api_keys.create(maker, Scope.READ)) for _ in range(20)]
    await asyncio.sleep(0.01)
    await tree.revoke("a")
    await asyncio.gather(*making, return_exceptions=True)
    assert {key.revoked_at is None for key in await tree.registry.accounts.list_keys()} == {False}


async def test_the_successor_has_what_its_predecessor_made(tree: Tree) -> None:
    await family(tree)
    await tree.rotate("b", to="n")
    assert await tree.makers() == {"a": None, "b": "a", "c": "n", "x": None, "n": "a"}
    await tree.revoke("b")
    assert await tree.held() == "acxn", "what was only tidied away takes nothing along"
    await tree.revoke("n")
    assert await tree.held() == "ax"


@pytest.mark.parametrize(
    ("key", "by", "leaked"),
    [
        ("a", "a", "a"),  # it replaces itself
        ("a", "b", "a"),  # what it made replaces it
        ("b", "a", "a"),
        ("b", "b", "b"),
        ("b", "x", "a"),  # somebody else's key replaces what a leaked one made
        ("b", None, "a"),
    ],
)
@pytest.mark.parametrize("hours", [0, 1])
async def test_no_rotation_saves_what_a_leaked_key_made(
    tree: Tree, key: str, by: str | None, leaked: str, hours: int
) -> None:
    await family(tree)
    made_by_leaked = {"a": "abc", "b": "bc"}[leaked]
    await tree.rotate(key, to="n", by=by, hours=hours)
    await tree.revoke(leaked)
    left = await tree.held()
    assert not set(left) & set(made_by_leaked)
    assert ("n" in left) == (by == "x"), "only what another key made is not of it"


async def test_a_key_that_ends_within_the_overlap_is_rotated_in_the_audit_too(tree: Tree) -> None:
    kim = (await tree.registry.access.find_user(KIM.user, KIM)).user
    soon = timedelta(minutes=30)
    key, _ = await tree.registry.accounts.create_key(user=kim.user, expires_in=soon)
    new, old, _ = await tree.registry.api_keys.rotate(KIM, key.id, overlap=timedelta(hours=24))
    assert old.expires_at == key.expires_at
    (entry,) = (await tree.registry.audit.list_entries(AuditFilter(action=AuditAction.KEY_ROTATED))).items
    assert (entry.draft.old["id"], entry.draft.new["followed_by"]) == (key.id, new.id)
    assert entry.draft.new["expires_at"] == entry.draft.old["expires_at"]


async def test_a_key_that_is_not_there_is_not_revoked(tree: Tree) -> None:
    with pytest.raises(NotFound):
        await tree.registry.api_keys.revoke(KIM, "nosuch")
