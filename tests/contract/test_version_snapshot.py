"""What is kept of version numbers for when the catalogue is away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.adapters.sql.version_snapshot import SqliteVersionSnapshot
from registry.domain.errors import Unavailable
from registry.domain.events import Position
from registry.ports.snapshots import NumberedCommit, VersionSnapshot

R = "default"


def numbered(number: int, name: str = "support/환불", **more: object) -> NumberedCommit:
    return NumberedCommit(name, number, number * 10, f"{number:040x}", **({"valid": True} | more))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.sqlite"


@pytest.fixture
async def snapshot(path: Path) -> AsyncIterator[VersionSnapshot]:
    async with SqliteVersionSnapshot(path) as opened:
        yield opened


async def test_what_was_put_is_found(snapshot: VersionSnapshot) -> None:
    versions = [numbered(1), numbered(2, valid=False), numbered(3, cause="partials/tone", moved_from="b")]
    assert await snapshot.reached(R) is None
    await snapshot.put(R, versions[:2])
    assert await snapshot.reached(R) is None, "not whole yet"
    await snapshot.put(R, versions[1:], Position(30, commit="c" * 40))
    assert await snapshot.reached(R) == Position(30, commit="c" * 40)
    reached = await snapshot.reached(R)
    assert reached is not None
    assert reached.commit == "c" * 40
    assert [await snapshot.find(R, "support/환불", n) for n in (1, 2, 3, 4)] == [*versions, None]
    assert await snapshot.newest(R, "support/환불", 2) == [versions[2], versions[1]]
    assert await snapshot.newest(R, "support", 2) == []
    assert await snapshot.find("other", "support/환불", 1) is None


async def test_a_number_that_is_put_again_replaces_the_old_one(snapshot: VersionSnapshot) -> None:
    await snapshot.put(R, [numbered(1)])
    await snapshot.put(R, [numbered(1, valid=False)])
    assert await snapshot.newest(R, "support/환불", 5) == [numbered(1, valid=False)]


async def test_a_repository_can_be_forgotten(snapshot: VersionSnapshot) -> None:
    for repository in (R, "other"):
        await snapshot.put(repository, [numbered(1)], Position(1, commit="c" * 40))
    await snapshot.forget(R)
    assert (await snapshot.reached(R), await snapshot.newest(R, "support/환불", 1)) == (None, [])
    assert await snapshot.reached("other") is not None


async def test_it_outlasts_the_process(path: Path) -> None:
    async with SqliteVersionSnapshot(path) as first:
        await first.put(R, [numbered(1)], Position(1, commit="c" * 40))
    async with SqliteVersionSnapshot(path) as second:
        assert await second.find(R, "support/환불", 1) == numbered(1)
        assert await second.reached(R) == Position(1, commit="c" * 40)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
async def test_a_damaged_file_is_begun_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    async with SqliteVersionSnapshot(path) as snapshot:
        if content:
            with pytest.raises(Unavailable, match="snapshot"):
                await snapshot.reached(R)
        assert await snapshot.reached(R) is None
        await snapshot.put(R, [numbered(1)])
        assert await snapshot.find(R, "support/환불", 1) == numbered(1)


async def test_a_file_of_another_format_is_begun_anew(path: Path) -> None:
    async with SqliteVersionSnapshot(path) as snapshot:
        await snapshot.put(R, [numbered(1)], Position(1, commit="c" * 40))
        await snapshot._run(lambda db: db.execute("PRAGMA user_version=99"))
    async with SqliteVersionSnapshot(path) as snapshot:
        assert await snapshot.reached(R) is None


async def test_where_it_cannot_be_written_that_is_said(tmp_path: Path) -> None:
    async with SqliteVersionSnapshot(tmp_path / "no such folder" / "snapshot.sqlite") as snapshot:
        with pytest.raises(Unavailable, match="unable to open"):
            await snapshot.reached(R)
