"""What a bounce or a complaint changes: the message, the address that it went to, the event that flows hear of.

Only the address of that very message is ever suppressed: its person may have another one by now.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts, events
from bot.base import logs
from bot.base.database import table
from bot.contacts import EVERY_TOPIC
from bot.events import NewEvent
from bot.inbound.mailbox import our_messages
from bot.inbound.mailbox.reports import Bounce, address_of
from bot.inbound.web.unsubscribe import Subject
from bot.outbound.outbox import Outcome
from bot.support.desk import Desk
from bot.support.stages import stages
from bot.tables.outbox import Message

log = logs.get(__name__)

REASONS = {"hard": "hard_bounce", "policy": "policy_bounce", "soft": "soft_bounce"}
SOFT_REST = timedelta(days=90)
SOFT_OF, SOFT_MOST = 5, 3
"""So many of so many sends bounced for the moment only: the address rests."""

_ROWS = table(Message)
_KNOWN = ("sent", "unknown", "failed")


async def bounced(
    session: AsyncSession, desk: Desk, row: Mapping[str, Any], bounce: Bounce, at: datetime, now: datetime
) -> None:
    """The message did not arrive. Told again it changes nothing."""
    reason = REASONS[bounce.verdict]
    await _failed(session, row, reason, bounce, now)
    address = address_of(str(row["receiver"]))
    if address is not None:
        await _suppress(session, desk, row, address, reason, now)
    if bounce.verdict == "policy":
        # Not the address' fault: a block list, a full mailbox, our reputation. Somebody should look.
        log.warning("mail was refused by policy", message_id=row["id"], status=bounce.status, reason=bounce.words)
    said = {"bounce": bounce.verdict, "status": bounce.status}
    if await _tell(session, row, "Email Bounced", said, at, now):
        await _tell_desk(session, desk, row, bounce, now)


async def _failed(session: AsyncSession, row: Mapping[str, Any], reason: str, bounce: Bounce, now: datetime) -> None:
    """One that is still on its way (its answer was lost, it is tried again) stays: its own end is to come."""
    ended = sa.update(_ROWS).where(_ROWS.c.id == row["id"], _ROWS.c.status.in_(_KNOWN))
    words = logs.clean(f"{bounce.status} {bounce.words}".strip())[:500]
    await session.execute(ended.values(status="failed", skip_reason=reason, error=words or None, settled_at=now))


async def _suppress(
    session: AsyncSession, desk: Desk, row: Mapping[str, Any], address: str, reason: str, now: datetime
) -> None:
    secret = desk.ground.secret
    if reason == "hard_bounce":
        await contacts.suppress(session, secret, "email", address, reason, now)
        await contacts.mark_unreachable(session, "email", address, reason, now)
    elif reason == "soft_bounce" and await _soft_of_the_last(session, row, address) >= SOFT_MOST:
        until = now + SOFT_REST
        await contacts.suppress(session, secret, "email", address, reason, now, topic=EVERY_TOPIC, until=until)


async def _soft_of_the_last(session: AsyncSession, row: Mapping[str, Any], address: str) -> int:
    """How many of the last mails that left for this address bounced for the moment."""
    whose = _ROWS.c.contact_id == row["contact_id"] if row["contact_id"] else _ROWS.c.contact_id.is_(None)
    last = sa.select(_ROWS.c.skip_reason).where(
        whose,
        _ROWS.c.channel == our_messages.CHANNEL,
        sa.or_(_ROWS.c.receiver == address, _ROWS.c.receiver.like(f"email:{address}%")),
        _ROWS.c.status.in_(_KNOWN),
        sa.or_(_ROWS.c.status != "failed", _ROWS.c.skip_reason.in_(REASONS.values())),
    )
    newest = await session.scalars(last.order_by(_ROWS.c.planned_at.desc(), _ROWS.c.id.desc()).limit(SOFT_OF))
    return sum(reason == "soft_bounce" for reason in newest)


async def _tell_desk(session: AsyncSession, desk: Desk, row: Mapping[str, Any], bounce: Bounce, now: datetime) -> None:
    """An answer of staff that came back counts as none, and its topic says so."""
    stage = stages(desk).get(row["purpose"])
    if stage is not None and row["purpose"] != "marketing":
        reason = "bad_address" if bounce.verdict == "hard" else "rejected"
        await stage.settled(session, row, Outcome("failed", now, reason))


async def complained(session: AsyncSession, desk: Desk, row: Mapping[str, Any], at: datetime, now: datetime) -> None:
    """Somebody called it spam: no marketing of any kind to that address again, unless people lift it by hand."""
    await our_messages.has_arrived(session, row, now)
    address = address_of(str(row["receiver"]))
    secret = desk.ground.secret
    if address is not None:
        await contacts.suppress(session, secret, "email", address, "complaint", now, topic=EVERY_TOPIC)
    if await _tell(session, row, "Email Marked As Spam", {}, at, now) and address is not None:
        topic = Subject.of(row).topic
        await contacts.withdraw(session, secret, row["contact_id"], "email", address, topic, "complaint", now)


async def _tell(
    session: AsyncSession, row: Mapping[str, Any], name: str, more: Mapping[str, Any], at: datetime, now: datetime
) -> bool:
    """The event, once for each message. False when it was told before."""
    what = {"channel": "email", "purpose": row["purpose"], **more}
    what |= {key: row[column] for key, column in (("flow", "flow"), ("step", "step_id"), ("template", "template"))
             if row[column]}  # fmt: skip
    key = f"{name.lower()}:{row['id']}"
    event = NewEvent(
        "aftercart", key, "track", name, min(at, now), now, {"properties": what}, row["contact_id"], rank="shop"
    )
    return await events.record(session, event) is not None
