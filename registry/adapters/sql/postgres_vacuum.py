"""PostgreSQL's tables in new files, so that no row that was deleted lies in the old ones."""

from sqlalchemy.ext.asyncio import AsyncEngine

from registry.adapters.sql.tables import REPLAYED, outbox, search_bodies, search_counts, search_documents

_TABLES = (*REPLAYED, outbox, search_documents, search_bodies, search_counts)
"""What is projected; the full text of a search index that is dead is dropped as a whole."""


async def vacuum(engine: AsyncEngine, seconds: float) -> None:
    """Writes each table anew, within so many seconds each; it cannot be read meanwhile. Raises as the driver does."""
    async with engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        before = (await alone.exec_driver_sql("SHOW statement_timeout")).scalar_one()
        await alone.exec_driver_sql(f"SET statement_timeout = {seconds * 1000:.0f}")
        try:
            for table in _TABLES:
                await alone.exec_driver_sql(f"VACUUM FULL {table.name}")
        finally:
            await alone.exec_driver_sql(f"SET statement_timeout = '{before}'")
