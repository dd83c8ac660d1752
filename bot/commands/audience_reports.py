"""`report rfm`: how customers divide into the groups of recency, frequency and revenue."""

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile
from bot.commands.reports import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automations.reports.rfm import Group


@in_words
def rfm(
    days: Annotated[int, typer.Option(min=1, max=3660, help="Who moved in the last so many days.")] = 30,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Customers and revenue of 365 days by RFM group, and how many came into each and left it."""
    from automations.reports import rfm as report
    from bot import start
    from bot.base import clock, money
    from bot.base import config as settings

    loaded = settings.load(config)

    async def read() -> "Sequence[Group]":
        async with start.ready(loaded) as (database, _ground), database.reading() as session:
            return await report.groups(session, clock.now() - timedelta(days=days))

    found = asyncio.run(read())
    if as_json:
        told = {"currency": loaded.shop.currency, "days": days, "groups": [asdict(one) for one in found]}
        typer.echo(json.dumps(told))
        return
    rows = [
        (one.name, f"{one.customers:,}", f"{one.share:.1%}", money.shown(one.revenue, loaded.shop.currency, "en"),
         f"{one.revenue_share:.1%}", one.came, one.left)
        for one in found
    ]  # fmt: skip
    heads = ("group", "customers", "share", "revenue", "of all", f"came in {days} days", "left")
    tables.show("RFM groups", heads, rows if any(one.customers for one in found) else [])
