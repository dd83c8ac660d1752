"""The group of reports, and `report flows`: what was sent and earned."""

import asyncio
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from automations.experiments.incremental import Gain

cli = typer.Typer(help="Reports as tables, or as JSON for other programs.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@cli.command("flows")
@in_words
def flows(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """People, mails, clicks, orders and revenue by flow, what mails brought beyond none, and why some were not sent."""
    from automations.experiments import incremental
    from automations.experiments.outcomes import Window
    from automations.reports import report
    from bot import start
    from bot.base import clock
    from bot.base import config as settings

    loaded = settings.load(config)
    window = Window(loaded.automations.attribution_window, loaded.shop.currency)

    async def read() -> "list[dict[str, Any]]":
        async with start.ready(loaded) as (database, _ground), database.reading() as session:
            beyond = {one.flow: one.total for one in await incremental.report(session, window, clock.now())}
            rows = [asdict(one) for one in await report.flows(session)]
        return [{**row, "incremental": _gain(beyond.get(row["flow"]), loaded.shop.currency)} for row in rows]

    rows = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps({"flows": rows}, default=str))
        return
    heads = ("flow", "entered", "waiting", "sent", "not sent", "clicked", "orders", "revenue", "beyond no mails",
             "left early", "else")  # fmt: skip
    tables.show("Flows", heads, [_flow_row(row) for row in rows])


def _gain(found: "Gain | None", currency: str) -> "dict[str, Any] | None":
    """What the mails brought beyond what would have come anyway; None where nobody was held back to compare with."""
    if found is None or not math.isfinite(found.span.low):
        return None
    return {"amount": found.amount, "low": found.span.low, "high": found.span.high, "currency": currency}


_ELSE = ("failed", "planned", "withheld", "unknown", "undelivered", "unsubscribed")


def _flow_row(row: "dict[str, Any]") -> tuple[Any, ...]:
    """The numbers that everybody asks for; those that are mostly zero only where they are not."""
    from bot.base import money

    rest = {name: row[name] for name in _ELSE if row[name]}
    earned = ", ".join(money.shown(amount, currency, "en") for currency, amount in row["revenue"].items())
    return (
        row["flow"], row["enrolled"], row["waiting"], row["sent"], _cell(row["skipped"]), row["clicked"], row["orders"],
        earned or "-", _beyond(row["incremental"]), _cell(row["exited"]), _cell(rest),
    )  # fmt: skip


def _beyond(found: "dict[str, Any] | None") -> str:
    from bot.base import money

    if found is None:
        return "-"
    amount, low, high = (money.shown(round(found[name]), found["currency"], "en") for name in ("amount", "low", "high"))
    return f"{amount} [{low}, {high}]"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "-"
    return "-" if value is None else f"{value}"
