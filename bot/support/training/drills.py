"""`/drill`: a practice ticket with a scripted customer, who answers each answer; at the end a score and a model answer.

A drill is a real ticket of the kind `drill` on the channel `drill`, so that all of the desk works as it does with real
customers; no clock, report, round or rating knows of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import table
from bot.outbound import outbox
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.outbound.practice import CHANNEL
from bot.support import lines, post, scripts, typed
from bot.support.desk import Desk
from bot.support.scripts import Script
from bot.support.sla import clocks as sla
from bot.support.tickets import claiming, opening, relay, statuses
from bot.support.training import checklist
from bot.tables.chat import StaffMember
from bot.tables.outbox import Message
from bot.tables.people import Contact
from bot.tables.staff_room import Drill
from bot.tables.support import Ticket, TicketMessage

PURPOSE = "script"
_TYPES = timedelta(seconds=4)
"""How long a scripted customer thinks before the next message."""
_OUTBOX = table(Message)


async def start(
    session: AsyncSession, desk: Desk, staff: StaffMember, script: Script, now: datetime
) -> tuple[Drill, Ticket]:
    """A ticket of a customer who does not exist, taken by the colleague; the first words come at once."""
    contact = Contact(first_name=script.shopper, language=script.language, created_at=now, traits={"drill": True})
    session.add(contact)
    await session.flush()
    ticket = await opening.create(session, contact, CHANNEL, script.language, now)
    ticket.kind = "drill"
    await session.flush()
    await sla.happened(session, desk, ticket, f"staff:{staff.id}", "opened", now, why="drill", origin="drill")
    assert ticket.id is not None and staff.id is not None
    drill = Drill(
        staff_id=staff.id, ticket_id=ticket.id, scenario=script.name, language=script.language, started_at=now
    )
    session.add(drill)
    await session.flush()
    await post.card(session, ticket, "drill", now)
    await claiming.claim(session, desk, ticket, staff, now)
    intro = desk.staff("staff.drill.intro", title=script.title, n=len(script.says))
    await post.to_topic(session, ticket, "notice", {"text": intro}, f"drill:{drill.id}:intro", now, priority=10)
    await _say(session, desk, drill, ticket, script, now)
    return drill, ticket


async def _say(session: AsyncSession, desk: Desk, drill: Drill, ticket: Ticket, script: Script, now: datetime) -> None:
    """The next message of the script, as if the customer had written it."""
    line = await lines.write(
        session,
        contact_id=ticket.contact_id,
        ticket_id=ticket.id,
        channel=CHANNEL,
        author="customer",
        text=script.says[drill.step],
        provider_key=f"drill:{drill.id}:{drill.step}",
        at=now,
        received_at=now,
    )
    drill.step += 1
    await session.flush()
    if line is None:
        return
    await relay.to_topic(session, ticket, line, now)
    await sla.happened(session, desk, ticket, "customer", "said", now, at=now, said=line.id)
    if ticket.status not in ("new", "open"):
        await statuses.to(session, desk, ticket, "open", "customer", now, why="said")


async def answered(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> None:
    """The colleague's answer arrived: the customer writes on in a moment, or was helped and the drill ends."""
    drill = await _running(session, ticket)
    script = scripts.of(desk.drills, drill.scenario, drill.language) if drill else None
    if drill is None or script is None:
        return
    due = now + _TYPES
    await outbox.queue(
        session,
        channel=CHANNEL,
        purpose=PURPOSE,
        receiver=f"drill:{drill.id}:script",
        payload={"drill_id": drill.id},
        key=f"drill:{drill.id}:turn:{drill.step}",
        now=now,
        due_at=due,
        ticket_id=ticket.id,
    )


async def _running(session: AsyncSession, ticket: Ticket) -> Drill | None:
    asked = select(Drill).where(Drill.ticket_id == ticket.id, col(Drill.ended_at).is_(None)).with_for_update()
    return (await session.scalars(asked)).first()


