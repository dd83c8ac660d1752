"""Whether something reached us that is not applied yet: nobody is written to on facts that it may change.

All that the shop, people and we ourselves said is waited for. What pages said only of its own browser: anybody can make
a page say as much as they like, and that must not hold the mail of others.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.contacts.claims import BROWSER
from bot.tables.events import Event, WebhookDelivery, is_of_a_page, is_of_others
from bot.tables.people import Identity

_UP_TO_DATE = timedelta(seconds=2)
_events, _webhooks, _known = table(Event), table(WebhookDelivery), table(Identity)


async def is_behind(session: AsyncSession, now: datetime) -> bool:
    """Whether anything but words of pages waits longer than a moment, as after a time when only the web ran.

    An order may be among it that nobody here knows of.
    """
    late = now - _UP_TO_DATE
    words = (
        sa.select(_events.c.id)
        .where(_events.c.due_at <= late, _events.c.status == "new", is_of_others(_events))
        .limit(1)
    )
    webhooks = sa.select(_webhooks.c.id).where(_webhooks.c.due_at <= late).limit(1)
    return await session.scalar(words) is not None or await session.scalar(webhooks) is not None


async def pages_wait(
    session: AsyncSession, contact_ids: Collection[int], now: datetime, *, since: datetime | None = None
) -> set[int]:
    """Those of these people of whose browsers a page told something (after `since`) that waits."""
    if not contact_ids:
        return set()
    words = [
        is_of_a_page(_events),
        _events.c.due_at <= now - _UP_TO_DATE,
        _events.c.browser == _known.c.value,
    ]
    if since is not None:
        words.append(_events.c.received_at > since)
    told = sa.select(_known.c.contact_id).distinct().where(
        _known.c.contact_id.in_(sorted(contact_ids)), _known.c.kind.in_(BROWSER),
        sa.exists().where(*words).correlate(_known),
    )  # fmt: skip
    return set((await session.scalars(told)).all())
