"""What Alembic runs: the migrations, within the transaction that it was handed."""

from alembic import context

from streams.adapters.sql_tables import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)
context.run_migrations()
