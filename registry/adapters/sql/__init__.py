"""The catalogue, accounts and full-text search in SQL: one set of tables, SQLite today."""
