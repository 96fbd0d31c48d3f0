"""The database on PostgreSQL where something is in the way: servers away or hanging, locks, deadlines, other writers."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import Connection, Double, Integer, bindparam, cast, func, select

from registry.adapters.sql.dialect import PROJECTED
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.postgres_engine import PostgresDatabase
from registry.adapters.sql.postgres_errors import server_errors
from registry.adapters.sql.postgres_migrate import migrate_server
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.domain.errors import Conflict, Unavailable
from registry.settings import Settings
from tests.databases import address_of, migrated_database, run_sql
from tests.projected import History

SECRET = "hush-hush"
SLEEPY = select(cast(bindparam("answer"), Integer).label("answer")).select_from(
    func.pg_sleep(bindparam("seconds", type_=Double))
)


@pytest.fixture
async def postgres(catalogue_url: str) -> AsyncIterator[Database]:
    database = await Database.open(catalogue_url, seconds=10)
    yield database
    await database.close()


def runs(statement: str) -> Callable[[Connection], object]:
    """Work that runs a statement and answers its first value."""
    return lambda connection: connection.exec_driver_sql(statement).scalar()


def changed(address: str, **parts: str) -> str:
    return urlunsplit(urlsplit(address)._replace(**parts))


async def hot(database: Database, answer: int, seconds: float = 0.0) -> object:
    """A hot read that answers after some time."""
    (row,) = await database.fetch(SLEEPY, {"answer": answer, "seconds": seconds})
    return row.answer


async def running(address: str, statement: str) -> int:
    """How many sessions run a statement."""
    connection = await asyncpg.connect(address)
    count = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()"
    found = await connection.fetchval(count, f"%{statement}%")
    await connection.close()
    return int(found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: f"postgresql://kim:{SECRET}@127.0.0.1:1/none", "cannot be reached"),
        (lambda url: changed(url, path="/promptuary_no_such_database"), "no database of the name"),
        (lambda url: f"postgresql://kim:{SECRET}@127.0.0.1:not-a-port/none", "cannot be read"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_said_without_its_address(
    catalogue_url: str, change: Callable[[str], str], reason: str
) -> None:
    with pytest.raises(Unavailable, match=reason) as raised:
        await Database.open(change(catalogue_url))
    assert SECRET not in raised.value.message
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_settings_keep_the_address_secret() -> None:
    assert SECRET not in repr(Settings(database_url=f"postgresql://kim:{SECRET}@db/promptuary"))


async def test_connections_that_the_server_ended_are_made_anew(postgres: Database, catalogue_url: str) -> None:
    connection = await asyncpg.connect(catalogue_url)
    for wait in (0.0, 0.1):
        assert await postgres.read(runs("SELECT 1")) == 1
        assert await postgres.write(runs("SELECT 1")) == 1
        assert await hot(postgres, 1) == 1
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await asyncio.sleep(wait)
        assert await postgres.read(runs("SELECT 2")) == 2
        assert await hot(postgres, 2) == 2
        await asyncio.sleep(0.1)
        assert await postgres.write(runs("SELECT 2")) == 2
    await connection.close()


async def test_only_of_a_change_it_is_said_what_became_of_it(postgres: Database, catalogue_url: str) -> None:
    said = []
    for ask in (postgres.read, postgres.write):
        cut_off = asyncio.create_task(ask(runs("SELECT pg_sleep(20.4)")))
        while not await running(catalogue_url, "pg_sleep(20.4)"):
            await asyncio.sleep(0.05)
        connection = await asyncpg.connect(catalogue_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20.4)%' "
            "AND pid <> pg_backend_pid()"
        )
        await connection.close()
        with pytest.raises(Unavailable) as raised:
            await cut_off
        said.append(raised.value.message)
    assert ["last change" in message for message in said] == [False, True], said
    assert "Nothing was changed" not in said[0]


async def test_a_read_that_takes_too_long_is_stopped_in_the_server(catalogue_url: str) -> None:
    database = await Database.open(catalogue_url, seconds=0.3)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="took too long"):
        await database.read(runs("SELECT pg_sleep(20.1)"))
    assert time.monotonic() - began < 2
    assert await running(catalogue_url, "pg_sleep(20.1)") == 0
    assert await database.read(runs("SELECT 1 FROM pg_sleep(0.6)"), deadline=Deadline.BATCH) == 1
    await database.close()


async def test_a_read_that_is_given_up_is_stopped_in_the_server(postgres: Database, catalogue_url: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await postgres.read(runs("SELECT pg_sleep(20.2)"))
    for _ in range(20):
        if not await running(catalogue_url, "pg_sleep(20.2)"):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("it still runs")


async def test_a_write_that_is_given_up_is_done_all_the_same(postgres: Database) -> None:
    def write(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT pg_sleep(0.3)")
        connection.exec_driver_sql("INSERT INTO repositories (name) VALUES ('given-up')")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await postgres.write(write)
    await asyncio.sleep(0.6)
    assert await postgres.read(runs("SELECT count(*) FROM repositories")) == 1


async def test_who_finds_no_free_connection_is_told_so(catalogue_url: str) -> None:
    database = await Database.open(catalogue_url, readers=1, seconds=0.3)
    long = asyncio.create_task(database.read(runs("SELECT pg_sleep(2)"), deadline=Deadline.BATCH))
    await asyncio.sleep(0.1)
    with pytest.raises(Unavailable, match="all connections to it are in use"):
        await database.read(runs("SELECT 1"))
    await long
    await database.close()


@pytest.mark.parametrize("kind", [asyncpg.InterfaceError, asyncpg.InternalClientError])
def test_a_connection_that_breaks_between_two_steps_of_a_call_is_a_server_that_is_away(kind: type[Exception]) -> None:
    """The driver then says by errors of its own, without a code, that it knows no such connection any more."""
    with pytest.raises(Unavailable, match="cannot be reached"), server_errors():
        raise kind("the underlying connection is closed")


async def test_what_the_driver_says_of_a_wrong_value_is_a_mistake_of_the_program(catalogue_url: str) -> None:
    database = await Database.open(catalogue_url)
    with pytest.raises(asyncpg.DataError):
        await hot(database, 1, "soon")  # type: ignore[arg-type]  # that is what is tried
    await database.close()


async def test_a_hot_read_that_takes_too_long_is_told_and_leaves_a_connection_behind(catalogue_url: str) -> None:
    database = await Database.open(catalogue_url, readers=1, seconds=0.3)
    for _ in range(3):
        with pytest.raises(Unavailable, match="took too long"):
            await hot(database, 1, 5.0)
    assert await hot(database, 3) == 3
    await database.close()


@asynccontextmanager
async def hanging_way(address: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """An address that leads to the same server until the event is cleared: then nothing comes through any more."""
    goes = asyncio.Event()
    goes.set()
    there = urlsplit(address)
    ways: set[asyncio.Task[None]] = set()

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await goes.wait()
                target.write(data)
        finally:
            target.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await goes.wait()
        behind, onwards = await asyncio.open_connection(there.hostname, there.port)
        for way in (carry(reader, onwards), carry(behind, writer)):
            ways.add(asyncio.create_task(way))

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield changed(address, netloc=f"{there.username}:{there.password}@127.0.0.1:{port}"), goes
    finally:
        server.close()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


@pytest.mark.parametrize("ask", [lambda database: database.read(runs("SELECT 2")), lambda database: hot(database, 2)])
async def test_a_server_that_hangs_holds_nobody_beyond_the_deadline(
    catalogue_url: str, ask: Callable[[Database], Awaitable[object]]
) -> None:
    async with hanging_way(catalogue_url) as (address, goes):
        database = await Database.open(address, seconds=0.3)
        assert isinstance(database, PostgresDatabase)
        assert await database.read(runs("SELECT 1")) == 1
        assert await hot(database, 1) == 1
        goes.clear()
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"):
                await ask(database)
            assert time.monotonic() - began < 1
        with pytest.raises(Unavailable, match="not asked for a moment"):
            await database.read(runs("SELECT 3"))
        goes.set()
        for _ in range(100):
            await asyncio.sleep(0.1)
            try:
                assert await ask(database) == 2
            except Unavailable:
                continue
            break
        else:
            raise AssertionError("it never came back")
        await database.close()


async def test_a_read_sees_one_state_and_writes_nothing(postgres: Database) -> None:
    begun, written = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def write() -> None:
        await begun.wait()
        await postgres.write(runs("INSERT INTO repositories (name) VALUES ('x') RETURNING id"))
        written.set()

    def count_twice(connection: Connection) -> tuple[object, object]:
        first = runs("SELECT count(*) FROM repositories")(connection)
        loop.call_soon_threadsafe(begun.set)
        while not written.is_set():
            runs("SELECT pg_sleep(0.02)")(connection)
        return first, runs("SELECT count(*) FROM repositories")(connection)

    writing = asyncio.create_task(write())
    assert await postgres.read(count_twice) == (0, 0)
    await writing
    with pytest.raises(Unavailable, match="takes no writes"):
        await postgres.read(runs("DELETE FROM repositories"))


async def test_writers_in_each_others_way_both_get_through(postgres: Database) -> None:
    """Two transactions that lock two rows in opposite order: PostgreSQL stops one, which is run again."""
    await postgres.write(runs("INSERT INTO repositories (name) VALUES ('a'), ('b') RETURNING id"))

    def lock(first: str, second: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            for name in (first, second):
                connection.exec_driver_sql(f"UPDATE repositories SET name = name || '!' WHERE name LIKE '{name}%%'")
                runs("SELECT pg_sleep(0.2)")(connection)

        return work

    await asyncio.gather(postgres.write(lock("a", "b")), postgres.write(lock("b", "a")))
    names = "SELECT string_agg(name, ' ' ORDER BY name) FROM repositories"
    assert await postgres.read(runs(names)) == "a!! b!!"


async def test_only_what_is_made_again_does_not_wait_for_the_disk(postgres: Database) -> None:
    for durability, level in {Durability.KEPT: "on", Durability.USUAL: "on", Durability.PASSING: "off"}.items():
        assert await postgres.write(runs("SHOW synchronous_commit"), durability=durability) == level


async def test_of_two_who_project_the_same_one_is_told(catalogue_url: str) -> None:
    opened = [await Database.open(catalogue_url, seconds=10) for _ in range(2)]
    one, two = map(SqlProjection, opened)
    history = History()
    await one.apply(history.commit({"a": "1"}))
    for number in range(10):
        batch = history.commit({"a": f"{number}!"})
        outcomes = await asyncio.gather(one.apply(batch), two.apply(batch), return_exceptions=True)
        assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "bool"], outcomes
    entry = await SqlTemplateIndex(opened[0]).find_template("default", "a")
    assert entry is not None
    assert entry.version == 11
    for database in opened:
        await database.close()


async def test_who_listens_is_told_once_readers_can_see_it(postgres: Database, catalogue_url: str) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    listening = await asyncpg.connect(catalogue_url)
    await listening.add_listener(PROJECTED, lambda *heard: told.put_nowait(heard[3]))
    projection, history = SqlProjection(postgres), History()
    await projection.apply(history.commit({"a": "1"}, replay=True, final=False))
    last = history.commit({"a": "2"}, replay=True)
    await projection.apply(last)
    next_one = history.commit({"a": "3"})
    await projection.apply(next_one)
    with pytest.raises(Conflict):
        await projection.apply(next_one)
    async with asyncio.timeout(5):
        assert [await told.get(), await told.get()] == [f"default {last.commit}", f"default {next_one.commit}"]
    assert told.empty()
    await listening.close()


async def test_work_never_holds_up_the_loop_that_answers_requests(postgres: Database) -> None:
    assert await postgres.read(lambda _: threading.get_ident()) != threading.get_ident()
    assert await postgres.write(lambda _: threading.get_ident()) != threading.get_ident()


BARE = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


@pytest.fixture
async def losing() -> AsyncIterator[tuple[Database, str]]:
    """A database that a test may take the tables from, and its address."""
    with migrated_database() as name:
        database = await Database.open(address_of(name), seconds=10)
        yield database, address_of(name)
        await database.close()


async def test_tables_are_made_where_two_looks_in_a_row_find_none(losing: tuple[Database, str]) -> None:
    database, address = losing
    assert not await database.make_missing_tables()
    for _ in range(2):
        run_sql(BARE, address=address)
        assert not await database.make_missing_tables(), "somebody may be restoring a dump"
        await migrate_server(address)
        assert not await database.make_missing_tables()
    run_sql(BARE, address=address)
    assert [await database.make_missing_tables() for _ in range(3)] == [False, True, False]
    assert await database.read(runs("SELECT count(*) FROM users")) == 0


@pytest.mark.parametrize("lost", ["DROP TABLE alembic_version", "DROP TABLE outbox, refs"])
async def test_nothing_is_made_where_only_some_tables_are_missing(losing: tuple[Database, str], lost: str) -> None:
    database, address = losing
    run_sql(lost, address=address)
    for _ in range(3):
        with pytest.raises(Unavailable, match="restore a backup into an empty database") as raised:
            await database.make_missing_tables()
    assert raised.value.message.endswith(f"(missing: {lost.removeprefix('DROP TABLE ')}).")


async def test_a_start_on_tables_of_no_known_revision_says_what_to_do(losing: tuple[Database, str]) -> None:
    database, address = losing
    run_sql("TRUNCATE alembic_version", address=address)
    assert [await database.make_missing_tables() for _ in range(3)] == [False, False, False]
    with pytest.raises(Unavailable, match="restore a backup into an empty database"):
        await Database.open(address)


async def test_why_tables_cannot_be_made_is_said(losing: tuple[Database, str]) -> None:
    database, address = losing
    run_sql("DROP SCHEMA public CASCADE", address=address)
    assert not await database.make_missing_tables()
    with pytest.raises(Unavailable, match="CREATE SCHEMA public"):
        await database.make_missing_tables()
