"""What every store of users and keys promises, run against SQLite."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.adapters.sql.accounts import SqlKeys, SqlUsers
from registry.adapters.sql.audit_log import SqlAuditLog
from registry.adapters.sql.engine import Database, Durability
from registry.domain.access import ApiKey, Identified, User
from registry.domain.audit import AuditAction, AuditDraft
from registry.domain.errors import Conflict, NotFound, Unauthenticated
from registry.domain.rights import NOTHING
from registry.domain.roles import Scope
from registry.ports.accounts import Keys, Users
from registry.ports.audit import AuditLog

KIM = User("kim", "Kim Minji", "kim@example.com")
NOW = datetime(2026, 4, 1, 12, 0, 0, 123456, tzinfo=UTC)
KEY = ApiKey(id="k1", user="kim", scope=Scope.WRITE, hash="aa" * 32, created_at=NOW, note="ci 배포")
ROOT = Path(__file__).parents[2]


class Accounts(NamedTuple):
    users: Users
    keys: Keys
    log: AuditLog


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(SqlUsers(database), SqlKeys(database), SqlAuditLog(database))


async def test_a_user_is_added_then_changed(accounts: Accounts) -> None:
    assert await accounts.users.find("kim") is None
    await accounts.users.put(KIM)
    await accounts.users.put(replace(KIM, email="new@example.com"))
    assert await accounts.users.find("kim") == replace(KIM, email="new@example.com")


async def test_the_first_user_stays_the_first(accounts: Accounts) -> None:
    assert await accounts.users.first() is None
    await accounts.users.put(User("zoe", "Zoe", "z@example.com"))
    await accounts.users.put(User("abe", "Abe", "a@example.com"))
    await accounts.users.put(User("zoe", "Zoe Z", "z@example.com"))
    first = await accounts.users.first()
    assert first is not None
    assert first.user == "zoe"


async def test_a_key_is_found_by_its_hash_with_its_user(accounts: Accounts) -> None:
    await accounts.users.put(KIM)
    expires = (NOW + timedelta(days=1)).astimezone(timezone(timedelta(hours=9)))
    await accounts.keys.add(replace(KEY, expires_at=expires))
    assert await accounts.keys.find(KEY.hash) == (replace(KEY, expires_at=expires), Identified(KIM, NOTHING))
    assert await accounts.keys.find("bb" * 32) is None


async def test_a_key_needs_a_user_and_is_added_once(accounts: Accounts) -> None:
    with pytest.raises(NotFound, match="kim"):
        await accounts.keys.add(KEY)
    await accounts.users.put(KIM)
    await accounts.keys.add(KEY)
    for same in (replace(KEY, hash="cc" * 32), replace(KEY, id="k2")):
        with pytest.raises(Conflict):
            await accounts.keys.add(same)


async def test_keys_are_listed_newest_first_and_by_user(accounts: Accounts) -> None:
    await accounts.users.put(KIM)
    await accounts.users.put(User("lee", "Lee", "l@example.com"))
    for number, user in enumerate(("kim", "lee", "kim")):
        at = NOW + timedelta(seconds=number)
        await accounts.keys.add(ApiKey(f"k{number}", user, Scope.READ, f"{number:064x}", at))
    assert [key.id for key in await accounts.keys.list_keys()] == ["k2", "k1", "k0"]
    assert [key.id for key in await accounts.keys.list_keys("kim")] == ["k2", "k0"]
    assert await accounts.keys.list_keys("nobody") == []


async def test_a_revoked_key_is_still_found_and_keeps_its_first_time(accounts: Accounts) -> None:
    await accounts.users.put(KIM)
    await accounts.keys.add(KEY)
    assert await accounts.keys.revoke("k1", NOW) == [KEY]
    assert await accounts.keys.revoke("k1", NOW + timedelta(days=1)) == []
    assert await accounts.keys.revoke("absent", NOW) is None
    found = await accounts.keys.find(KEY.hash)
    assert found is not None
    assert found[0].revoked_at == NOW


def made(key_id: str, by: str | None) -> ApiKey:
    return replace(KEY, id=key_id, hash=key_id, made_by=by)


@pytest.mark.parametrize(
    ("makers", "gone"),
    [
        ({"a": None, "b": "a", "c": "b", "d": None}, "abc"),
        ({"a": None, "b": "a", "c": "a", "d": "c"}, "abcd"),
        ({"b": None, "a": "b", "c": "b", "d": "a"}, "ad"),
    ],
)
async def test_what_came_of_a_revoked_key_is_revoked_with_it(
    accounts: Accounts, makers: dict[str, str | None], gone: str
) -> None:
    await accounts.users.put(KIM)
    for name, by in makers.items():
        await accounts.keys.add(made(name, by))

    def told(key: ApiKey) -> AuditDraft:
        return AuditDraft(AuditAction.KEY_REVOKED, NOW, old=key.id)

    revoked = await accounts.keys.revoke("a", NOW, told)
    assert {key.id: key.made_by for key in revoked or ()} == {name: makers[name] for name in gone}
    assert {entry.draft.old for entry in await accounts.log.following(0, limit=9)} == set(gone)
    now = {key.id: key.revoked_at for key in await accounts.keys.list_keys()}
    assert now == {name: NOW if name in gone else None for name in makers}
    with pytest.raises(Unauthenticated, match="a was revoked"):
        await accounts.keys.add(made("e", "a"))
    assert len(await accounts.keys.list_keys()) == 4


async def test_a_key_that_is_made_while_its_maker_is_revoked_is_revoked_or_not_made(accounts: Accounts) -> None:
    await accounts.users.put(KIM)
    await accounts.keys.add(made("a", None))
    making = [accounts.keys.add(made(f"k{number}", "a")) for number in range(12)]
    making.insert(6, accounts.keys.revoke("a", NOW))  # type: ignore[arg-type]
    done = await asyncio.gather(*making, return_exceptions=True)
    assert {type(each) for each in done} <= {type(None), list, Unauthenticated}, done
    assert {key.revoked_at for key in await accounts.keys.list_keys()} == {NOW}


async def test_a_successor_has_what_its_predecessor_made(accounts: Accounts) -> None:
    await accounts.users.put(KIM)
    for name, by in {"a": None, "b": "a", "n": "a"}.items():
        await accounts.keys.add(made(name, by))
    await accounts.keys.expire("a", NOW, successor="n")
    assert {key.id: key.made_by for key in await accounts.keys.list_keys()} == {"a": None, "b": "n", "n": "a"}


ADDER = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from registry.adapters.sql.accounts import SqlKeys, SqlUsers
from registry.adapters.sql.engine import Database
from registry.domain.access import ApiKey, User
from registry.domain.roles import Scope

async def main():
    where = sys.argv[1]
    database = await Database.open(where if "://" in where else Path(where))
    await SqlUsers(database).put(User("kim", "Kim", "k@example.com"))
    await SqlKeys(database).add(ApiKey("k1", "kim", Scope.READ, "aa", datetime.now(UTC)))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.crash
async def test_an_acknowledged_key_outlives_a_killed_process(place: Path | str) -> None:
    subprocess.run([sys.executable, "-c", ADDER, str(place), str(ROOT)], check=False, timeout=60)
    database = await Database.open(place)
    assert await SqlKeys(database).find("aa") is not None
    await database.close()


async def test_two_processes_add_the_same_at_once(accounts: Accounts) -> None:
    await asyncio.gather(*[accounts.users.put(KIM) for _ in range(8)])
    added = await asyncio.gather(*[accounts.keys.add(KEY) for _ in range(8)], return_exceptions=True)
    assert [type(each) for each in added if each is not None] == [Conflict] * 7
    assert await accounts.keys.list_keys() == [KEY]


async def test_writes_of_accounts_wait_for_the_disk(tmp_path: Path) -> None:
    """Seen from within: the setting under which the writing transaction runs (2 is FULL, 1 is NORMAL)."""
    database = await Database.open(tmp_path / "catalogue.db")

    def level(connection: object) -> int:
        return connection.exec_driver_sql("PRAGMA synchronous").scalar_one()  # type: ignore[attr-defined]

    assert await database.write(level, durability=Durability.KEPT) == 2
    assert await database.write(level) == 1
    await database.close()


async def test_a_key_ends_sooner_and_never_later(accounts: Accounts) -> None:
    await accounts.users.put(KIM)
    await accounts.keys.add(KEY)
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(days=9)
    assert await accounts.keys.expire("k1", late) == replace(KEY, expires_at=late)
    assert await accounts.keys.expire("k1", soon) == replace(KEY, expires_at=soon)
    assert await accounts.keys.expire("k1", late) == replace(KEY, expires_at=soon)
    assert await accounts.keys.expire("nosuch", soon) is None


async def test_the_last_use_of_a_key_is_kept(accounts: Accounts) -> None:
    await accounts.users.put(KIM)
    await accounts.keys.add(KEY)
    await accounts.keys.note_uses({})
    later = NOW + timedelta(minutes=1)
    for uses in ({"k1": later, "nosuch": later}, {"k1": NOW}):
        await accounts.keys.note_uses(uses)
        (found,) = await accounts.keys.list_keys()
        assert found == replace(KEY, used_at=later)
