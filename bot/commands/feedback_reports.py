"""`report ratings`, `surveys` and `improvements`: what customers think, and what became of what they asked for."""

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile
from bot.commands.reports import AsJson

if TYPE_CHECKING:
    from bot.support.feedback.heard import Heard
    from bot.support.feedback.satisfaction import Complaints, Satisfaction
    from bot.support.feedback.surveyed import Surveyed


@in_words
def ratings(
    days: Annotated[int, typer.Option(min=1, max=3660, help="Of the last so many days.")] = 30,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Ratings by colleague, department and channel, and complaints until they were fixed."""
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.support.desk import Desk
    from bot.support.feedback import satisfaction

    async def read() -> "tuple[dict[satisfaction.Slice, list[Satisfaction]], Complaints]":
        async with start.ready(settings.load(config)) as (database, ground), database.reading() as session:
            desk, now = Desk.build(ground), clock.now()
            since = now - timedelta(days=days)
            found = {what: await satisfaction.by(session, desk, what, since, now) for what in satisfaction.SLICES}
            return found, await satisfaction.complaints(session, since, now)

    slices, complaints = asyncio.run(read())
    if as_json:
        parts = {what: [{**asdict(one), "average": one.average, "share": one.share} for one in found]
                 for what, found in slices.items()}  # fmt: skip
        typer.echo(json.dumps({"days": days, **parts, "complaints": asdict(complaints)}))
        return
    heads = ("asked", "rated", "average", "4 or 5", "low", "comments")
    for what, found in slices.items():
        rows = [(one.name or "-", one.asked, one.rated, _average(one.average), _share(one.share), one.low, one.comments)
                for one in found]  # fmt: skip
        tables.show(f"Ratings by {what}, last {days} days", (what, *heads), rows)
    tables.show("Complaints", ("opened", "fixed", "not fixed", "unconfirmed", "not answered yet"),
         [tuple(asdict(complaints).values())])  # fmt: skip


@in_words
def improvements(
    department: Annotated[str, typer.Option(help="Only of this department.")] = "",
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """The board: asked by how many, told how many, and their ratings before and after."""
    from bot import start
    from bot.base import config as settings
    from bot.support.feedback import heard

    async def read() -> "list[Heard]":
        async with start.ready(settings.load(config)) as (database, _ground), database.reading() as session:
            return await heard.report(session, department)

    cards = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps({"improvements": [asdict(one) for one in cards]}))
        return
    heads = (
        "card",
        "status",
        "department",
        "title",
        "asked",
        "told",
        "refused",
        "waiting",
        "unsure",
        "before",
        "after",
    )
    tables.show("Improvements", heads, [_row(one) for one in cards])


@in_words
def surveys(
    days: Annotated[int, typer.Option(min=1, max=3660, help="Of the last so many days.")] = 30,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Surveys of mails: NPS (promoters less detractors) or CSAT (the share of 4 and 5), and how sure that is."""
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.support.feedback import surveyed

    async def read() -> "list[Surveyed]":
        async with start.ready(settings.load(config)) as (database, _ground), database.reading() as session:
            now = clock.now()
            return await surveyed.report(session, now - timedelta(days=days), now)

    found = asyncio.run(read())
    if as_json:
        rows = [{**asdict(one), "score": one.score, "give_or_take": one.give_or_take} for one in found]
        typer.echo(json.dumps({"days": days, "surveys": rows}))
        return
    heads = ("survey", "kind", "asked", "answered", "good", "low", "comments", "score", "95 %")
    tables.show(f"Surveys, last {days} days", heads, [
        (one.survey, one.kind, one.asked, one.answered, one.good, one.low, one.comments,
         "-" if one.score is None else f"{one.score:.0f}",
         "-" if one.give_or_take is None else f"± {one.give_or_take:.0f}")
        for one in found
    ])  # fmt: skip


def _row(one: "Heard") -> tuple[Any, ...]:
    after = f"{_average(one.after)} ({one.rated_after})" if one.rated_after else "-"
    return (
        one.number, one.status, one.department or "-", one.title[:60], one.asked, one.told, one.refused, one.waiting,
        one.unsure, _average(one.before), after,
    )  # fmt: skip


def _average(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.0f} %"
