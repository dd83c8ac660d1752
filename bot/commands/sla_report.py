"""`report sla`: what was promised and kept, in slices, with everything that was left out and why."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from bot.base.config import Config
    from bot.support.sla.attainment import Kept, Percentiles
    from bot.support.sla.goals import Standing

_BY = ("channel", "department", "agent", "priority", "hour", "policy", "calendar")
_OURS = {
    "": "answered too late",
    "delivery_delay": "written in time, delivered late",
    "queue_delay": "our own queue showed it late",
    "retarget": "the promise was changed",
    "merged": "merged with a ticket that waited longer",
    "split": "split from a ticket that waited longer",
}
_ALWAYS_LISTED = (
    "bot_resolved",
    "closed_without_reply",
    "no_reply_needed",
    "unreachable",
    "merged",
    "spam",
    "abandoned",
)


@dataclass(frozen=True)
class _Found:
    """`whole` are all clocks by metric."""

    since: datetime
    until: datetime
    zone: str
    slices: "dict[str, list[Kept]]"
    whole: "list[Kept]"
    goals: "list[Standing]"

    @property
    def data(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "timezone": self.zone,
            "slices": {what: [one.data for one in found] for what, found in self.slices.items()},
            "left_out": {one.metric: _left_out(one) for one in self.whole},
            "causes": {one.metric: _causes(one) for one in self.whole},
            "goals": [one.data for one in self.goals],
        }


@in_words
def sla(
    by: Annotated[
        list[str] | None, typer.Option(help=f"Cut by {', '.join(_BY[:-1])} or {_BY[-1]}; may be given several times.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Of the last so many days, today among them.")] = 30,
    since: Annotated[str, typer.Option(metavar="DATE", help="From this date on, in the shop's time, instead.")] = "",
    until: Annotated[str, typer.Option(metavar="DATE", help="To this date, itself among them. Not set: now.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
    config: ConfigFile = None,
) -> None:
    """Answers and solutions against their promises, in slices; what was left out; why it was missed; the goals."""
    from bot.base import config as settings

    cuts = _cuts(by or ["channel"])
    found = asyncio.run(_read(settings.load(config), cuts, days, _date(since, "--since"), _date(until, "--until")))
    if as_json:
        typer.echo(json.dumps({"days": days, **found.data}))
        return
    _show(found)


def _cuts(by: Sequence[str]) -> list[str]:
    """Both `--by channel --by hour` and `--by channel,hour` are fine."""
    cuts = list(dict.fromkeys(word.strip() for given in by for word in given.split(",") if word.strip()))
    if wrong := [one for one in cuts if one not in _BY]:
        raise typer.BadParameter(f"{wrong[0]!r} is nothing to cut by; there is {', '.join(_BY)}", param_hint="--by")
    return cuts


def _date(text: str, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it like 2026-03-31", param_hint=option) from None


async def _read(config: "Config", cuts: list[str], days: int, first: date | None, last: date | None) -> _Found:
    from bot import start
    from bot.base import clock
    from bot.support.desk import Desk
    from bot.support.sla import attainment, goals, measured

    async with start.ready(config) as (database, ground), database.reading() as session:
        desk, now = Desk.build(ground), clock.now()
        until = min(attainment.day(desk, last + timedelta(days=1)), now) if last else now
        since = attainment.day(desk, first) if first else attainment.days(desk, days, until - timedelta(milliseconds=1))
        if since >= until:
            raise typer.BadParameter("the span ends before it begins", param_hint="--since")
        clocks = await measured.of(session, desk, since, until, now)
        metrics = sorted({one.metric for one in clocks})
        return _Found(
            since.astimezone(desk.timezone),
            until.astimezone(desk.timezone),
            desk.timezone.key,
            {what: attainment.cut(desk, clocks, what) for what in cuts},
            [attainment.kept("all", metric, [one for one in clocks if one.metric == metric]) for metric in metrics],
            await goals.standings(session, desk, now),
        )


def _show(found: _Found) -> None:
    span = f"from {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M}"
    typer.echo(f"Clocks that started {span} ({found.zone})\n")
    for what, lines in found.slices.items():
        _show_slice(what, lines)
    if found.whole:
        typer.echo(f"{_ABOUT}\n")
    left_out = [
        (_words(one.metric), _words(reason), count) for one in found.whole for reason, count in _left_out(one).items()
    ]
    tables.show("Left out", ("promise", "why", "clocks"), left_out)
    typer.echo("")
    causes = [
        (_words(one.metric), _OURS.get(why, why), count) for one in found.whole for why, count in _causes(one).items()
    ]
    tables.show("Why it was missed", ("promise", "why", "clocks"), causes)
    typer.echo("")
    heads = ("goal", "since", "promised", "kept", "of", "may be missed")
    tables.show("House goals", heads, [_goal(one) for one in found.goals])


def _show_slice(what: str, lines: "list[Kept]") -> None:
    heads = (what, "promise", "kept", "met", "missed", "overdue", "running", "left out")
    tables.show(f"Kept by {what}", heads, [_counts(one) for one in lines])
    if any(one.few for one in lines):
        typer.echo("* fewer than 20 clocks: the share says little")
    typer.echo("")
    waits = (what, "promise", "open p50", "p90", "p95", "wall p50", "p90", "p95", "any p50", "p90")
    tables.show(f"Time to an answer by {what}", waits, [_times(one) for one in lines])
    typer.echo("")


_ABOUT = (
    "open: opening hours without pauses, until a person answered; wall: the same on the wall clock;\n"
    "any: from the customer's first words until anybody answered, the bot too (first responses)."
)


def _counts(one: "Kept") -> tuple[Any, ...]:
    share = "-" if one.attainment is None else f"{one.attainment * 100:.1f} %{'*' if one.few else ''}"
    return one.of, _words(one.metric), share, one.met, one.breached, one.overdue, one.running, one.left_out


def _times(one: "Kept") -> tuple[str, ...]:
    return (
        one.of, _words(one.metric), *_percentiles(one.waited), *_percentiles(one.wall),
        seconds(one.any_answer.p50), seconds(one.any_answer.p90),
    )  # fmt: skip


def _percentiles(of: "Percentiles") -> tuple[str, ...]:
    return seconds(of.p50), seconds(of.p90), seconds(of.p95)


def _left_out(one: "Kept") -> dict[str, int]:
    """The kinds that the rules know even when there were none, then whatever else there was."""
    return {reason: one.reasons.get(reason, 0) for reason in (*_ALWAYS_LISTED, *sorted(one.reasons))}


def _causes(one: "Kept") -> dict[str, int]:
    counted = Counter(one.causes)
    return {cause: counted[cause] for cause in ("", "delivery_delay", "queue_delay", "retarget", *sorted(counted))}


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _goal(one: "Standing") -> tuple[Any, ...]:
    within = one.goal.within.total_seconds()
    time = f"{within / 86400:g} working days" if one.goal.in_days else seconds(within)
    words = f"{one.goal.channel} {_words(one.goal.metric)} within {time}"
    share = "-" if one.share is None else f"{one.share * 100:.1f} %{'*' if one.few else ''}"
    left = f"{one.left} more this {one.goal.window}" if one.left >= 0 else f"{-one.left} missed too many"
    return words, f"{one.since:%Y-%m-%d}", f"{one.goal.share * 100:g} %", share, one.counted, left


def seconds(value: float | None) -> str:
    """`20s`, `1m05s`, `4h00m`, `3d02h`, or a dash."""
    if value is None:
        return "-"
    whole = round(value)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
