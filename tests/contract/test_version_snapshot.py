"""What is kept of version numbers for when the catalogue is away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.adapters.sql import version_snapshot
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


async def pages(*given: list[NumberedCommit]) -> AsyncIterator[list[NumberedCommit]]:
    for page in given:
        yield page


async def test_what_was_put_is_found(snapshot: VersionSnapshot) -> None:
    versions = [numbered(1), numbered(2, valid=False), numbered(3, cause="partials/tone", moved_from="b")]
    assert await snapshot.reached(R) is None
    await snapshot.put(R, versions[:2], Position(20, commit="b" * 40))
    await snapshot.put(R, versions[1:], Position(30, commit="c" * 40))
    reached = await snapshot.reached(R)
    assert reached is not None
    assert (reached, reached.commit) == (Position(30, commit="c" * 40), "c" * 40)
    assert [await snapshot.find(R, "support/환불", n) for n in (1, 2, 3, 4)] == [*versions, None]
    assert await snapshot.newest(R, "support/환불", 2) == [versions[2], versions[1]]
    assert await snapshot.newest(R, "support", 2) == []
    assert await snapshot.find("other", "support/환불", 1) is None


async def test_a_number_that_is_put_again_replaces_the_old_one(snapshot: VersionSnapshot) -> None:
    await snapshot.put(R, [numbered(1)], Position(1, commit="c" * 40))
    await snapshot.put(R, [numbered(1, valid=False)], Position(1, commit="c" * 40))
    assert await snapshot.newest(R, "support/환불", 5) == [numbered(1, valid=False)]


async def test_a_repository_can_be_forgotten(snapshot: VersionSnapshot) -> None:
    for repository in (R, "other"):
        await snapshot.put(repository, [numbered(1)], Position(1, commit="c" * 40))
    await snapshot.forget(R)
    assert (await snapshot.reached(R), await snapshot.newest(R, "support/환불", 1)) == (None, [])
    assert await snapshot.reached("other") is not None
    assert await snapshot.find("other", "support/환불", 1) == numbered(1)


async def test_what_is_held_is_in_use_until_all_of_the_new_is_there(
    snapshot: VersionSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_snapshot, "_ROWS_SWEPT", 2)
    old, new = Position(3, commit="a" * 40), Position(9, commit="b" * 40)
    for repository in (R, "other"):
        await snapshot.put(repository, [numbered(n) for n in (1, 2, 3)], old)

    async def looked_at() -> AsyncIterator[list[NumberedCommit]]:
        for page in ([numbered(1, valid=False)], [numbered(2, valid=False), numbered(5)]):
            yield page
            assert await snapshot.reached(R) == old
            assert await snapshot.newest(R, "support/환불", 5) == [numbered(3), numbered(2), numbered(1)]

    await snapshot.replace(R, looked_at(), new)
    assert await snapshot.reached(R) == new
    assert await snapshot.newest(R, "support/환불", 5) == [
        numbered(5),
        numbered(2, valid=False),
        numbered(1, valid=False),
    ]
    assert await snapshot.find(R, "support/환불", 3) is None
    assert await snapshot.reached("other") == old
    assert len(await snapshot.newest("other", "support/환불", 5)) == 3


async def test_what_breaks_off_leaves_what_is_held(path: Path) -> None:
    async def breaking() -> AsyncIterator[list[NumberedCommit]]:
        yield [numbered(1, valid=False), numbered(7)]
        raise Unavailable("away")

    async with SqliteVersionSnapshot(path) as first:
        await first.put(R, [numbered(1)], Position(1, commit="c" * 40))
        with pytest.raises(Unavailable, match="away"):
            await first.replace(R, breaking(), Position(9, commit="b" * 40))
    async with SqliteVersionSnapshot(path) as second:
        assert await second.reached(R) == Position(1, commit="c" * 40)
        assert await second.newest(R, "support/환불", 5) == [numbered(1)]
        await second.replace(R, pages([numbered(2)]), Position(2, commit="d" * 40))
        rows = await second._run(lambda db: db.execute("SELECT DISTINCT build FROM versions").fetchall())
        assert len(rows) == 1, "nothing is left of what broke off"


async def test_no_read_walks_all_versions(path: Path) -> None:
    asked: list[str] = []
    async with SqliteVersionSnapshot(path) as snapshot:
        await snapshot.put(R, [numbered(1)], Position(1, commit="c" * 40))
        await snapshot._run(lambda db: db.set_trace_callback(asked.append))
        await snapshot.find(R, "support/환불", 1)
        await snapshot.newest(R, "support/환불", 5)
        await snapshot._run(lambda db: db.set_trace_callback(None))
        for statement in asked:
            plan = await snapshot._run(lambda db, text=statement: db.execute(f"EXPLAIN QUERY PLAN {text}").fetchall())
            assert any("SEARCH versions USING PRIMARY KEY (build=? AND name=?" in row[3] for row in plan), plan
            assert not any("TEMP B-TREE" in row[3] for row in plan), plan
    assert len(asked) == 2


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
        await snapshot.put(R, [numbered(1)], Position(1, commit="c" * 40))
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
