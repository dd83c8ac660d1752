"""A PostgreSQL database as `aftercart migrate` leaves it, for tests that start the real program."""

import asyncio

import asyncpg

from bot import migrations
from bot.base import work_postgres
from bot.base.database import Database


def create(server: str, name: str, *statements: str) -> str:
    """Makes it anew and runs the statements in it. Returns its URL. Call it outside of a running loop."""
    asyncio.run(_create(server, name, statements))
    return f"{server}/{name}"


async def _create(server: str, name: str, statements: tuple[str, ...]) -> None:
    admin = await asyncpg.connect(f"{server}/postgres")
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    database = Database(f"{server}/{name}")
    await migrations.upgrade(database)
    await work_postgres.install(database)
    await database.close()
    connection = await asyncpg.connect(f"{server}/{name}")
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
