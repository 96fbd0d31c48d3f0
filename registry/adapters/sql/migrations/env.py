"""What Alembic runs: the connection comes from ``registry.adapters.sql.migrate``, whose transaction this is."""

from alembic import context

from registry.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
