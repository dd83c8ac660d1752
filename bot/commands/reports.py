"""The group of reports, and `report flows`: what was sent and earned."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

cli = typer.Typer(help="Reports as tables, or as JSON for other programs.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@cli.command("flows")
@in_words
def flows(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """People, mails, clicks, orders and revenue by flow, and why mails were not sent."""
    from automations.reports import report
    from bot import start
    from bot.base import config as settings

    async def read() -> "list[dict[str, Any]]":
        async with start.ready(settings.load(config)) as (database, _ground), database.reading() as session:
            return [asdict(one) for one in await report.flows(session)]

    rows = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps({"flows": rows}, default=str))
        return
    heads = ("flow", "entered", "waiting", "sent", "not sent", "clicked", "orders", "revenue", "left early", "else")
    tables.show("Flows", heads, [_flow_row(row) for row in rows])


_ELSE = ("failed", "planned", "withheld", "unknown", "undelivered", "unsubscribed")


def _flow_row(row: "dict[str, Any]") -> tuple[Any, ...]:
    """The numbers that everybody asks for; those that are mostly zero only where they are not."""
    from bot.base import money

    rest = {name: row[name] for name in _ELSE if row[name]}
    earned = ", ".join(money.shown(amount, currency, "en") for currency, amount in row["revenue"].items())
    return (
        row["flow"], row["enrolled"], row["waiting"], row["sent"], _cell(row["skipped"]), row["clicked"], row["orders"],
        earned or "-", _cell(row["exited"]), _cell(rest),
    )  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "-"
    return "-" if value is None else f"{value}"
