"""Alembic migrations of the catalogue, run by ``registry.adapters.sql.migrate`` at start."""
