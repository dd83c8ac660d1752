"""`coupon`: codes of the shop, brought in from a file or made ahead, and how many are left."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.base.config import Config
    from bot.base.config.sending import Pool
    from bot.base.errors import FindingsError

cli = typer.Typer(help="Coupon codes that flows give away.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="POOL", help="Its name in [[automations.coupons]].")]


@cli.command("import")
@in_words
def import_codes(
    pool: _Name,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="One code a line; without it the file that the pool names.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Bring codes in. Run it again with a longer file as you like: a code is never taken twice."""
    from automations.gate import pools
    from bot import start
    from bot.base import clock, paths
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError

    loaded = settings.load(config)
    known = _known(loaded, pool)
    source = file or known.codes
    if source is None:
        raise FindingsError(
            Finding(f"the pool {pool} names no file of codes; write aftercart coupon import {pool} FILE")
        )
    try:
        lines = source.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FindingsError(Finding(f"cannot be read: {error}", paths.shown(source))) from None

    async def take() -> pools.Taken:
        async with start.ready(loaded) as (database, _), database.transaction() as session:
            return await pools.take_in(session, pool, lines, clock.now())

    taken = asyncio.run(take())
    typer.echo(f"{taken.new} new codes in {pool}, {taken.known} were there already")
    if taken.refused:
        shown = ", ".join(map(str, taken.refused[:10]))
        typer.echo(f"{len(taken.refused)} lines are no code (spaces inside, or too long): line {shown}")


@cli.command("make")
@in_words
def make_codes(
    pool: _Name,
    count: Annotated[int, typer.Argument(min=1, max=1_000_000, help="How many.")],
    config: ConfigFile = None,
) -> None:
    """Make codes of the pool's pattern ahead and print them, one a line, for your shop system."""
    from automations.gate import coupons
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError

    loaded = settings.load(config)
    known = _known(loaded, pool)
    if not known.pattern:
        raise FindingsError(Finding(f"the pool {pool} has no pattern", loaded.source, key="automations.coupons"))

    async def make() -> list[str]:
        async with start.ready(loaded) as (database, _), database.transaction() as session:
            return [row.code for row in await coupons.make(session, known, count, clock.now())]

    for code in asyncio.run(make()):
        typer.echo(code)


@cli.command("list")
@in_words
def list_codes(
    pool: Annotated[str | None, typer.Argument(metavar="POOL", help="Its codes; without it how many of each.")] = None,
    free: Annotated[bool, typer.Option("--free", help="Only those that nobody has.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show how many codes each pool has left, or the codes of one pool with their status."""
    from automations.gate import pools
    from bot import start
    from bot.base import config as settings

    loaded = settings.load(config)

    async def show() -> list[str]:
        async with start.ready(loaded) as (database, _), database.reading() as session:
            counted = {one.pool: one for one in await pools.stock(session)}
            names = dict.fromkeys([*(one.name for one in loaded.automations.coupons), *counted])
            if pool is not None:
                if pool not in names:
                    raise _unknown(loaded, pool, names)
                rows = await pools.codes(session, pool, "free" if free else None)
                return [code if free else f"{code}\t{status}" for code, status in rows]
            empty = pools.Stock("", 0, 0, 0)
            lines = [f"{'pool':<24}{'free':>8}{'reserved':>10}{'given':>8}"]
            for name in names:
                one = counted.get(name, empty)
                lines.append(f"{name:<24}{one.free:>8}{one.reserved:>10}{one.given:>8}")
            return lines

    for line in asyncio.run(show()):
        typer.echo(line)


def _known(config: "Config", name: str) -> "Pool":
    found = {one.name: one for one in config.automations.coupons}
    if name not in found:
        raise _unknown(config, name, found)
    return found[name]


def _unknown(config: "Config", name: str, known: "Collection[str]") -> "FindingsError":
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    mend = near(name, known) if known else "there is none yet"
    return FindingsError(Finding(f"no pool is named {name}; {mend}", config.source, key="automations.coupons"))
