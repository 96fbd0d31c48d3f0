"""Who pushed a commit (``registry.ports.pushers.Pushers``), in the main database where there are several."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, select

from registry.adapters.sql.dialect import one_of
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.kept_tables import pushers
from registry.adapters.sql.statements import insert_new, write_rows
from registry.domain.ids import CommitId, RepositoryName, UserName

AT_ONCE = 1000
"""Rows of one transaction: a push may bring a whole history, and nobody is to wait for all of it."""

_ADD = insert_new(pushers)
_OF = (
    select(pushers.c.commit, pushers.c.user)
    .where(pushers.c.repository == bindparam("repository"))
    .where(one_of(pushers.c.commit, "commits"))
)


class SqlPushers:
    """One row a commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, repository: RepositoryName, pushed: Mapping[CommitId, UserName]) -> None:
        """Keeps who pushed some commits; whoever was noted of a commit first stays."""
        # In the order of the key, so that two processes that add at once never wait for each other in a ring.
        rows = [{"repository": repository, "commit": commit, "user": user} for commit, user in sorted(pushed.items())]
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            await self._database.write(
                lambda connection, some=some: write_rows(connection, _ADD, some),  # type: ignore[misc]
                durability=Durability.KEPT,
                deadline=Deadline.BATCH,
            )

    async def of(self, repository: RepositoryName, commits: Collection[CommitId]) -> Mapping[CommitId, UserName]:
        """Who pushed some commits; those of whom that is not known are left out."""
        wanted = {"repository": repository, "commits": list(commits)}
        rows = await self._database.read(lambda connection: connection.execute(_OF, wanted).all())
        return {CommitId(row.commit): UserName(row.user) for row in rows}
