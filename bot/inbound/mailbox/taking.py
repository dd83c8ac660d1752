"""Stored mails, each taken for what it is in a transaction of its own; one that fails comes again later, or stays."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due, logs, work
from bot.base.database import Database, table
from bot.events.choices import How
from bot.inbound.mailbox import bounces, our_messages, parsing, people, understanding
from bot.inbound.mailbox.kinds import Found
from bot.inbound.mailbox.store import KIND
from bot.inbound.mailbox.understanding import Understood
from bot.inbound.web import unsubscribe
from bot.support.desk import Desk
from bot.tables.mail import ReceivedMail

log = logs.get(__name__)

_GIVE_UP = 10
_BATCH = 5  # a mail may be large, and is in memory while it is looked at
_ROWS = table(ReceivedMail)
_CLAIM = due.Claim(_ROWS, _BATCH, lease=timedelta(minutes=5))
_QUIET = frozenset({"automatic", "own", "spam", "delayed"})


class Taking:
    """Works off `ReceivedMail` rows."""

    def __init__(self, database: Database, desk: Desk, worker: int, now: Callable[[], datetime] = clock.now) -> None:
        self.database = database
        self.desk = desk
        self.worker = worker
        self.now = now

    def kind(self) -> work.Kind:
        async def next_due() -> datetime | None:
            async with self.database.reading() as session:
                return await due.next_due(session, _ROWS)

        return work.Kind(KIND, self.take_due, next_due)

    async def take_due(self) -> int:
        """Work off one batch. Returns how many mails were taken."""
        async with self.database.transaction() as session:
            rows = await due.claim(session, _CLAIM, self.worker, self.now())
        for row in sorted(rows, key=itemgetter("id")):
            await self._one(row, self.now())
        return len(rows)

    async def _one(self, row: Mapping[str, Any], now: datetime) -> None:
        try:
            if row["attempts"] > _GIVE_UP:  # whoever took it died of it, each time
                raise parsing.Unreadable("it was tried too often")
            understood = await understanding.understand(row["raw"], self.desk.ground)
            async with self.database.transaction() as session:
                taken = await self._taken(session, row, understood, now)
                await _end(session, row, {"error": None, "due_at": None, **taken})
            return
        except parsing.Unreadable as error:  # it will be no better the next time
            failed, why = True, str(error)
            log.warning("a mail is left for people to look at", mail_id=row["id"], reason=why)
        except Exception as error:  # one mail never stops the others
            failed, why = row["attempts"] >= _GIVE_UP, f"{type(error).__name__}: {error}"
            log.exception("a mail could not be taken", mail_id=row["id"], attempts=row["attempts"])
        async with self.database.transaction() as session:
            values = {
                "status": "failed" if failed else "new",
                "error": logs.clean(why)[:500],
                "due_at": None if failed else due.later(row["attempts"], now),
            }
            await _end(session, row, values)

    async def _taken(
        self, session: AsyncSession, row: Mapping[str, Any], understood: Understood, now: datetime
    ) -> dict[str, Any]:
        """Do what the mail asks for. Returns the columns of its row."""
        mail, found = understood.mail, understood.found
        told: dict[str, Any] = {
            "kind": found.kind, "sender": mail.sender, "subject": mail.subject, "thread": list(mail.thread),
            "status": "done",
        }  # fmt: skip
        if found.kind in ("person", "no_reply"):
            return {**told, **await people.wrote(session, self.desk, row["id"], _moment(row), understood, now)}
        about_id = found.about_id
        if about_id is None and found.kind == "automatic":
            about_id = our_messages.answered(mail.to, mail.thread, self.desk.ground.secret)
        about = await our_messages.get(session, about_id)
        if about is not None:
            told |= {"about_id": about["id"], "contact_id": about["contact_id"], "rank": "person"}
            await self._reported(session, row, found, about, now)
        elif found.kind not in _QUIET:
            # Not ours, or so changed on its way that nothing signed by us is left: kept for people to look at.
            log.warning("a report is about no message of ours", mail_id=row["id"], kind=found.kind)
            return {**told, "status": "failed", "error": "about no message of ours"}
        return {**told, "status": "ignored", "error": found.why or None} if found.kind in _QUIET else told

    async def _reported(
        self, session: AsyncSession, row: Mapping[str, Any], found: Found, about: Mapping[str, Any], now: datetime
    ) -> None:
        if found.kind == "complaint":
            await bounces.complained(session, self.desk, about, row["received_at"], now)
        elif found.kind == "bounce" and found.bounce is not None:
            await bounces.bounced(session, self.desk, about, found.bounce, row["received_at"], now)
        elif found.kind == "unsubscribe":
            subject = unsubscribe.Subject.of(about)
            await unsubscribe.leave(session, self.desk.ground, subject, How("unsubscribe_mail"), now)
            await our_messages.has_arrived(session, about, now)
        elif found.kind == "delivered" or (found.kind == "automatic" and found.about_id is None):
            # Somebody has it, or answers by a machine; whatever else mail servers report proves no arrival.
            await our_messages.has_arrived(session, about, now)


def _moment(row: Mapping[str, Any]) -> people.Moment:
    return people.Moment(row["received_at"], row["stored_at"], row["cut"], row["size"])


async def _end(session: AsyncSession, row: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    done = sa.update(_ROWS).where(_ROWS.c.id == row["id"])
    await session.execute(done.values(lease_until=None, lease_by=None, **values))