class Turns:
    """The stage of the purpose `script`: what the customer does when their moment has come."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {}

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        ticket = await session.get(Ticket, row["ticket_id"], with_for_update=True, populate_existing=True)
        drill = await _running(session, ticket) if ticket else None
        script = scripts.of(self.desk.drills, drill.scenario, drill.language) if drill else None
        if ticket is None or drill is None or script is None:
            return
        if drill.step < len(script.says):
            await _say(session, self.desk, drill, ticket, script, outcome.at)
        else:
            await end(session, self.desk, drill, ticket, script, outcome.at)


async def end(session: AsyncSession, desk: Desk, drill: Drill, ticket: Ticket, script: Script, now: datetime) -> None:
    """Points, waits, score and the model answer into the topic; the ticket is done."""
    said = select(TicketMessage).where(TicketMessage.ticket_id == ticket.id).order_by(col(TicketMessage.id))
    talk = (await session.scalars(said)).all()
    points = checklist.made(script, [line.text for line in talk if line.author == "staff"])
    waits = waited(talk)
    drill.points = {"made": points, "waits": waits}
    drill.score, drill.ended_at = checklist.score(script, list(points.values()), waits), now
    await session.flush()
    text = _told(desk, drill, script, points, waits)
    await post.to_topic(session, ticket, "notice", {"text": text}, f"drill:{drill.id}:score", now, priority=10)
    await statuses.to(session, desk, ticket, "resolved", "bot", now, why="drill")


def waited(talk: Sequence[TicketMessage]) -> list[float]:
    """Seconds from each message of the customer to the answer that followed it."""
    waits, since = [], None
    for line in talk:
        if line.author == "customer":
            since = since or line.at
        elif line.author == "staff" and since is not None:
            waits.append(max(0.0, (line.at - since).total_seconds()))
            since = None
    return waits


def _told(desk: Desk, drill: Drill, script: Script, points: Mapping[str, bool], waits: Sequence[float]) -> str:
    checks = [f"{'✅' if made else '❌'} {name}" for name, made in points.items()]
    target = round(script.target.total_seconds())
    shown = ", ".join(f"{round(wait)} s" for wait in waits) or "-"
    return "\n".join(
        [
            desk.staff("staff.drill.score", title=script.title, score=drill.score),
            desk.staff("staff.drill.waits", waits=shown, target=target),
            *checks,
            "",
            desk.staff("staff.drill.model"),
            script.model,
        ]
    )


async def stop(session: AsyncSession, desk: Desk, ticket: Ticket, now: datetime) -> bool:
    """End it now, with what was answered until here. False when none runs in the topic."""
    drill = await _running(session, ticket)
    script = scripts.of(desk.drills, drill.scenario, drill.language) if drill else None
    if drill is None or script is None:
        return False
    waiting = sa.update(_OUTBOX).where(_OUTBOX.c.ticket_id == ticket.id, _OUTBOX.c.purpose == PURPOSE)
    gone = {"status": "skipped", "skip_reason": "ended", "due_at": None, "settled_at": now}
    await session.execute(waiting.where(_OUTBOX.c.due_at.is_not(None)).values(**gone))
    await end(session, desk, drill, ticket, script, now)
    return True


async def _drill(session: AsyncSession, said: typed.Typed) -> str | None:
    """`/drill` lists them, `/drill NAME` starts one, `/drill stop` ends it, `/drill scores` shows how it went."""
    desk, word = said.desk, said.words.strip().lower()
    if word in ("stop", "end"):
        done = said.ticket is not None and await stop(session, desk, said.ticket, said.now)
        return None if done else desk.staff("staff.drill.none")
    if word == "scores":
        return await _scores(session, desk)
    script = scripts.of(desk.drills, word, said.staff.language or desk.staff_language) if word else None
    if script is None:
        return _list(desk, said.staff)
    if await _busy(session, said.staff):
        return desk.staff("staff.drill.running")
    _, ticket = await start(session, desk, said.staff, script, said.now)
    return desk.staff("staff.drill.started", number=ticket.number, title=script.title)


async def _busy(session: AsyncSession, staff: StaffMember) -> bool:
    """One at a time: whoever practises twice at once learns to be slow."""
    running = select(Drill.id).where(Drill.staff_id == staff.id, col(Drill.ended_at).is_(None))
    return await session.scalar(running.limit(1)) is not None


def _list(desk: Desk, staff: StaffMember) -> str:
    language = staff.language or desk.staff_language
    found = [scripts.of(desk.drills, name, language) for name in scripts.names(desk.drills)]
    rows = [f"/drill {one.name} - {one.title}" for one in found if one]
    return "\n".join([desk.staff("staff.drill.list"), *rows])


async def _scores(session: AsyncSession, desk: Desk) -> str:
    """By colleague: how many, the mean of all and the last one."""
    asked = (
        select(StaffMember.name, Drill.score)
        .join(StaffMember, col(StaffMember.id) == col(Drill.staff_id))
        .where(col(Drill.score).is_not(None))
        .order_by(col(Drill.id))
    )
    by: dict[str, list[int]] = {}
    for name, score in (await session.execute(asked)).all():
        by.setdefault(name, []).append(score or 0)
    if not by:
        return desk.staff("staff.drill.no_scores")
    return "\n".join(
        desk.staff("staff.drill.row", who=name, n=len(all_), mean=round(sum(all_) / len(all_)), last=all_[-1])
        for name, all_ in sorted(by.items())
    )


COMMANDS = (typed.Command("drill", _drill, where="anywhere"),)
