"""Alembic's entry: runs the steps on the connection that `runner.store.schema.migrate` passes, inside its transaction."""

from alembic import context

from runner.store.schema.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
