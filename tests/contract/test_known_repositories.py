"""What an API replica knows of the repositories: names and default branches; everything else lies elsewhere."""

from collections.abc import Callable

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.known_repositories import KnownRepositories
from registry.adapters.sql.projection import SqlProjection
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.services.repositories import RepositoryService
from tests.projected import History

DEFAULT, EMPTY = RepositoryName("default"), RepositoryName("empty")


async def test_names_come_from_the_catalogue_and_stay_known_while_it_is_away(database: Database) -> None:
    known = KnownRepositories(database)
    with pytest.raises(Unavailable, match="away since"):
        known.names()
    await known.refresh()
    with pytest.raises(Unavailable, match="empty since"):
        known.names()
    assert not known.is_projected()
    projection = SqlProjection(database)
    await projection.put_refs(EMPTY, {})
    await known.refresh()
    assert (known.is_projected(), known.has_commits(EMPTY)) == (True, False)
    await projection.put_refs(DEFAULT, {RefName("refs/heads/main"): CommitId("a" * 40)})
    await known.refresh()
    assert (known.names(), known.is_projected()) == ([DEFAULT, EMPTY], False)
    assert (known.has_commits(DEFAULT), known.has_commits(EMPTY)) == (True, False)
    assert known.default_branch(EMPTY) == "refs/heads/main"
    await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM refs"))
    await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM repositories"))
    await known.refresh()
    assert (known.names(), known.is_projected()) == ([DEFAULT, EMPTY], False)
    assert known.has_commits(EMPTY), "nobody can say here that it has none"
    await database.close()
    with pytest.raises(Unavailable):
        await known.refresh()
    assert known.names() == [DEFAULT, EMPTY]


async def test_a_repository_of_drafts_alone_is_left_to_the_git_node(database: Database) -> None:
    known, projection = KnownRepositories(database), SqlProjection(database)
    repositories = RepositoryService(git=known)
    for ref in ("refs/heads/draft", "refs/heads/master", "refs/tags/v1"):
        await projection.put_refs(EMPTY, {RefName(ref): CommitId("a" * 40)})
        await known.refresh()
        assert (known.has_commits(EMPTY), repositories.is_unclear(EMPTY)) == (None, True)
        assert known.is_projected(), "there is nothing to wait for"
    await projection.put_refs(EMPTY, {RefName("refs/heads/main"): CommitId("a" * 40), RefName(ref): CommitId("a" * 40)})
    await known.refresh()
    assert (known.has_commits(EMPTY), repositories.is_unclear(EMPTY), known.is_projected()) == (True, False, False)


async def test_a_repository_that_is_being_projected_from_the_beginning_has_commits(database: Database) -> None:
    known, projection, history = KnownRepositories(database), SqlProjection(database), History(DEFAULT)
    await projection.apply(history.commit({"a": "1"}, replay=True, final=False))
    await known.refresh()
    assert (known.has_commits(DEFAULT), known.is_projected()) == (True, False)
    await projection.apply(history.commit({"a": "2"}, replay=True))
    await known.refresh()
    assert (known.has_commits(DEFAULT), known.is_projected()) == (True, True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda known: known.open(DEFAULT),
        lambda known: known.path(DEFAULT),
        lambda known: known.create(DEFAULT),
        lambda known: known.maintain(DEFAULT),
        lambda known: known.extend_commit_graph(DEFAULT),
    ],
)
async def test_what_lies_on_the_git_node_is_not_pretended(
    database: Database, ask: Callable[[KnownRepositories], object]
) -> None:
    with pytest.raises(Unavailable, match="Git node"):
        ask(KnownRepositories(database))
