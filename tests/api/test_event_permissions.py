"""The event stream in every role at every place: an event reaches whom docs/permissions.md names, and nobody else."""

import json
import re
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from api.permissions_page import STANDINGS, Standing, meets
from registry.bootstrap import Registry
from registry.domain.events import EVENT_NEEDS, EVENT_TYPES
from registry.domain.ids import LabelName, TemplateName, UserName
from registry.domain.labels import label_path
from registry.domain.names import folder_of, template_path
from registry.domain.needs import Reach
from registry.domain.rights import Place
from registry.domain.roles import Role, Scope
from tests.api.test_event_streams import Open, opened
from tests.api.test_permissions import ADMIN
from tests.stock import DEFAULT, TONE, write_files

FOLDERS = ("support", "고객지원")
LAST = "last"
"""The name of what is written when all else has happened, in each folder."""


def label_file(folder: str) -> str:
    return label_path(LabelName("free"), TemplateName(f"{folder}/x"))


async def write(registry: Registry, name: str, text: str | None) -> None:
    """The same in each folder, in a commit of its own."""
    for folder in FOLDERS:
        await write_files(registry, {template_path(TemplateName(f"{folder}/{name}")): text}, "Change")


async def happen(registry: Registry) -> None:
    """Events of each type in each folder."""
    await write(registry, "a", TONE)
    for folder in FOLDERS:
        await write_files(registry, {label_file(folder): "a: 1\n"}, "Label")
        await write_files(registry, {label_file(folder): None}, "Unlabel")
        moved = {template_path(TemplateName(f"{folder}/{name}")): text for name, text in (("a", None), ("b", TONE))}
        await write_files(registry, moved, "Move")
    await write(registry, "b", None)
    await registry.indexing.rebuild(DEFAULT)
    await write(registry, "c", TONE)
    await write(registry, LAST, TONE)


async def key_of(registry: Registry, role: Role, standing: Standing) -> str:
    user = UserName(f"{role}-{STANDINGS.index(standing)}")
    await registry.access.put_user(user, actor=ADMIN)
    for place, granted in standing.grants(role):
        await registry.access.grant(granted, place, actor=ADMIN, user=user)
    return (await registry.accounts.create_key(user=user, scope=Scope.READ))[1]


def told(stream: Open) -> set[tuple[str, str | None]]:
    """Types of the events, with the folders of what they are about."""
    found = [json.loads(data) for data in re.findall(r"^data: (.+)$", stream.text, re.MULTILINE)]
    return {(each["type"], folder_of(each["name"]) if each.get("name") else None) for each in found}


def wanted(role: Role, standings: Iterable[Standing]) -> set[tuple[str, str | None]]:
    """What the page says of one who stands so towards what is inside and towards what is outside of his folder."""
    return {
        (type_, standing.about.folder if need.reach is Reach.FOLDER else None)
        for standing in standings
        for type_, need in EVENT_NEEDS.items()
        if meets(need, role, standing)
    }


def both_ways(standing: Standing) -> list[Standing]:
    """The same grants, towards what lies in each folder."""
    return [Standing(standing.title, standing.granted, Place(DEFAULT, each), standing.reads_all) for each in FOLDERS]


async def test_an_event_reaches_whom_the_page_names(
    app: Any, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.projecting.COMMITS_AT_ONCE", 1)  # or a rebuild is not worth an event
    streams = {}
    async with AsyncExitStack() as stack:
        for standing in STANDINGS:
            for role in Role:
                key = await key_of(stocked, role, standing)
                streams[role, standing] = await stack.enter_async_context(opened(app, key))
        await happen(stocked)
        for (role, standing), stream in streams.items():
            seen = wanted(role, both_ways(standing))
            final = FOLDERS[-1] if ("template_changed", FOLDERS[-1]) in seen else FOLDERS[0]
            await stream.until(f'"{final}/{LAST}"')
            assert told(stream) == seen, (role, standing)
    assert set(EVENT_TYPES) == {type_ for type_, _ in told(stream)}
