"""What Alembic runs for a command: on the connection that it is given, in the caller's transaction."""

from alembic import context

from bot.migrations import comparing

connection = context.config.attributes["connection"]
context.configure(connection=connection, **comparing.options(connection))
with context.begin_transaction():
    context.run_migrations()
