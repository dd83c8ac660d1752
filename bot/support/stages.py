"""How the desk's messages are looked at before they leave, and what happens when they arrived or did not."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.database import table
from bot.outbound.outbox import Defer, Outcome, Send, Skip, Stage
from bot.support import by_mail, into_topics, lines, post
from bot.support.desk import Desk
from bot.support.escalation import group_alarm, leads, paging
from bot.support.feedback import questions, ratings, telling
from bot.support.newcomers import notice
from bot.support.privacy import exporting
from bot.support.self_service import codes
from bot.support.sla import clocks as sla
from bot.support.staff_room import drafts, registry
from bot.support.tickets import changes, floods, mirrors, relay, statuses, unsent
from bot.support.training import drills
from bot.tables.outbox import Message
from bot.tables.support import SlaTimer, Ticket, TicketMessage

_OUTBOX = table(Message)
_OURS = (
    "timer_id",
    "trouble",
    "calls",
    "later",
    "said_id",
    "unsent",
)  # what a notice carries for us, not for the sender
Row = Mapping[str, Any]


def stages(desk: Desk) -> dict[str, Stage]:
    """The stage of each purpose of the desk."""
    to_customer = ToCustomer(desk)
    return {
        "answer": Answers(desk),
        "auto_answer": to_customer,
        "rating": Questions(desk),
        telling.PURPOSE: Told(desk),
        "relay": into_topics.Relays(desk),
        "card": into_topics.Cards(desk),
        "notice": Notices(desk),
        changes.PURPOSE: Changes(desk),
        "code": codes.Codes(),
        exporting.PURPOSE: exporting.Exports(desk),
        drills.PURPOSE: drills.Turns(desk),
        floods.PURPOSE: floods.Notices(desk),
        **{notice.purpose(danger=one): notice.Notices(desk, danger=one) for one in (False, True)},
    }


class ToCustomer:
    """Words of the bot: when they arrived is kept, whoever blocked us is remembered.

    By mail two machines could answer each other for ever: one of them stops after a few in an hour.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        mails = [row for row in rows if row["channel"] == by_mail.CHANNEL and row["purpose"] == by_mail.AUTOMATIC]
        return {row["id"]: Skip("too_many") for row in mails if await self._is_one_too_many(session, row, now)}

    async def _is_one_too_many(self, session: AsyncSession, row: Row, now: datetime) -> bool:
        if not await by_mail.takes_answer(session, row["payload"]):
            return True
        most, proven_by = self.desk.ground.config.mailbox.answers_per_hour, row["payload"].get("proven", "")
        return await by_mail.automatic_lately(session, row["contact_id"], proven_by, now, before=row["id"]) >= most

    async def settled(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        if outcome.receipt is not None and row["said_id"]:
            await mirrors.keep(session, row, outcome.receipt)
            at = outcome.receipt.accepted_at
            await lines.accepted(session, row["said_id"], at)
            if row["purpose"] == "auto_answer" and (ticket := await _held(session, row)) is not None:
                data = {"said": row["said_id"]}
                await sla.happened(session, self.desk, ticket, "bot", "auto_answered", outcome.at, at=at, **data)
        if outcome.status == "failed":
            await _remember(session, row, outcome)


async def _held(session: AsyncSession, row: Row) -> Ticket | None:
    """The ticket of a message, held until the end of the transaction: the one that has its line now."""
    moved = sa.select(table(TicketMessage).c.ticket_id).where(table(TicketMessage).c.id == row["said_id"])
    ticket_id = (await session.scalar(moved) if row["said_id"] else None) or row["ticket_id"]
    if not ticket_id:
        return None
    return await session.get(Ticket, ticket_id, with_for_update=True, populate_existing=True)


async def _remember(session: AsyncSession, row: Row, outcome: Outcome) -> None:
    kind = post.ADDRESS_KIND.get(row["channel"])
    if kind and outcome.reason in sla.UNREACHABLE:
        address = str(row["receiver"]).partition(":")[2].partition("#")[0]
        await contacts.mark_unreachable(session, kind, address, outcome.reason, outcome.at)


class Questions(ToCustomer):
    """How was it, is it fixed: not put any more when the ticket was taken up again, or they answered."""

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: self._by_mail(row, await questions.look(session, row, now)) for row in rows}

    def _by_mail(self, row: Row, word: Send | Skip) -> Send | Skip:
        """A mail has no buttons: the stars are on a page, anything else is answered in words."""
        if row["channel"] != by_mail.CHANNEL or not isinstance(word, Send):
            return word
        rating = (row["payload"].get("asks") or {}).get("rating")
        below = [ratings.link(self.desk, rating)] if rating else []
        content = {name: value for name, value in word.payload.items() if name != "buttons"}
        return Send({**content, "text": "\n\n".join([str(content["text"]), *below])}, word.values, word.riders)


