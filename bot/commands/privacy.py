"""`privacy list|show|run|ask`: requests about personal data, and doing what they ask."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.contacts import Whom
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from bot.base.config import Config
    from bot.base.database import Database
    from bot.support.desk import Desk
    from bot.tables.privacy import PrivacyTask

cli = typer.Typer(help="Requests about personal data: what is open until when, and doing it.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", help="Its number in the list.")]


@cli.command("list")
@in_words
def list_requests(
    every: Annotated[bool, typer.Option("--all", help="Those that are done, too.")] = False, config: ConfigFile = None
) -> None:
    """Show the requests that are open, the most urgent first."""
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.commands import tables
    from bot.contacts import requests
    from bot.support.desk import Desk

    async def run() -> None:
        async with start.ready(settings.load(config)) as (database, ground), database.reading() as session:
            desk = Desk.build(ground)
            rows = []
            for task in await requests.listed(session, every=every):
                late = task.status == "open" and task.deadline < clock.now()
                day = f"{task.deadline.astimezone(desk.timezone):%Y-%m-%d}{' OVERDUE' if late else ''}"
                about = f"contact {task.contact_id}" if task.contact_id else task.store or "nobody known"
                rows.append((str(task.id), task.kind, about, task.source, day, task.outcome or task.status))
            tables.show("Privacy requests", ("id", "what", "about", "asked by", "until", "state"), rows)

    asyncio.run(run())


@cli.command("show")
@in_words
def show(number: Number, config: ConfigFile = None) -> None:
    """Show one request: who asked what, about whom, and what became of it."""
    from bot import start
    from bot.base import config as settings
    from bot.support.desk import Desk
    from bot.support.privacy import requested

    async def run() -> None:
        async with start.ready(settings.load(config)) as (database, ground), database.transaction() as session:
            task = await _held(session, number)
            shown = {key: value for key, value in requested.shown(Desk.build(ground), task).items() if value}
            typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))

    asyncio.run(run())


@cli.command("run")
@in_words
def run_request(
    number: Number,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the copy is written.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Do what a request asks: write the copy, forget the customer, or erase all of a store."""
    from bot import start
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.contacts import requests
    from bot.support.desk import Desk
    from bot.support.privacy import requested

    async def run() -> None:
        loaded = settings.load(config)
        async with start.ready(loaded) as (database, ground):
            desk = Desk.build(ground)
            async with database.transaction() as session:
                task = await _held(session, number)
                if task.status != "open":
                    raise FindingsError(Finding(f"request {number} is done: {task.outcome}", "ID"))
            if task.kind == requests.BROWSERS:
                typer.echo(f"{await requested.finish_browsers(database, desk):,} browsers are erased")
                return
            about = (
                f"contact {task.contact_id}" if task.kind != "wipe" else f"everything of {task.store or task.source}"
            )
            if task.kind != "copy" and not yes and not typer.confirm(f"Erase {about} for good?"):
                raise typer.Exit(1)
            if task.kind == "wipe":
                await _wipe(database, desk, task)
            typer.echo(await _finish(database, desk, number, output or _place(loaded, number)))
            if browsers := await requested.finish_browsers(database, desk):
                typer.echo(f"{browsers:,} browsers that only pages said are theirs are erased, too")

    asyncio.run(run())


@cli.command("ask")
@in_words
def ask(
    what: Annotated[str, typer.Argument(metavar="copy|forget", help="What they asked for.")],
    who: Whom,
    config: ConfigFile = None,
) -> None:
    """Put a request down that came by letter, by telephone, or from another shop system."""
    from bot import contacts, start
    from bot.base import clock, ids
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.contacts import requests
    from bot.support.desk import Desk

    kind, _, value = who.partition(":") if ":" in who else ("email", "", who)
    known = contacts.normalise(kind, value)
    if known is None:
        raise FindingsError(Finding(f"{value!r} is no {kind}", "WHO"))
    if what not in ("copy", "forget"):
        raise FindingsError(Finding(f"{what!r} is neither copy nor forget", "copy|forget"))

    async def run() -> None:
        async with start.ready(settings.load(config)) as (database, ground), database.transaction() as session:
            made = await requests.ask(
                session, "copy" if what == "copy" else "forget", source=requests.BY_HAND,
                key=f"{requests.BY_HAND}:{ids.random_token(12)}", now=clock.now(), zone=Desk.build(ground).timezone,
                known=[(kind, known)],
            )  # fmt: skip
            typer.echo(f"request {made}: aftercart privacy run {made}")

    asyncio.run(run())


async def _held(session: "AsyncSession", number: int) -> "PrivacyTask":
    from bot.base.errors import Finding, FindingsError
    from bot.support.privacy import requested

    task = await requested.held(session, number)
    if task is None:
        raise FindingsError(Finding(f"there is no request {number}", "ID"))
    return task


async def _wipe(database: "Database", desk: "Desk", task: "PrivacyTask") -> None:
    """In parts, so that nobody waits for it; broken off, it goes on where it was."""
    from bot.base import clock
    from bot.support.privacy import requested

    gone = 0
    while True:
        async with database.transaction() as session:
            part = await requested.wipe(session, desk, task, "operator", clock.now())
        gone += part
        if not part:
            typer.echo(f"{gone:,} customers and rows are gone")
            return


async def _finish(database: "Database", desk: "Desk", number: int, file: Path) -> str:
    from bot.base import clock
    from bot.support.privacy import requested

    async with database.transaction() as session:
        task = await _held(session, number)
        data = await requested.run(session, desk, task, "operator", clock.now())
        if data is not None:
            task.file = _write(file, data)
        return f"request {number}: {task.outcome}" + (f": {file} ({len(data):,} bytes)" if data is not None else "")


def _place(config: "Config", number: int) -> Path:
    """Beside the database, in a folder that nobody else may read."""
    url = config.database.url
    folder = Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite:///") else Path()
    return folder / "exports" / f"request-{number}.zip"


def _write(file: Path, data: bytes) -> str:
    """For nobody else to read. Returns where it is."""
    from bot.base import private

    private.make_folder(file.parent)
    private.write_bytes(file, data)
    return str(file.resolve())
