"""Before anything runs: the database is reached and up to date, and the key of our tokens is there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from bot import migrations
from bot.base import clock, ids, texts
from bot.base.config import Config
from bot.base.database import Database, insert, table
from bot.base.errors import Finding, FindingsError
from bot.base.ground import Ground
from bot.shops import parting, stores
from bot.tables.settings import Setting

_SECRET = "secret"  # noqa: S105 - the name of the row
_rows = table(Setting)


@asynccontextmanager
async def ready(config: Config) -> AsyncIterator[tuple[Database, Ground]]:
    """The database and the ground. SQLite is brought up to date here; PostgreSQL, which others may be using, is not.

    Raises FindingsError when `aftercart migrate` must run first. Texts of the shop's own that are wrong are left out.
    """
    spoken = texts.sound(texts.folders(config.templates.folder))[0]
    database = Database(config.database.url)
    try:
        await _prepare(database)
        await _settle_stores(database, config)
        yield database, Ground(config, spoken, await _secret(database, config))
    finally:
        await database.close()


async def migrate(config: Config) -> tuple[list[str], list[str]]:
    """Bring the database up to date. Returns what was done, and what nobody could tell of rows from before."""
    database = Database(config.database.url)
    try:
        done = await migrations.upgrade(database)
        if not database.is_sqlite:
            from bot.base import work_postgres  # noqa: PLC0415 - pgqueuer comes with PostgreSQL only

            done += [] if await work_postgres.installed(database) else ["the job queue"]
            await work_postgres.install(database)
        return done, await _settle_stores(database, config)
    finally:
        await database.close()


async def _settle_stores(database: Database, config: Config) -> list[str]:
    """Rows of a release that knew no stores get theirs; returns what nobody can tell."""
    left = await parting.once(database, config.shop, config.shops, clock.now())
    async with database.transaction() as session:
        await stores.declare(session, config.shops, clock.now())
    return left


async def _prepare(database: Database) -> None:
    if database.is_sqlite:
        await migrations.upgrade(database)
        return
    from bot.base import work_postgres  # noqa: PLC0415 - as above

    todo = await migrations.pending(database)
    if todo or not await work_postgres.installed(database):
        words = "the database is not up to date with this program; run `aftercart migrate` first"
        raise FindingsError(Finding(words, key="database.url"))


async def _secret(database: Database, config: Config) -> str:
    """`web.secret`, or one made once and kept: tokens in sent mails must be good for years."""
    if config.web.secret:
        return config.web.secret.get_secret_value()
    async with database.transaction() as session:
        made = insert(session, _rows).values(name=_SECRET, value=ids.random_token(32), changed_at=clock.now())
        await session.execute(made.on_conflict_do_nothing())
        return str(await session.scalar(sa.select(_rows.c.value).where(_rows.c.name == _SECRET)))
