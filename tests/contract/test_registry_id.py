"""Both places of the registry's id keep one alike, and what starts at once agrees on one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from registry.adapters.local.registry_id import FolderId
from registry.adapters.sql.engine import Database
from registry.adapters.sql.registry_id import SqlRegistryId
from registry.domain.errors import Unavailable
from registry.domain.ids import RegistryId
from registry.domain.pairing import is_registry_id, new_registry_id
from registry.ports.pairing import IdPlace
from registry.services.pairing import Pairing

ONE, TWO = RegistryId("1" * 16), RegistryId("2" * 16)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(params=["folder", "database"])
def keeper(request: pytest.FixtureRequest, data: Path, database: Database) -> IdPlace:
    return FolderId(data) if request.param == "folder" else SqlRegistryId(database)


async def has_lost_none() -> bool:
    return False


def paired(
    data: Path, place: IdPlace | Database, make_tables: Callable[[], Awaitable[bool]] = has_lost_none
) -> Pairing:
    in_database = SqlRegistryId(place) if isinstance(place, Database) else place
    return Pairing(folder=FolderId(data), database=in_database, data=data, place="the base", make_tables=make_tables)


async def test_an_id_is_kept_until_it_is_forgotten(keeper: IdPlace) -> None:
    assert await keeper.find() is None
    await keeper.forget()
    assert await keeper.add(ONE) == ONE
    assert await keeper.add(TWO) == ONE, "who comes second is told which one is there"
    assert await keeper.find() == ONE
    await keeper.forget()
    assert (await keeper.find(), await keeper.add(TWO)) == (None, TWO)


async def test_of_several_that_are_added_at_once_one_is_kept(keeper: IdPlace) -> None:
    for _ in range(5):
        said = await asyncio.gather(*(keeper.add(new_registry_id()) for _ in range(8)))
        assert set(said) == {await keeper.find()}
        await keeper.forget()


async def test_the_file_is_whole_and_alone(data: Path) -> None:
    await FolderId(data).add(ONE)
    assert [path.name for path in data.iterdir()] == ["registry-id"]
    assert (data / "registry-id").read_text() == f"{ONE}\n"


@pytest.mark.parametrize("text", ["", "x", "1" * 15, "1" * 17, "A" * 16, "\udcff"])
async def test_a_file_that_holds_something_else(data: Path, text: str) -> None:
    (data / "registry-id").write_text(text, "utf-8", "surrogateescape")
    for call in (FolderId(data).find(), FolderId(data).add(ONE)):
        with pytest.raises(Unavailable, match=f"{data}/registry-id holds no registry id.*Remove it"):
            await call


async def test_a_file_that_cannot_be_read_or_made(data: Path, tmp_path: Path) -> None:
    (data / "registry-id").mkdir()
    with pytest.raises(Unavailable, match="Is a directory"):
        await FolderId(data).find()
    with pytest.raises(Unavailable, match=r"Cannot write .*/nowhere/registry-id"):
        await FolderId(tmp_path / "nowhere").add(ONE)


async def test_new_ones_get_an_id_and_the_database_takes_the_folders(data: Path, database: Database) -> None:
    made = await paired(data, database).agree()
    assert is_registry_id(made)
    assert await paired(data, database).agree() == made
    await SqlRegistryId(database).forget()
    assert await paired(data, database).agree() == made
    assert await SqlRegistryId(database).find() == made


async def test_those_that_do_not_belong_together_stay_as_they_are(data: Path, database: Database) -> None:
    await SqlRegistryId(database).add(ONE)
    for here in (None, TWO):
        await FolderId(data).forget()
        if here is not None:
            await FolderId(data).add(here)
        with pytest.raises(Unavailable) as refused:
            await paired(data, database).agree()
        words = (str(data), "the base", ONE, here or "no registry id", "PROMPTUARY_DATA", "PROMPTUARY_DATABASE_URL")
        assert [word for word in words if word not in refused.value.message] == []
        assert refused.value.message.endswith(f": echo {ONE} > {data}/registry-id")
        assert (await FolderId(data).find(), await SqlRegistryId(database).find()) == (here, ONE)
    (data / "registry-id").write_text(f"{ONE}\n")
    assert await paired(data, database).agree() == ONE


async def test_those_that_start_at_once_agree(data: Path, database: Database) -> None:
    for _ in range(10):
        said = await asyncio.gather(*(paired(data, database).agree() for _ in range(4)))
        assert set(said) == {await FolderId(data).find()} == {await SqlRegistryId(database).find()}
        await FolderId(data).forget()
        await SqlRegistryId(database).forget()


class Overtaken(FolderId):
    """A folder in which somebody else does all of a start just before or after it is looked at."""

    def __init__(self, data: Path, start: Callable[[], Awaitable[RegistryId]], *, before: bool) -> None:
        super().__init__(data)
        self._start = start
        self._before = before

    async def find(self) -> RegistryId | None:
        if self._before:
            await self._start()
        found = await super().find()
        if not self._before:
            await self._start()
        return found


@pytest.mark.parametrize("before", [False, True])
async def test_who_is_overtaken_by_another_start_agrees_with_it(
    data: Path, database: Database, *, before: bool
) -> None:
    slow = Pairing(
        folder=Overtaken(data, paired(data, database).agree, before=before),
        database=SqlRegistryId(database),
        data=data,
        place="the base",
        make_tables=has_lost_none,
    )
    assert await slow.agree() == await SqlRegistryId(database).find()


async def test_what_an_archive_has_takes_the_place_of_what_is_there(data: Path, database: Database) -> None:
    pairing = paired(data, database)
    await pairing.agree()
    await pairing.take(ONE)
    assert (await FolderId(data).find(), await SqlRegistryId(database).find()) == (ONE, ONE)
    await pairing.take(None)
    assert (await FolderId(data).find(), await SqlRegistryId(database).find()) == (None, None)


class Away(SqlRegistryId):
    """A database that goes away after its tables were made."""

    is_away = True

    async def find(self) -> RegistryId | None:
        if self.is_away:
            raise Unavailable("The database is away.")
        return await super().find()


async def test_a_database_that_has_lost_its_tables_gets_the_id_again(data: Path, database: Database) -> None:
    kept = await paired(data, database).agree()
    await SqlRegistryId(database).forget()  # as new tables are
    lost = [True, False, False]

    async def make_tables() -> bool:
        return lost.pop(0)

    place = Away(database)
    pairing = paired(data, place, make_tables)
    with pytest.raises(Unavailable):
        await pairing.make_missing_tables()
    place.is_away = False
    assert [await pairing.make_missing_tables() for _ in range(2)] == [True, False], "it is made good for later"
    assert await SqlRegistryId(database).find() == kept