class Told(ToCustomer):
    """What became of a wish: looked at again right before it leaves, and each customer told once."""

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await telling.look(session, self.desk, row, now) for row in rows}

    async def settled(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        await super().settled(session, row, outcome)
        await telling.settled(session, row, outcome)


class Answers(ToCustomer):
    """Answers of staff: acceptance by the channel decides the clock, a refusal is told in the topic."""

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await relay.leaving(session, self.desk, row, now) for row in rows}

    async def settled(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        await super().settled(session, row, outcome)
        ticket = await _held(session, row)
        line = await session.get(TicketMessage, row["said_id"]) if row["said_id"] else None
        if ticket is None or line is None or ticket.id is None:
            return
        if outcome.receipt is not None:
            await self._arrived(session, ticket, line, outcome.receipt.accepted_at, outcome.at)
        elif outcome.status == "failed":
            data: dict[str, Any] = {"said": line.id, "why": outcome.reason, "agent_at": line.at.isoformat()}
            await sla.happened(session, self.desk, ticket, "bot", "not_delivered", outcome.at, **data)
            await relay.not_delivered(session, self.desk, ticket, line, outcome.reason, outcome.at)

    async def _arrived(
        self, session: AsyncSession, ticket: Ticket, line: TicketMessage, accepted_at: datetime, now: datetime
    ) -> None:
        by, first = f"staff:{line.staff_id}", ticket.answered_at is None
        data: dict[str, Any] = {"said": line.id, "agent_at": line.at.isoformat(), "staff": line.staff_id}
        await sla.happened(session, self.desk, ticket, by, "answered", now, at=accepted_at, **data)
        turned = await statuses.answered(session, self.desk, ticket, by, accepted_at, now)
        await relay.acknowledge(session, self.desk, ticket, line, now)
        if first and not turned:
            await post.card(session, ticket, f"answered:{line.id}", now)
        await drafts.arrived(session, self.desk, line, registry.run, now)
        if ticket.kind == "drill":
            await drills.answered(session, self.desk, ticket, now)


class Changes:
    """What was said changed: edited, taken back, reacted to."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await changes.look(session, self.desk, row, now) for row in rows}

    async def settled(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        await changes.settled(session, self.desk, row, outcome)


class Notices:
    """Words to staff: a warning of a clock that was settled, or an undo that came too late, is not said any more."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Row], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        words: dict[int, Send | Skip | Defer] = {}
        for row in rows:
            payload = row["payload"]
            if await self._pointless(session, row["key"], payload):
                words[row["id"]] = Skip("settled")
            elif any(name in payload for name in _OURS):
                words[row["id"]] = Send(await self._content(session, payload))
        return words

    async def _content(self, session: AsyncSession, payload: Row) -> Row:
        """What the sender gets. Nobody is called any more about a promise that was settled meanwhile."""
        content = {key: value for key, value in payload.items() if key not in _OURS}
        if calls := payload.get("calls"):
            timer = await session.get(SlaTimer, payload["timer_id"])
            if timer is not None and timer.settled_at is None:
                content["text"] = f"{content['text']}\n{calls}"
        return content

    async def _pointless(self, session: AsyncSession, key: str, payload: Row) -> bool:
        if timer_id := payload.get("timer_id"):
            timer = await session.get(SlaTimer, timer_id, populate_existing=True)
            if timer is None:
                return True
            if payload.get("later") or key.startswith(paging.KEY):
                return timer.settled_at is not None
            if ":warning:" not in key:
                return timer.state != "breached"  # that a promise was missed is said even when the answer came since
            return timer.state != "running" or timer.answered_at is not None
        if (trouble := payload.get("trouble")) is not None:  # it changed since: what is true now is told behind it
            known = await group_alarm.in_trouble(session)
            return any(known.get(group) != names for group, names in trouble.items())
        if line_id := payload.get("unsent"):
            return not await unsent.still_unsent(session, line_id)
        if said_id := payload.get("said_id"):
            waiting = sa.select(_OUTBOX.c.due_at).where(_OUTBOX.c.key == f"answer:{said_id}")
            return await session.scalar(waiting) is None
        return False

    async def settled(self, session: AsyncSession, row: Row, outcome: Outcome) -> None:
        """Nobody waits for a notice; but somebody must hear what a lead was to be told."""
        if outcome.status != "failed" or row["channel"] != "telegram":
            return
        await _remember(session, row, outcome)
        await leads.refused(session, self.desk, row, outcome.at)
        ticket = await session.get(Ticket, row["ticket_id"]) if row["ticket_id"] else None
        if ticket is not None and str(row["key"]).startswith(paging.KEY):
            await paging.refused(session, self.desk, ticket, row["payload"], row["key"], outcome.at)
