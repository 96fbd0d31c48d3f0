"""Templates that many ask for at the same time on PostgreSQL: one statement, and everybody gets what is theirs."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Select

from registry.adapters.sql.engine import Database
from registry.adapters.sql.postgres_engine import PostgresDatabase
from registry.adapters.sql.postgres_gathering import Gathering
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.selected_state import statement_for
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.domain.errors import Unavailable
from registry.domain.ids import LabelName
from registry.domain.selected_state import SelectedState
from tests.projected import History

LABEL = LabelName("prod")
STATEMENT = statement_for(LABEL, None)
ASKED = [{"label": "prod"}, {"label": "latest"}, {"version": 1}, {}]


class Asked:
    """What is asked of the server: answered when the gate is open, with a row of the name for each."""

    def __init__(self) -> None:
        self.names: list[list[str]] = []
        self.gate = asyncio.Event()
        self.problem: Exception | None = None

    async def __call__(self, statement: Select[Any], values: Mapping[str, Any]) -> list[tuple[str, ...]]:
        several = statement is STATEMENT.for_several
        names = values["names"] if several else [values["name"]]
        self.names.append(sorted(names))
        await self.gate.wait()
        if self.problem is not None and (several or "bad" in names or isinstance(self.problem, Unavailable)):
            raise self.problem
        return [(f"of {name}", name) for name in names]


@pytest.fixture
def asked() -> Asked:
    return Asked()


def begun(gathering: Gathering, *names: str) -> list["asyncio.Task[Any]"]:
    values = {"repository": "default", "label": LABEL}
    return [asyncio.create_task(gathering.fetch(STATEMENT, name, values)) for name in names]


@pytest.mark.parametrize("how", ASKED)
async def test_many_at_once_get_what_each_would_get_alone(database: Database, how: Mapping[str, Any]) -> None:
    history, versions = History(), SqlVersionIndex(database)
    names = [f"f/{number}" for number in range(50)]
    files = {name: '{% include "p" %}' + name if at % 2 else name for at, name in enumerate(names)}
    labels = {(LABEL, name): 1 for name in names[::3]}
    await SqlProjection(database).apply(history.commit({**files, "p": "one"}, labels=labels))
    wanted = [*names, "gone", "p", *names]
    together = await asyncio.gather(*(versions.find_selected("default", name, **how) for name in wanted))
    for name, found in zip(wanted, together, strict=True):
        assert found == await versions.find_selected("default", name, **how)
    assert together[50] == SelectedState(history.tip)
    nowhere = await asyncio.gather(*(versions.find_selected("elsewhere", name, **how) for name in wanted))
    assert nowhere == [SelectedState()] * len(wanted)


async def test_statements_are_fewer_than_callers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(database, PostgresDatabase):
        pytest.skip("SQLite is asked for one after the other")
    sent = []
    fetch = database._hot.fetch

    async def noted(*given: Any) -> Any:
        sent.append(given)
        return await fetch(*given)

    monkeypatch.setattr(database._hot, "fetch", noted)
    await SqlProjection(database).apply(History().commit({"a": "1"}))
    index = SqlVersionIndex(database)
    await asyncio.gather(*(index.find_selected("default", "a", label=LABEL) for _ in range(33)))
    assert len(sent) == 2, "who came first, and all others"


async def test_who_comes_while_somebody_is_asked_for_waits_for_the_next(asked: Asked) -> None:
    tasks = begun(Gathering(asked, 5), *"abcdefa")
    await asyncio.sleep(0)
    assert asked.names == [["a"]]
    asked.gate.set()
    assert await asyncio.gather(*tasks) == [[(f"of {name}", name)] for name in "abcdefa"]
    assert asked.names[1:] == [["a", "b", "c", "d", "e", "f"]]


async def test_a_statement_that_hangs_holds_up_nobody_else(asked: Asked) -> None:
    gathering, hanging = Gathering(asked, 5), asked.gate
    tasks = begun(gathering, *"abc")
    await asyncio.sleep(0)
    asked.gate = asyncio.Event()
    asked.gate.set()
    async with asyncio.timeout(2):
        assert await asyncio.gather(*tasks[1:]) == [[("of b", "b")], [("of c", "c")]]
        assert await asyncio.gather(*begun(gathering, *"de")) == [[("of d", "d")], [("of e", "e")]]
    assert asked.names == [["a"], ["b", "c"], ["d"], ["e"]]
    assert not tasks[0].done()
    hanging.set()
    assert await tasks[0] == [("of a", "a")]


async def test_no_more_than_two_hang(asked: Asked) -> None:
    gathering = Gathering(asked, 5)
    tasks = begun(gathering, *"ab")
    await asyncio.sleep(0.6)
    assert asked.names == [["a"], ["b"]]
    tasks += begun(gathering, *"cd")
    await asyncio.sleep(0.6)
    assert len(asked.names) == 2
    asked.gate.set()
    assert await asyncio.gather(*tasks) == [[(f"of {name}", name)] for name in "abcd"]
    assert asked.names[2:] == [["c", "d"]]


async def test_what_cannot_be_read_is_told_to_everybody(asked: Asked) -> None:
    asked.problem = Unavailable("away")
    gathering = Gathering(asked, 5)
    tasks = begun(gathering, *"abcdef")
    asked.gate.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) == [asked.problem] * 6
    asked.problem = None
    assert await asyncio.gather(*begun(gathering, "a")) == [[("of a", "a")]]


async def test_a_name_that_the_driver_does_not_take_is_nobody_elses_trouble(asked: Asked) -> None:
    tasks = begun(Gathering(asked, 5), *"abcd", "e", "bad", "f")
    asked.problem = ValueError("bad")
    asked.gate.set()
    *found, problem, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert found == [[(f"of {name}", name)] for name in "abcde"]
    assert (problem, last) == (asked.problem, [("of f", "f")])


async def test_nobody_waits_longer_than_the_deadline(asked: Asked) -> None:
    tasks = begun(Gathering(asked, 0.02), *"ab")
    with pytest.raises(Unavailable, match="all connections to it are in use"):
        await tasks[1]
    await asyncio.sleep(0.6)
    asked.gate.set()
    assert await tasks[0] == [("of a", "a")]
    assert len(asked.names) == 1, "who has given up is not asked for"


async def test_who_leaves_takes_nobody_along(asked: Asked) -> None:
    tasks = begun(Gathering(asked, 5), *"abcdef")
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    await asyncio.sleep(0.01)
    asked.gate.set()
    assert await tasks[5] == [("of f", "f")]
    assert ["b", "d", "e", "f"] in asked.names
