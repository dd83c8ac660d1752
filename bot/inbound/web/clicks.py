"""Who followed a link: each visit is kept, and labelled when it looks like a machine.

Time since sending tells nothing: scanners come a median of 43 s after the mail. What gives them away is that they
follow several links at once, or the hidden one. Nothing is deleted: a label can be judged again.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.outbound.email.tracking import CANARY
from bot.tables.automations import Click
from bot.tables.outbox import Message

HUMAN = "human"
_BURST_LINKS, _BURST = 3, timedelta(seconds=2)
_CANARY_REACH = timedelta(minutes=1)  # the scanner that took the hidden link took the others about then
# Gmail fetches ahead with this one; the browser never was (SparkPost, Mautic PR #10245).
_PREFETCH = "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246"
_MACHINES = re.compile(
    r"bot\b|crawl|spider|scan|preview|proxy|prefetch|monitor|barracuda|mimecast|proofpoint|safelinks|python|curl|wget|"
    r"java/|go-http|okhttp|httpclient|headless|facebookexternalhit|slurp",
    re.I,
)
_clicks = table(Click)
_messages = table(Message)


def label(headers: Mapping[str, str]) -> str:
    """`human`, `prefetch` or `robot`, by what the visitor says of itself. Header names in lower case."""
    agent = headers.get("user-agent", "")
    ahead = " ".join(headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    if _PREFETCH in agent or "prefetch" in ahead or "preview" in ahead:
        return "prefetch"
    return "robot" if agent in ("", "Mozilla/5.0") or _MACHINES.search(agent) else HUMAN


async def record(
    session: AsyncSession, message: Mapping[str, Any], link: int, url: str, seen_as: str, now: datetime
) -> None:
    """Keep the visit; if it completes a burst or is the hidden link, its neighbours were no human either."""
    # Visits of one message queue here, or two links of a burst opened at once would not see each other.
    await session.execute(sa.select(_messages.c.id).where(_messages.c.id == message["id"]).with_for_update())
    values = {"message_id": message["id"], "contact_id": message["contact_id"], "link": link, "url": url, "at": now}
    await session.execute(sa.insert(_clicks).values(**values, label="canary" if link == CANARY else seen_as))
    mine = _clicks.c.message_id == message["id"]
    if link == CANARY:
        await _relabel(session, mine, now - _CANARY_REACH, "canary")
        return
    near = mine & (_clicks.c.at >= now - _BURST)
    many = await session.scalar(sa.select(sa.func.count(sa.distinct(_clicks.c.link))).where(near))
    caught = await session.scalar(
        sa.select(_clicks.c.id).where(mine, _clicks.c.link == CANARY, _clicks.c.at >= now - _CANARY_REACH).limit(1)
    )
    if caught is not None:
        await _relabel(session, mine, now - _CANARY_REACH, "canary")
    elif (many or 0) >= _BURST_LINKS:
        await _relabel(session, mine, now - _BURST, "burst")


async def _relabel(session: AsyncSession, mine: sa.ColumnElement[bool], since: datetime, label: str) -> None:
    changed = sa.update(_clicks).where(mine, _clicks.c.at >= since, _clicks.c.label == HUMAN)
    await session.execute(changed.values(label=label))
