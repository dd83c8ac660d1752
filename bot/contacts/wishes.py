"""What stands on the improvement board of somebody who is forgotten: their words go, their vote stays."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.tables.feedback import Improvement, ImprovementEvent, Voice
from bot.tables.support import TicketMessage

LONGEST_TITLE = 200
_GONE = "…"
_AT_ONCE = 500

_cards, _voices = table(Improvement), table(Voice)
_events, _lines = table(ImprovementEvent), table(TicketMessage)


def title(words: str) -> str:
    """The title of a card that was made from these words."""
    text = " ".join(words.split())
    return text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 1] + "…"


async def forget(session: AsyncSession, people: Sequence[int]) -> None:
    """Call it while what they said still stands there: a card that says the same loses its title, also an earlier one.

    What was about to be told to them is refused.
    """
    said = sa.select(_lines.c.text).where(_lines.c.contact_id.in_(people), _lines.c.author == "customer")
    titles = {title(text) for text in await session.scalars(said) if text.strip()}
    for part in _parts(sorted(titles)):
        await session.execute(sa.update(_cards).where(_cards.c.title.in_(part)).values(title=_GONE))
    theirs = sa.select(_voices.c.improvement_id).where(_voices.c.contact_id.in_(people))
    renamed = sa.select(_events.c.id, _events.c.data).where(
        _events.c.name == "title", _events.c.improvement_id.in_(theirs)
    )
    for event_id, data in (await session.execute(renamed)).all():
        if data.get("old") in titles:
            await session.execute(sa.update(_events).where(_events.c.id == event_id).values(data={}))
    waiting = sa.update(_voices).where(_voices.c.contact_id.in_(people), _voices.c.told == "queued")
    await session.execute(waiting.values(told="refused", why="erased"))


def _parts(titles: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(titles), _AT_ONCE):
        yield titles[start : start + _AT_ONCE]
