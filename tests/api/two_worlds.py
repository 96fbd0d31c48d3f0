"""Two registries, one with folders that are hidden from a key and one without them, and how they are asked."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from api.app import create_app
from registry.bootstrap import Registry, open_registry
from registry.domain.ids import RepositoryName
from registry.domain.rights import Place
from registry.domain.roles import Scope
from registry.settings import Settings
from tests.api.conftest import BASE, running
from tests.stock import write_files

SUPPORT = Place(RepositoryName("default"), "support")
GREET = """schema: prompt/v1
description: Greets.
type: text
text: 'Hello {% include "shared/tone" %}'
"""
TONE = "schema: prompt/v1\ntype: text\ntext: kind words\n"
SECRET = "schema: prompt/v1\ndescription: Greets the spies.\ntype: text\ntags: [spies]\ntext: Hello agent\n"

INCLUDING = TONE.replace("kind words", "'{% include \"secret/greet\" %}'")

SEEN = {
    "prompts/support/greet.prompt.yaml": GREET,
    "prompts/support/deep/thanks.prompt.yaml": TONE.replace("kind", "thankful"),
    "prompts/shared/tone.prompt.yaml": TONE,
    "prompts/shared/part.prompt.yaml": TONE.replace("kind", "part of"),
}
HIDDEN = {
    "prompts/secret/greet.prompt.yaml": SECRET,
    "prompts/support2/greets.prompt.yaml": SECRET.replace("agent", "{% include 'support/deep/thanks' %}"),
    "prompts/비밀/인사.prompt.yaml": SECRET.replace("Hello", "안녕"),
    "labels/spying/secret.yaml": "greet: 1\n",
}

PLAN = TONE.replace("kind words", "|\n" + "".join(f"    Step {number} of the plan\n" for number in range(9)))
"""Long enough that Git sees what it was when a line of it is another one."""


class World(NamedTuple):
    registry: Registry
    client: httpx.AsyncClient
    key: str
    whole: str


@asynccontextmanager
async def two_worlds(folder: Path) -> AsyncIterator[tuple[World, World]]:
    """One with what is hidden, and one where it never was; in both a key for a folder alone."""
    async with AsyncExitStack() as stack:
        found = [await _world(stack, folder / name, name == "with") for name in ("with", "without")]
        yield found[0], found[1]


async def _world(stack: AsyncExitStack, folder: Path, hidden: bool) -> World:
    registry = await stack.enter_async_context(open_registry(Settings(data=folder, sample=False, render_workers=1)))
    registry.repositories.create("default")
    extra = {**HIDDEN, "prompts/secret/was.prompt.yaml": TONE}
    await write_files(registry, SEEN, "Begin")
    was = {"prompts/support/was.prompt.yaml": TONE + "description: moves\n"}
    await write_files(registry, was | {"prompts/support/gone.prompt.yaml": TONE}, "More")
    labels = {path: text for path, text in extra.items() if path.startswith("labels/")}
    others = {path: text for path, text in extra.items() if path not in labels}
    await write_files(registry, others if hidden else {"a": "1"}, "Others, spies" if hidden else "Others")
    await write_files(registry, labels if hidden else {"a": "2"}, "Others' labels")
    await write_files(registry, {"prompts/support/gone.prompt.yaml": None}, "Gone")
    await write_files(registry, {"labels/production/support.yaml": "greet: 1\n"}, "Promote")
    last = {"prompts/secret/last.prompt.yaml": TONE}
    await write_files(registry, last if hidden else {"a": "3"}, "Rename what spies have" if hidden else "Last")
    await _open(registry, hidden)
    _, whole = await registry.accounts.create_key(user="ada", scope=Scope.ADMIN)
    _, key = await registry.accounts.create_key(user="kim", scope=Scope.WRITE, places=[SUPPORT])
    app = create_app(registry)
    await stack.enter_async_context(running(app))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
    return World(registry, await stack.enter_async_context(client), key, whole)


async def _open(registry: Registry, hidden: bool) -> None:
    """Templates come to where they are seen: one as it is, one changed, and one that was seen before."""
    there = {"moved": PLAN.replace("Step", "Move"), "plan": PLAN, "away": PLAN.replace("Step", "Way")}
    at = {name: f"prompts/secret/{name}.prompt.yaml" for name in there}
    seen = {name: f"prompts/support/{name}.prompt.yaml" for name in ("moved", "fresh", "came", "back")}
    await write_files(registry, {seen["came"]: there["away"]}, "Come")
    spied = {at["moved"]: there["moved"], at["plan"]: PLAN, at["away"]: there["away"]} if hidden else {}
    await write_files(registry, {**spied, seen["came"]: None}, "Make plans")
    gone: dict[str, str | None] = dict.fromkeys(at.values()) if hidden else {}
    come = {"moved": there["moved"], "fresh": PLAN.replace("Step 4", "Step four"), "back": there["away"]}
    await write_files(registry, {**gone, **{seen[name]: text for name, text in come.items()}}, "Open")


EACH_ITS_OWN = {"ratelimit"}
"""Headers that differ between any two answers: this one by the time that has gone by."""


async def ask(
    world: World, method: str, path: str, body: Any = None, key: str | None = None, **more: str
) -> tuple[int, str, str]:
    """Status, body and headers, the body's length included, without what tells the time and the commit."""
    same = {"X-Request-ID": "the-same", "Accept-Encoding": "identity"}  # else lengths depend on the commits' ids
    headers = {"Authorization": f"Bearer {key or world.key}", **same} | {
        n.replace("_", "-"): v for n, v in more.items()
    }
    if isinstance(body, str):
        headers |= {"Content-Type": "application/yaml", "If-None-Match": "*"}
    content = {"content": body.encode()} if isinstance(body, str) else {"json": body} if body is not None else {}
    found = await world.client.request(method, BASE + path, headers=headers, **content)
    told = {name: value for name, value in found.headers.items() if name not in EACH_ITS_OWN}
    return found.status_code, _plain(found.text), _plain(str(told))


def _plain(text: str) -> str:
    text = re.sub(r"(?<=r\.[0-9a-f]{16})\.[0-9a-f]{8}", ".…", text)  # an ETag of a state read by ref: it has the commit
    for pattern in (r"\b[0-9a-f]{40}\b", r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", r'"request_id": ?"[^"]*"'):
        text = re.sub(pattern, "…", text)
    return re.sub(r"\b[0-9a-f]{10}(?:[0-9a-f]{2})?\b", "…", text)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
