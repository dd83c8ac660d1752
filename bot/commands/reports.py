"""`report sla` and `report flows`: what was promised and kept, what was sent and earned."""

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from bot.support.sla.attainment import Kept, Promise

cli = typer.Typer(help="Reports as tables, or as JSON for other programs.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@cli.command("sla")
@in_words
def sla(
    days: Annotated[int, typer.Option(min=1, max=3660, help="Of the last so many days.")] = 30,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Response times against their targets by channel, and the house goals."""
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.support.desk import Desk
    from bot.support.sla import attainment

    async def read() -> "tuple[list[Kept], list[Kept], list[Promise]]":
        async with start.ready(settings.load(config)) as (database, ground), database.reading() as session:
            desk, now = Desk.build(ground), clock.now()
            since = now - timedelta(days=days)
            kept = await attainment.by_channel(session, desk, since, now)
            agents = await attainment.by_agent(session, desk, since, now)
            return kept, agents, await attainment.goals(session, desk, now)

    kept, agents, goals = asyncio.run(read())
    if as_json:
        parts = {"channels": [_kept(one) for one in kept], "agents": [_kept(one) for one in agents]}
        typer.echo(json.dumps({"days": days, **parts, "goals": _goals(goals)}))
        return
    heads = ("kept", "met", "breached", "overdue", "running", "left out", "p50", "p90", "p95")
    rows: list[tuple[Any, ...]] = [(one.channel, one.metric, *_cells(one)) for one in kept]
    tables.show(f"SLA, last {days} days", ("channel", "metric", *heads), rows)
    rows = [(one.agent or "nobody", one.channel, one.metric, *_cells(one)) for one in agents]
    tables.show("By colleague", ("colleague", "channel", "metric", *heads), rows)
    rows = [_goal_row(one) for one in goals]
    tables.show("Goals", ("goal", "promised", "kept", "of", "more may be missed"), rows)


@cli.command("flows")
@in_words
def flows(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """People, mails, clicks, orders and revenue by flow, and why mails were not sent."""
    from automations import report
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


def _cells(one: "Kept") -> tuple[Any, ...]:
    why = f" ({_cell(one.reasons)})" if one.reasons else ""
    return (
        _share(one.attainment), one.met, one.breached, one.overdue, one.running, f"{one.left_out}{why}",
        _seconds(one.p50), _seconds(one.p90), _seconds(one.p95),
    )  # fmt: skip


def _kept(one: "Kept") -> dict[str, Any]:
    return {**asdict(one), "attainment": one.attainment}


def _goals(goals: "list[Promise]") -> list[dict[str, Any]]:
    return [
        {
            "metric": one.goal.metric,
            "channel": one.goal.channel,
            "window": one.goal.window,
            "within_seconds": one.goal.within.total_seconds(),
            "promised": one.goal.share,
            "share": one.share,
            "counted": one.counted,
            "left": one.left,
        }
        for one in goals
    ]


def _goal_row(one: "Promise") -> tuple[Any, ...]:
    from bot.support.sla.attainment import SMALL

    words = f"{one.goal.channel} {one.goal.metric.replace('_', ' ')} within {_seconds(one.goal.within.total_seconds())}"
    few = " (few)" if one.counted < SMALL else ""
    return f"{words}, by {one.goal.window}", _share(one.goal.share), f"{_share(one.share)}{few}", one.counted, one.left


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.1f} %"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "-"
    return "-" if value is None else f"{value}"
