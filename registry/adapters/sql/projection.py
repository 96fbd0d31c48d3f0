"""The one writer of templates, versions and labels (``registry.ports.projection.Projection``)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from registry.adapters.sql.batch_rows import write_batch
from registry.adapters.sql.builds import LIVE_BUILD, repository_id, sweep_some
from registry.adapters.sql.dialect import PROJECTED, look_over
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.statements import upsert, write_rows
from registry.adapters.sql.tables import REPLAYED, builds, outbox, refs, repositories, templates
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import from_json, to_micros, to_time
from registry.domain.catalogue import Checkpoint, Fed, ProjectionBatch
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, CommitId, RefName, RepositoryName
from registry.domain.versions import VersionState

_GRAPH = select(templates.c.name, templates.c.blob, templates.c.includes, templates.c.version).where(
    templates.c.build_id == live_build
)
_PUT_REF = upsert(refs)
_DROP_REF = delete(refs).where(refs.c.repository_id == bindparam("number"), refs.c.ref == bindparam("gone"))


class SqlProjection:
    """Projects into builds: batches of a replay into a staged one, all others into the live one.

    A search ``index`` in the same database gets a small batch's documents in the batch's own transaction. ``fed`` says
    for which search indexes the outbox gets entries.
    """

    def __init__(
        self, database: Database, *, index: SqlSearchIndex | None = None, fed: Sequence[Fed] = (Fed.OWN,)
    ) -> None:
        self._database = database
        self._index = index
        self._fed = fed

    async def checkpoint(self, repository: RepositoryName) -> Checkpoint | None:
        """How far the default branch has been projected; None where it never was."""
        rows = await self._database.of(repository).fetch(LIVE_BUILD, {"repository": repository})
        if not rows:
            return None
        (row,) = rows
        return Checkpoint(
            repository=repository,
            ref=row.ref,
            commit=row.commit,
            ordinal=row.ordinal,
            schema=row.schema,
            updated_at=to_time(row.updated_at),
        )

    async def apply(self, batch: ProjectionBatch) -> bool:
        """Writes a batch in one transaction, checkpoint included; True where the outbox has something of it.

        Beginning and ending a replay also sweeps dead builds, in transactions of their own. Raises Conflict,
        Unavailable.
        """
        # A replay that lost its last batches begins again; its end waits for the disk, and what went before with it.
        database, staged = self._database.of(batch.repository), batch.expected is None or batch.replay
        lasting = Durability.PASSING if staged and not batch.final else Durability.USUAL
        waits = await database.write(lambda on: write_batch(on, batch, self._index, self._fed), durability=lasting)
        if batch.final:
            await self._database.told(batch.repository, PROJECTED, f"{batch.repository} {batch.commit}")
        if batch.expected is not None and batch.replay and batch.final:
            await database.write(lambda on: look_over(on, REPLAYED), durability=Durability.PASSING)
        if batch.expected is None or (batch.replay and batch.final):
            await _sweep(database)
        return waits

    async def load_state(self, repository: RepositoryName) -> VersionState:
        """What numbering needs to go on from the checkpoint of the live rows."""

        def read(connection: Connection) -> VersionState:
            rows = connection.execute(_GRAPH, {"repository": repository}).all()

            def changes() -> Iterator[Change]:
                none: frozenset[str] = frozenset()
                for name, blob, includes, _ in rows:
                    if blob:
                        yield Change(name, BlobId(blob.hex()), frozenset(from_json(includes)) if includes else none)  # type: ignore[arg-type]  # the column holds names

            return VersionState(TemplateGraph(changes()), {name: version for name, _, _, version in rows})

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def put_refs(self, repository: RepositoryName, refs_now: dict[RefName, CommitId] | None) -> None:
        """Records the tips of all refs: new ones, moved ones and those that are gone."""
        if refs_now is None:
            return  # the batch brings it

        def write(connection: Connection) -> None:
            number = repository_id(connection, repository)
            rows = connection.execute(select(refs).where(refs.c.repository_id == number))
            known = {row.ref: row.commit for row in rows}
            now = to_micros(datetime.now(UTC))
            moved = [
                {"repository_id": number, "ref": ref, "commit": commit, "updated_at": now}
                for ref, commit in refs_now.items()
                if known.get(ref) != commit
            ]
            gone = [{"number": number, "gone": ref} for ref in known.keys() - refs_now.keys()]
            write_rows(connection, _PUT_REF, moved)
            write_rows(connection, _DROP_REF, gone)

        await self._database.of(repository).write(write)

    async def rules(self, repository: RepositoryName) -> object:
        """The parsed ``.registry.yaml`` of the checkpoint as the last batch gave it, or None."""
        rows = await self._database.of(repository).fetch(LIVE_BUILD, {"repository": repository})
        return from_json(rows[0].rules) if rows else None

    async def drop(self, repository: RepositoryName) -> None:
        """Forgets everything about a repository that Git no longer has; readers see none of it from the start."""
        mine = repositories.c.name == repository
        number = select(repositories.c.id).where(mine).scalar_subquery()

        def hide(connection: Connection) -> None:
            connection.execute(update(repositories).where(mine).values(live_build=None, staged_build=None))
            connection.execute(delete(outbox).where(outbox.c.repository_id == number))
            connection.execute(delete(refs).where(refs.c.repository_id == number))

        def forget(connection: Connection) -> None:
            unused = repositories.c.live_build.is_(None) & repositories.c.staged_build.is_(None)
            kept = select(builds.c.id).where(builds.c.repository_id == number).exists()
            connection.execute(delete(repositories).where(mine, unused, ~kept))

        await self._database.of(repository).write(hide)
        await _sweep(self._database.of(repository))
        await self._database.of(repository).write(forget)


async def _sweep(database: Database) -> None:
    while await database.write(sweep_some, durability=Durability.PASSING):
        pass
