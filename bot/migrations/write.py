"""Writes a new revision: `python -m bot.migrations.write "what changes"`. Read it before you commit it."""

import asyncio
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from bot import migrations
from bot.base.database import Database


async def write(message: str) -> Path:
    """Compare the tables in code with what the revisions so far make, and write the difference down."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        try:
            await migrations.upgrade(database)
            async with database.engine.connect() as connection:
                return await connection.run_sync(_write, message)
        finally:
            await database.close()


def _write(connection: sa.Connection, message: str) -> Path:
    config = migrations.settings(connection)
    number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
    made = command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
    assert made is not None
    assert not isinstance(made, list)
    file = Path(made.path)
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.strip().startswith("# ###")), "utf-8")
    return file


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(write(' '.join(sys.argv[1:]) or 'change tables'))}\n")
