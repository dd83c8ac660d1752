"""`shop`: the API of your shop, connected: its webhooks, the first pull, and what each night is compared."""

import asyncio
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from bot.base.config import Config
    from bot.inbound.shops import progress
    from bot.inbound.shops.hooks import Hooks
    from bot.inbound.shops.pulling import Tell
    from bot.inbound.shops.shop import Shop

cli = typer.Typer(help="The API of your shop: connect it, see how far it is.", no_args_is_help=True)


class System(StrEnum):
    shopify = "shopify"
    woocommerce = "woocommerce"


@cli.command()
@in_words
def connect(
    system: Annotated[System, typer.Argument(help="What your shop runs on.")],
    config: ConfigFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Pull all of it again.")] = False,
    webhooks: Annotated[bool, typer.Option(help="Make the webhooks that are missing.")] = True,
    pull: Annotated[bool, typer.Option(help="Pull products, customers and orders.")] = True,
) -> None:
    """Make the shop's webhooks and pull all that it has, as history: nobody is written to. Broken off, it goes on."""
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError

    loaded = settings.load(config)
    if webhooks and loaded.web.public_url is None:
        words = "the shop must know where to reach this program; set it, or say --no-webhooks"
        raise FindingsError(Finding(words, loaded.source, key="web.public_url"))
    failed = asyncio.run(_connect(loaded, system.value, dry_run=dry_run, again=again, webhooks=webhooks, pull=pull))
    if failed:
        raise typer.Exit(1)


async def _connect(config: "Config", system: str, *, dry_run: bool, again: bool, webhooks: bool, pull: bool) -> bool:
    """True if a webhook could not be made."""
    from bot import start
    from bot.inbound.shops import hooks, opening
    from bot.inbound.shops.pulling import Pull

    failed = False
    async with opening.opened(config, system) as shop:
        await opening.make_sure(config, shop)
        if webhooks:
            found = await (hooks.look if dry_run else hooks.make)(shop, config.web.url)
            _tell_hooks(found, dry_run=dry_run)
            failed = bool(found.failed)
        if dry_run and pull:
            await _tell_what_there_is(shop)
        elif pull:
            async with start.ready(config) as (database, ground):
                with _Shown() as shown:
                    rows = await Pull(database, ground, shop, shown.tell).run(again=again)
                for row in rows:
                    done = f"{row['finished_at']:%Y-%m-%d %H:%M} UTC" if row["finished_at"] else "not yet"
                    typer.echo(f"{row['resource']}: {row['taken']:,} pulled, complete: {done}")
    return failed


def _tell_hooks(found: "Hooks", *, dry_run: bool) -> None:
    made = [topic for topic in found.missing if all(topic not in str(one) for one in found.failed)]
    would = "would be " if dry_run else ""
    typer.echo(f"webhooks that are there: {', '.join(found.present) or 'none'}")
    typer.echo(f"{would}made: {', '.join(made) or 'none'}")
    if found.asleep:
        typer.echo(f"{would}switched on again: {', '.join(hook.topic for hook in found.asleep)}")
    if found.foreign:
        typer.echo(f"of others, left alone: {found.foreign}")
    for finding in found.failed:
        typer.echo(str(finding), err=True)


async def _tell_what_there_is(shop: "Shop") -> None:
    from bot.inbound.shops.shop import RESOURCES

    for resource in RESOURCES:
        page = await shop.page(resource, {})
        total = page.total if page.total is not None else f"{page.count} or more"
        typer.echo(f"would be pulled: {resource}, {total}")


class _Shown:
    """A bar for each kind where somebody looks; else a line when it goes on, not more often than each 5,000."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
        self._tasks: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._looking = sys.stderr.isatty()

    def __enter__(self) -> "_Shown":
        if self._looking:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._looking:
            self._bars.stop()

    @property
    def tell(self) -> "Tell":
        shown: Callable[[str, int, int | None], None] = self._bar if self._looking else self._line
        return shown

    def _bar(self, resource: str, taken: int, total: int | None) -> None:
        if resource not in self._tasks:
            self._tasks[resource] = self._bars.add_task(resource, total=total)
        self._bars.update(self._tasks[resource], completed=taken, total=total)  # type: ignore[arg-type]

    def _line(self, resource: str, taken: int, total: int | None) -> None:
        if taken - self._told.get(resource, 0) >= 5_000 or resource not in self._told:
            self._told[resource] = taken
            typer.echo(f"{resource}: {taken:,}{f' of {total:,}' if total is not None else ''}", err=True)


@cli.command()
@in_words
def status(config: ConfigFile = None) -> None:
    """How far the pull of each shop is, and what webhooks lost."""
    from bot import start
    from bot.base import config as settings
    from bot.inbound.shops import progress

    async def read() -> list[str]:
        async with start.ready(settings.load(config)) as (database, _ground), database.reading() as session:
            return [_line_of(row) for row in await progress.every(session)]

    for line in asyncio.run(read()):
        typer.echo(line)


def _line_of(row: "progress.Row") -> str:
    total = f" of {row['total']:,}" if row["total"] is not None else ""
    line = f"{row['store']} {row['resource']}: {row['taken']:,}{total}"
    if row["finished_at"] is None:
        return f"{line}, not complete; run `aftercart shop connect` again"
    line += f", complete since {row['finished_at']:%Y-%m-%d %H:%M} UTC"
    if row["compared_at"] is None:
        return f"{line}, not compared yet"
    lost = f"webhooks had lost {row['lost']:,} (in all {row['lost_in_all']:,})"
    return f"{line}, compared {row['compared_at']:%Y-%m-%d %H:%M} UTC: {lost}"


@cli.command()
@in_words
def compare(
    system: Annotated[System, typer.Argument(help="What your shop runs on.")],
    config: ConfigFile = None,
    accept_gone: Annotated[
        bool, typer.Option("--accept-gone", help="What seems deleted in the shop is, however much it is.")
    ] = False,
) -> None:
    """Compare now what else is compared at night: what webhooks lost comes in as news."""
    from bot import start
    from bot.base import config as settings
    from bot.inbound.shops import comparing, opening

    loaded = settings.load(config)

    async def run() -> list[comparing.Compared]:
        async with opening.opened(loaded, system.value) as shop, start.ready(loaded) as (database, ground):
            return await comparing.compare(database, ground, shop, believe=accept_gone)

    found = asyncio.run(run())
    if not found:
        typer.echo("the first pull is not complete: run `aftercart shop connect` first")
    for one in found:
        typer.echo(f"{one.resource}: {one.looked_at:,} changed in the shop, webhooks had lost {one.lost:,}")
        if not one.missing.believed:
            typer.echo(
                f"{one.resource}: of {one.missing.asked:,} that we know {one.missing.gone:,} seem gone, nothing was "
                f"changed; if they are, run `aftercart shop compare {system.value} --accept-gone`"
            )
