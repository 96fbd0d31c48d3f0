"""Who may read one folder is told nothing by the names that templates of others had before they were imported."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.conftest import BASE
from tests.api.two_worlds import World, ask, bearer, two_worlds


@pytest.fixture
async def worlds(tmp_path: Path) -> AsyncIterator[tuple[World, World]]:
    async with two_worlds(tmp_path) as found:
        yield found


async def test_names_from_before_an_import_tell_nothing_of_other_folders(worlds: tuple[World, World]) -> None:
    with_it, without = worlds
    export = json.dumps(
        [
            {"name": name, "version": 1, "prompt": "x", "createdAt": "2024-01-01T00:00:00Z", "createdBy": "ada@x.org"}
            for name in ("Sort: 'it'.json", "support/was twice")
        ]
    ).encode()
    for world, folders in ((with_it, ["support/in", "secret"]), (without, ["support/in"])):
        for folder in folders:
            sent = await world.client.post(
                f"{BASE}/imports",
                files=[("files", ("e.json", export))],
                params={"folder": folder},
                headers=bearer(world.whole),
            )
            assert sent.status_code == 200, sent.text
    hidden = json.dumps([{**json.loads(export)[0], "name": "Spy: 'it'.json"}]).encode()
    await with_it.client.post(
        f"{BASE}/imports",
        files=[("files", ("e.json", hidden))],
        params={"folder": "secret"},
        headers=bearer(with_it.whole),
    )
    for old, status in (("Spy: 'it'.json", 400), ("Sort: 'it'.json", 308), ("support/was twice", 308)):
        name = quote(old)
        for method, path, body in (
            ("GET", f"/templates/{name}", None),
            ("GET", f"/templates/{name}?version=1", None),
            ("GET", f"/versions/{name}", None),
            ("GET", f"/versions/{name}/1", None),
            ("GET", f"/blame/{name}", None),
            ("GET", f"/diff/{name}", None),
            ("POST", f"/render/{name}", {"variables": {}}),
        ):
            one, other = await ask(with_it, method, path, body), await ask(without, method, path, body)
            assert one == other, (method, path)
            assert one[0] == status or path.startswith(("/blame", "/diff")), (path, one)
