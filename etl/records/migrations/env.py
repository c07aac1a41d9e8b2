"""Alembic's entry: runs the migrations on the connection that ``etl.records.engine`` hands over."""

from alembic import context

from etl.records.models import Record

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Record.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
