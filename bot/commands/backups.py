"""`backup`, `restore` and `held`: a copy of the database, taken while the program runs, and the way back."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from bot.base.database import Database

held_cli = typer.Typer(help="What waits for a word since a backup was restored.", no_args_is_help=True)

_BESIDE = "not in it: config.toml, and your folders of templates, flows, segments and broadcasts; keep them beside it"
Force = Annotated[bool, typer.Option("--force", help="Also if that replaces something.")]
BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


@in_words
def backup(file: BackupFile, force: Force = False, config: ConfigFile = None) -> None:
    """Copy the database into FILE while the program runs, and check the copy."""
    from bot.base import config as settings
    from bot.base import copies

    url = settings.load(config).database.url
    with copies.written_whole(file, force=force) as beside:
        if url.startswith("sqlite:"):
            _copy_sqlite(url, beside)
        else:
            asyncio.run(_noted(url))
            copies.dump_postgres(url, beside)
            copies.check_postgres(url, beside)
        size = beside.stat().st_size
    typer.echo(f"{file}: {size:,} bytes, checked. It holds customers' data and the key of your links.")
    typer.echo(_BESIDE)


def _copy_sqlite(url: str, beside: Path) -> None:
    from bot.base import copies
    from bot.base.errors import Finding, FindingsError

    source = copies.sqlite_file(url)
    if not source.is_file():
        raise FindingsError(Finding(f"there is no database yet: {source}", key="database.url"))
    copies.copy_sqlite(source, beside)
    asyncio.run(_noted(f"sqlite:///{beside}"))
    copies.check_sqlite(beside)


async def _noted(url: str) -> None:
    from bot.base import clock
    from bot.base.database import Database
    from bot.outbound import held

    database = Database(url)
    try:
        async with database.transaction() as session:
            await held.note(session, clock.now())
    finally:
        await database.close()


@in_words
def restore(
    file: BackupFile,
    force: Force = False,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="The program did not run since the backup: hold nothing back.")
    ] = False,
    only_hold: Annotated[
        bool, typer.Option("--only-hold", help="The database was brought back by other means: only hold.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Put a backup in place of the database. What may have been sent since waits until you say so."""
    from bot.base import config as settings
    from bot.base import copies

    url = settings.load(config).database.url
    asyncio.run(_stands_still(url, force=force or only_hold))
    if only_hold:
        told = asyncio.run(_brought_up(url, go_on=False))
    elif url.startswith("sqlite:"):
        told = _into_sqlite(url, file, force=force, go_on=go_on)
    else:
        copies.check_postgres(url, file)
        copies.restore_postgres(url, file)
        told = asyncio.run(_brought_up(url, go_on=go_on))
    typer.echo(told)


def _into_sqlite(url: str, file: Path, *, force: bool, go_on: bool) -> str:
    import shutil

    from bot.base import clock, copies

    copies.check_sqlite(file)
    target = copies.sqlite_file(url)
    with copies.written_whole(target, force=force) as beside:
        shutil.copyfile(file, beside)
        told = asyncio.run(_brought_up(f"sqlite:///{beside}", go_on=go_on))
        copies.check_sqlite(beside)
        if target.exists():  # what it replaces is kept, with what was not yet written into it
            stamp = f"{clock.now():%Y%m%dT%H%M%S}"
            for ending in ("", "-wal", "-shm"):
                old = Path(f"{target}{ending}")
                if old.exists():
                    old.rename(f"{target}.before-{stamp}{ending}")
            told += f"\nthe database that was there is now {target}.before-{stamp}"
    return told


async def _brought_up(url: str, *, go_on: bool) -> str:
    """To the tables of this program, and with what may have been done already held."""
    from bot import migrations
    from bot.base import clock
    from bot.base.database import Database
    from bot.outbound import held

    database = Database(url)
    try:
        await migrations.upgrade(database)
        async with database.transaction() as session:
            at = await held.moment(session)
            found = {} if go_on else await held.hold(session, clock.now())
    finally:
        await database.close()
    said = f"restored as it was on {at:%Y-%m-%d %H:%M:%S} UTC" if at else "restored"
    return f"{said}; what came in after that is not in it" + _told(found)


def _told(found: Mapping[str, int]) -> str:
    from bot.outbound import held

    if not found:
        return "\nnothing waits for you"
    lines = [f"  {count:>7,}  {held.KINDS.get(name, name)} ({name})" for name, count in found.items()]
    head = "\nheld, because it may have been done between the backup and now:\n"
    return head + "\n".join(lines) + "\nlet it go on, if it was not: aftercart held release [--only KIND]"


async def _stands_still(url: str, *, force: bool) -> None:
    """Raises FindingsError while a program works on the database, or if there is one and nobody said `force`."""
    import sqlalchemy as sa

    from bot.base import clock, copies, due
    from bot.base.database import Database
    from bot.base.errors import Finding, FindingsError

    if url.startswith("sqlite:") and not copies.sqlite_file(url).exists():
        return
    database = Database(url)
    try:
        async with database.reading() as session:
            living = await due.living(session, clock.now())
    except (sa.exc.DatabaseError, sa.exc.ProgrammingError):  # empty, or too broken to be asked
        living = []
        if not url.startswith("sqlite:"):
            return
    finally:
        await database.close()
    if living:
        raise FindingsError(Finding("the program runs on this database: stop it first", key="database.url"))
    if not force:
        words = "there is a database already; --force puts the backup in its place"
        raise FindingsError(Finding(words, key="database.url"))


@held_cli.command("list")
@in_words
def list_held(config: ConfigFile = None) -> None:
    """Say how much is held, by kind."""
    from bot.outbound import held

    async def look(database: "Database") -> dict[str, int]:
        async with database.reading() as session:
            return await held.held(session)

    typer.echo(_told(_with_database(config, look)).strip())


@held_cli.command("release")
@in_words
def release_held(
    only: Annotated[str, typer.Option("--only", metavar="KIND", help="Only this kind, as `held list` names it.")] = "",
    config: ConfigFile = None,
) -> None:
    """Let what is held go on: whatever of it was done before will be done again."""
    from bot.base.errors import Finding, FindingsError
    from bot.outbound import held

    if only and only not in held.KINDS:
        raise FindingsError(Finding(f"write one of {', '.join(held.KINDS)}", "--only"))

    async def let_go(database: "Database") -> dict[str, int]:
        async with database.transaction() as session:
            return await held.release(session, only)

    found = _with_database(config, let_go)
    typer.echo(f"released: {sum(found.values()):,}")


def _with_database(config: Any, work: Any) -> dict[str, int]:
    from bot import start
    from bot.base import config as settings

    async def run() -> dict[str, int]:
        async with start.ready(settings.load(config)) as (database, _):
            found: dict[str, int] = await work(database)
            return found

    return asyncio.run(run())
