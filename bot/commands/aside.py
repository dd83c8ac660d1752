"""`events` and `webhooks`: what came in and had no effect, listed, shown and tried again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


Found = TypeVar("Found")

Number = Annotated[str, typer.Argument(metavar="ID", help="Its id in the list.")]
Status = Annotated[str, typer.Option("--status", help="Only this status, or `all`.")]
Source = Annotated[str, typer.Option("--source", help="Only of this key or shop system.")]
Name = Annotated[str, typer.Option("--name", help="Only of this name or topic.")]
Since = Annotated[str, typer.Option("--since", metavar="WHEN", help="Only newer ones: 2h, 3d, or 2026-11-30.")]
Before = Annotated[int | None, typer.Option("--before", metavar="ID", help="Only older ones: the next page.")]
Count = Annotated[int, typer.Option("--count", "-n", min=1, max=500, help="So many, the newest first.")]


@dataclass(frozen=True)
class _Words:
    """What the commands of one kind say: their help, the columns of the list, and what stands for an empty one."""

    kinds: str
    help: str
    lists: str
    shows: str
    columns: Sequence[str]
    nothing: str


_EVENTS = _Words(
    "events", "Events that were refused, rejected or failed.",
    "List events that were refused, rejected or failed, with the reason.",
    "Write all of an event as JSON. It may name a customer.",
    ("id", "received_at", "source", "rank", "name", "status", "error"), "no event was refused, rejected or failed",
)  # fmt: skip
_WEBHOOKS = _Words(
    "webhooks", "Webhooks of the shop system that were ignored or failed.",
    "List webhooks that were ignored or failed, with the reason.",
    "Write all of a webhook as JSON. It may name a customer.",
    ("id", "received_at", "system", "topic", "status", "error"), "no webhook was ignored or failed",
)  # fmt: skip


def _made(words: _Words) -> typer.Typer:
    made = typer.Typer(help=words.help, no_args_is_help=True)

    @made.command("list", help=words.lists)
    @in_words
    def list_them(
        status: Status = "",
        source: Source = "",
        name: Name = "",
        since: Since = "",
        before: Before = None,
        count: Count = 50,
        config: ConfigFile = None,
    ) -> None:
        from bot.events import aside

        kind = aside.KINDS[words.kinds]
        asked = aside.Asked(status, source, name, _when(since), before, count)

        async def look(session: "AsyncSession") -> list[dict[str, Any]]:
            found = await kind.list(session, asked)
            if kind.beside and not status and before is None:
                found += await kind.list(session, replace(asked, status=kind.beside))
            return sorted(found, key=lambda row: row["received_at"], reverse=True)[:count]

        _print(_asked(config, look), words.columns, words.nothing if not status else "there is none")

    @made.command("show", help=words.shows)
    @in_words
    def show_it(number: Number, config: ConfigFile = None) -> None:
        from bot.events import aside

        typer.echo(_json(_asked(config, lambda session: aside.KINDS[words.kinds].show(session, number))))

    return made


events, webhooks = _made(_EVENTS), _made(_WEBHOOKS)


@events.command("retry")
@in_words
def retry_event(
    number: Number,
    as_shop: Annotated[
        str,
        typer.Option(
            "--as-shop", metavar="REASON", help="Believe it as the shop's own word from now on; the log keeps why."
        ),
    ] = "",
    config: ConfigFile = None,
) -> None:
    """Let a failed or refused event be applied once more, believed as far as when it came."""
    from bot.base import clock
    from bot.events import aside

    reason = as_shop.strip()
    _asked(
        config,
        lambda session: aside.retry_event(session, number, clock.now(), actor="operator", as_shop_because=reason),
        writes=True,
    )
    typer.echo(f"event {number} is applied again as soon as the program runs")


@webhooks.command("retry")
@in_words
def retry_webhook(number: Number, config: ConfigFile = None) -> None:
    """Let a failed or ignored webhook be read once more, for example by a newer version."""
    from bot.base import clock
    from bot.events import aside

    _asked(config, lambda session: aside.retry_webhook(session, number, clock.now()), writes=True)
    typer.echo(f"webhook {number} is read again as soon as the program runs")


def _asked(config: Any, work: "Callable[[AsyncSession], Awaitable[Found]]", *, writes: bool = False) -> Found:
    from bot import start
    from bot.base import config as settings

    async def run() -> Found:
        async with (
            start.ready(settings.load(config)) as (database, _),
            database.transaction() if writes else database.reading() as session,
        ):
            return await work(session)

    return asyncio.run(run())


def _when(since: str) -> datetime | None:
    from bot.base import clock
    from bot.base.errors import Finding, FindingsError

    if not since:
        return None
    try:
        return clock.now() - clock.duration(since)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(since)
    except ValueError:
        words = f"{since!r} is neither a while (2h, 3d) nor a day or time (2026-11-30, 2026-11-30T08:00Z)"
        raise FindingsError(Finding(words, "--since")) from None
    return at if at.tzinfo else at.astimezone()


def _print(found: Sequence[dict[str, Any]], columns: Sequence[str], nothing: str) -> None:
    if not found:
        typer.echo(nothing)
        return
    head = tuple("received (UTC)" if column == "received_at" else column for column in columns)
    lines = [head, *(tuple(_cell(row[column]) for column in columns) for row in found)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    for line in lines:
        typer.echo("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    from bot.base import logs

    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if value is None else _harmless(logs.clean(str(value))[:200])


def _json(row: Any) -> str:
    return "\n".join(_harmless(line) for line in json.dumps(row, ensure_ascii=False, indent=2, default=str).split("\n"))


def _harmless(text: str) -> str:
    """What strangers wrote, without what would steer the terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
