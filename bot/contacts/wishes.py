"""What stands on the improvement board of somebody who is forgotten: their words go, their vote stays."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.contacts.belonging import Person
from bot.contacts.mentions import parts
from bot.tables.feedback import Improvement, ImprovementEvent, Voice
from bot.tables.support import MessageRevision, TicketMessage

LONGEST_TITLE = 200

_cards, _voices = table(Improvement), table(Voice)
_events, _lines = table(ImprovementEvent), table(TicketMessage)
_revisions = table(MessageRevision)


def title(words: str) -> str:
    """The title of a card that was made from these words."""
    text = " ".join(words.split())
    return text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1] + "…"


async def forget_titles(session: AsyncSession, who: Person, _now: datetime) -> None:
    """Cards whose title repeats what they said count as theirs, whoever typed it; an earlier title too."""
    mine = _lines.c.contact_id.in_(who.contacts), _lines.c.author == "customer"
    now = sa.select(_lines.c.text).where(*mine)
    before = sa.select(_revisions.c.text).join(_lines, _lines.c.id == _revisions.c.said_id).where(*mine)
    titles = {title(text) for query in (now, before) for text in await session.scalars(query) if text.strip()}
    for part in parts(sorted(titles)):
        same = sa.update(_cards).where(_cards.c.title.in_(part))
        await session.execute(same.values(words_of=who.contacts[0]))
    theirs = sa.select(_voices.c.improvement_id).where(_voices.c.contact_id.in_(who.contacts))
    renamed = sa.select(_events.c.id, _events.c.data).where(
        _events.c.name == "title", _events.c.improvement_id.in_(theirs)
    )
    again = [event_id for event_id, data in (await session.execute(renamed)).all() if data.get("old") in titles]
    await _are_theirs(session, again, who.contacts[0])


async def _are_theirs(session: AsyncSession, events: Sequence[int], contact_id: int) -> None:
    await session.execute(sa.update(_events).where(_events.c.id.in_(events)).values(words_of=contact_id))


async def tell_no_more(session: AsyncSession, who: Person, _now: datetime) -> None:
    waiting = sa.update(_voices).where(_voices.c.contact_id.in_(who.contacts), _voices.c.told == "queued")
    await session.execute(waiting.values(told="refused", why="erased"))


async def join_voices(session: AsyncSession, keep_id: int, gone_id: int, _now: datetime) -> None:
    """Who asked for the same improvement twice asked once; who was told of it is not told again."""
    mine = {row["improvement_id"]: dict(row) for row in await _voices_of(session, keep_id)}
    for row in await _voices_of(session, gone_id):
        known = mine.get(row["improvement_id"])
        if known is None:
            continue
        on_its_way = row["told"] in ("queued", "told", "unknown") and known["told"] in ("", "refused")
        second = known if on_its_way else row
        await session.execute(sa.delete(_voices).where(_voices.c.id == second["id"]))


async def _voices_of(session: AsyncSession, contact_id: int) -> Sequence[sa.RowMapping]:
    return (await session.execute(sa.select(_voices).where(_voices.c.contact_id == contact_id))).mappings().all()
