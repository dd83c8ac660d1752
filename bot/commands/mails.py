"""`mail list`, `mail show` and `mail retry`: mails that came in, above all those that nobody could take."""

import asyncio
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from bot.tables.mail import ReceivedMail

cli = typer.Typer(help="Mails that came into the mailbox.", no_args_is_help=True)

_HEAD = ("id", "received (UTC)", "size", "kind", "status", "about", "why")
Number = Annotated[int, typer.Argument(metavar="ID", help="Its id in `aftercart mail list`.")]


@cli.command("list")
@in_words
def listed(
    every: Annotated[bool, typer.Option("--all", help="Also those that were taken.")] = False,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="So many, the newest first.")] = 50,
    config: ConfigFile = None,
) -> None:
    """List mails that failed, and what was set aside since yesterday, each with its reason."""
    import sqlalchemy as sa

    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.base.database import table
    from bot.tables.mail import ReceivedMail

    rows = table(ReceivedMail)
    columns = [rows.c[name] for name in ("id", "received_at", "size", "kind", "status", "about_id", "error")]
    asked = sa.select(*columns).order_by(rows.c.id.desc()).limit(count)

    async def look() -> list[Any]:
        async with start.ready(settings.load(config)) as (database, _), database.reading() as session:
            aside = sa.and_(rows.c.status == "ignored", rows.c.received_at > clock.now() - timedelta(days=1))
            told = sa.or_(rows.c.status == "failed", aside)
            found = await session.execute(asked if every else asked.where(told))
            return list(found)

    found = asyncio.run(look())
    if not found:
        typer.echo("no mail came in" if every else "no mail failed or was set aside")
        return
    lines = [_HEAD, *(_line(row) for row in found)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(_HEAD))]
    for line in lines:
        typer.echo("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip())


def _line(row: Any) -> tuple[str, ...]:
    about = f"message {row.about_id}" if row.about_id else ""
    size, at = f"{row.size:,}", f"{row.received_at:%Y-%m-%d %H:%M}"
    return str(row.id), at, size, row.kind, row.status, about, row.error or ""


@cli.command("show")
@in_words
def show(number: Number, config: ConfigFile = None) -> None:
    """Write a mail to standard output as it came, for a file.eml."""
    from bot import start
    from bot.base import config as settings

    async def look() -> bytes:
        async with start.ready(settings.load(config)) as (database, _), database.reading() as session:
            return (await _find(session, number)).raw

    sys.stdout.buffer.write(asyncio.run(look()))


@cli.command("retry")
@in_words
def retry(number: Number, config: ConfigFile = None) -> None:
    """Let the program take a mail once more, for example a newer version of it. Nothing is said twice."""
    from bot import start
    from bot.base import clock, work
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.inbound.mailbox.store import KIND

    async def again() -> None:
        async with start.ready(settings.load(config)) as (database, _), database.transaction() as session:
            mail = await _find(session, number)
            if not mail.raw:
                raise FindingsError(Finding("nothing of it is kept, so there is nothing to take", f"mail {number}"))
            mail.status, mail.error, mail.attempts, mail.due_at = "new", None, 0, clock.now()
            await session.flush()
            work.kick(session, KIND)

    asyncio.run(again())
    typer.echo(f"mail {number} is taken again as soon as the program runs")


async def _find(session: "AsyncSession", number: int) -> "ReceivedMail":
    from bot.base.errors import Finding, FindingsError
    from bot.tables.mail import ReceivedMail

    mail = await session.get(ReceivedMail, number)
    if mail is None:
        raise FindingsError(Finding("there is none with this id", f"mail {number}"))
    return mail
