"""Brings a database to the tables of this program, by Alembic, from code: `run` does it on SQLite, `migrate` anywhere.

A new revision: `python -m bot.migrations.write "what changes"` (compares the tables with the newest revision).
"""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.base import paths
from bot.base.database import Database
from bot.base.errors import Finding, FindingsError


def settings(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(paths.migrations()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


async def pending(database: Database) -> list[str]:
    """Revisions that the database lacks, oldest first. Raises FindingsError if it is newer than this program."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(_pending)


def _pending(connection: sa.Connection) -> list[str]:
    scripts = ScriptDirectory.from_config(settings())
    there = MigrationContext.configure(connection).get_current_heads()
    known = {script.revision for script in scripts.walk_revisions()}
    if unknown := set(there) - known:
        words = f"the database has revision {', '.join(sorted(unknown))}, which this program does not know: it is newer"
        raise FindingsError(Finding(words, key="database.url"))
    done = {script.revision for script in scripts.iterate_revisions(there, "base")} if there else set()
    return [script.revision for script in reversed(list(scripts.walk_revisions())) if script.revision not in done]


async def upgrade(database: Database) -> list[str]:
    """Apply what is pending, all of it or nothing; several starts at once wait for each other. Returns what it did."""
    async with database.engine.connect() as connection:
        if database.is_sqlite:
            return await _upgrade_sqlite(connection)
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('aftercart:migrate'))"))
        done = await connection.run_sync(_upgrade)
        await connection.commit()
        return done


async def _upgrade_sqlite(connection: AsyncConnection) -> list[str]:
    # SQLite changes a table by copying it, and dropping the old one would count as deleting what others refer to.
    # The switch only works outside a transaction.
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    await raw.execute("PRAGMA foreign_keys=OFF")
    try:
        done = await connection.run_sync(_upgrade)
        broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
        if broken:
            raise RuntimeError(f"the migration would leave {len(broken)} rows without what they refer to")
        await connection.commit()
        return done
    finally:
        await connection.rollback()
        await raw.execute("PRAGMA foreign_keys=ON")


def _upgrade(connection: sa.Connection) -> list[str]:
    todo = _pending(connection)
    if todo:
        command.upgrade(settings(connection), "head")
    return todo
