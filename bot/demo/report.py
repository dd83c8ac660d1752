"""The report that the demo leaves: promises, flows, and why each mail was (not) sent, as the program itself tells."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from automations.reports import reasons, report, why
from automations.reports.report import FlowReport
from automations.reports.why import Explained
from bot import contacts
from bot.base import clock, money, paths, private, render
from bot.base.database import Database
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.demo.mail_catcher import Caught
from bot.demo.told import Line
from bot.support.desk import Desk
from bot.support.feedback import heard
from bot.support.feedback.heard import Heard
from bot.support.sla import attainment
from bot.support.sla import goals as house_goals
from bot.support.sla.attainment import Kept
from bot.support.sla.goals import Standing
from bot.tables.events import Event

_WIDTH = 150


@dataclass(frozen=True)
class Mail:
    """A mail that arrived; `picture` is a file beside it, PNG or HTML."""

    receiver: str
    subject: str
    file: str
    picture: str | None


@dataclass(frozen=True)
class Why:
    """What one flow did for one customer: a mail sent, or the question that said no."""

    name: str
    flow: str
    step: str
    ended: str
    because: str


@dataclass(frozen=True)
class Report:
    sla: Sequence[Kept]
    goals: Sequence[Standing]
    board: Sequence[Heard]
    flows: Sequence[FlowReport]
    why: Sequence[Why]
    mails: Sequence[Mail]
    story: Sequence[Line]
    made_at: datetime

    @property
    def sent(self) -> int:
        return sum(flow.sent for flow in self.flows)

    @property
    def skipped(self) -> dict[str, int]:
        """Mails that were not sent, by reason."""
        found: dict[str, int] = {}
        for flow in self.flows:
            for reason, count in flow.skipped.items():
                found[reason] = found.get(reason, 0) + count
        return found

    @property
    def revenue(self) -> str:
        total: dict[str, int] = {}
        for flow in self.flows:
            for currency, amount in flow.revenue.items():
                total[currency] = total.get(currency, 0) + amount
        return amounts(total)


async def read(
    database: Database, ground: Ground, people: Mapping[str, str], mails: Sequence[Mail], story: Sequence[Line]
) -> Report:
    """Ask everything. `people` are names by address."""
    now = clock.now()
    async with database.reading() as session:
        desk = Desk.build(ground)
        return Report(
            sla=await attainment.by(session, desk, "channel", now - timedelta(days=1), now, now),
            goals=await house_goals.standings(session, desk, now),
            board=await heard.report(session),
            flows=[flow for flow in await report.flows(session) if flow.enrolled],
            why=[one for address, name in people.items() for one in await why_of(session, address, name)],
            mails=mails,
            story=story,
            made_at=now,
        )


async def explained(session: AsyncSession, address: str) -> list[Explained]:
    """What the automations did or left undone for the person with this address, the oldest first."""
    contact = await contacts.find(session, "email", address)
    if contact is None or contact.id is None:
        return []
    return list(reversed(await why.explain(session, contact.id)))


async def why_of(session: AsyncSession, address: str, name: str) -> list[Why]:
    found = []
    for one in await explained(session, address):
        event = await session.get(Event, one.exit_event_id) if one.exit_event_id else None
        found.append(Why(name, one.flow, one.step or "-", _ended(one), because(one, event.name if event else "")))
    return found


def _ended(one: Explained) -> str:
    if one.message_id is not None:
        return "mail sent" if one.status in ("sent", "handed") else f"no mail ({one.status})"
    return "no mail yet" if one.status == "active" else "no mail"


def because(one: Explained, event: str = "") -> str:
    """The reason as the program keeps and says it: what said no, what ended the flow, or all said yes."""
    ended = f"the flow ended: {one.exit_reason}{f' ({event})' if event else ''}" if one.exit_reason else ""
    no = next((answer for answer in one.answers if answer.said is False), None)
    if no is not None:
        detail = {"reason": one.reason or "", **no.detail}
        return f"{detail['reason']}: {reasons.in_words(_texts(), 'en', detail)} (the question “{no.question}” said no)"
    if one.message_id is None:
        return ended or "it waits"
    after = f"; then {ended}" if ended else ""
    return f"all {len(one.answers)} questions said yes{after}" if one.status in ("sent", "handed") else one.reason or ""


@cache
def _texts() -> Texts:
    return Texts([paths.templates()])


def mails_of(caught: Sequence[Caught]) -> list[Mail]:
    found = []
    for mail in caught:
        assert mail.file is not None
        pictures = [mail.file.with_suffix(suffix) for suffix in (".png", ".html")]
        picture = next((f"mails/{one.name}" for one in pictures if one.is_file()), None)
        found.append(Mail(mail.receivers[0], str(mail.message["Subject"]), f"mails/{mail.file.name}", picture))
    return found


def write(found: Report, folder: Path, zone: ZoneInfo) -> None:
    """`report.txt` and `report.html` in the folder."""
    with private.open_new(folder / "report.txt", encoding="utf-8") as file:
        console = Console(file=file, width=_WIDTH, highlight=False, emoji=False)
        for table in tables(found):
            console.print(table, markup=False)
            console.print()
        console.print(
            f"The same at any time: aftercart report sla|flows --config {folder / 'config.toml'}", soft_wrap=True
        )
    template = (paths.templates() / "demo" / "report.html").read_text("utf-8")
    page = render.environment(html=True).from_string(template)
    values = {
        **{field.name: getattr(found, field.name) for field in dataclasses.fields(found)},
        "sheets": [_sheet(table) for table in tables(found)],
        "story": [{**dataclasses.asdict(line), "at": f"{line.at:%H:%M:%S}"} for line in found.story],
        "mails": [dataclasses.asdict(mail) for mail in found.mails],
        "made_at": f"{found.made_at.astimezone(zone):%Y-%m-%d %H:%M}",
    }
    private.write_text(folder / "report.html", page.render(**values))


def tables(found: Report) -> list[Table]:
    """Everything as tables, for the terminal and for the files."""
    return [sla_table(found), goals_table(found), board_table(found), flows_table(found), why_table(found)]


def sla_table(found: Report) -> Table:
    table = _table("SLA: first answer by a person", "channel", "promise", "kept", "met", "missed", "half within")
    for one in found.sla:
        kept = "-" if one.attainment is None else f"{one.attainment:.0%}"
        half = "-" if one.waited.p50 is None else f"{one.waited.p50:.1f} s"
        missed = str(one.breached + one.overdue)
        table.add_row(one.of, one.metric.replace("_", " "), kept, str(one.met), missed, half)
    return table


def goals_table(found: Report) -> Table:
    table = _table("House goals", "goal", "promised", "kept", "of", "may be missed")
    for one in found.goals:
        words = f"{one.goal.channel}: {one.goal.metric.replace('_', ' ')} in {one.goal.within.total_seconds():.0f} s"
        share = "-" if one.share is None else f"{one.share:.0%}"
        table.add_row(words, f"{one.goal.share:.0%}", share, str(one.counted), _left(one.left))
    return table


def _left(left: int) -> str:
    return f"{left} more" if left >= 0 else f"{-left} missed too many"


def board_table(found: Report) -> Table:
    table = _table("The board: what customers asked for", "card", "wish", "status", "asked", "told")
    for one in found.board:
        table.add_row(str(one.number), one.title, one.status, str(one.asked), str(one.told))
    return table


def flows_table(found: Report) -> Table:
    heads = ("flow", "entered", "sent", "not sent", "clicked", "orders", "revenue", "left early")
    table = _table("Flows", *heads)
    for one in found.flows:
        table.add_row(
            one.flow, str(one.enrolled), str(one.sent), _counts(one.skipped), str(one.clicked), str(one.orders),
            amounts(one.revenue), _counts(one.exited),
        )  # fmt: skip
    return table


def why_table(found: Report) -> Table:
    table = _table("Who got a mail, and why not", "customer", "flow", "step", "what", "why")
    for one in found.why:
        table.add_row(one.name, one.flow, one.step, one.ended, one.because)
    return table


def _table(title: str, *heads: str) -> Table:
    return Table(*heads, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)


def _sheet(table: Table) -> dict[str, Any]:
    """A table for the page: its title, heads and rows of text."""
    columns = [list(column.cells) for column in table.columns]
    rows = list(zip(*columns, strict=True))
    return {"title": table.title, "heads": [column.header for column in table.columns], "rows": rows}


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "-"


def amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(money.shown(amount, currency, "en") for currency, amount in amounts.items()) or "-"
