"""The improvement board: cards with the voices of customers, merged with their like, moved until they are done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from rapidfuzz import fuzz
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.contacts import wishes
from bot.support.answers import ranking
from bot.tables.feedback import Improvement, ImprovementEvent, Voice

STATUSES = ("noted", "planned", "in_progress", "shipped", "declined")
ENDS = ("shipped", "declined")
"""What customers are told of."""
KINDS = ("suggestion", "complaint")

_CARDS = table(Improvement)
_VOICES = table(Voice)
_ALIKE = 62.0  # of 100; below it staff would be shown cards that share a word or two
_LIKE_AT_MOST = 3
_COMPARED = 2000  # the newest
_EMPTY_WORDS = (
    "a an the and or of for to in on at with is are be it this that your you we i my me us our please could can would "
    "should will do does have has had like want wish need more some any also just so very really there"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_VOICE = ("contact_id", "said_id", "ticket_id", "channel", "language", "told", "why")


@dataclass(frozen=True)
class Said:
    """Who asked for it where: the voice behind a card. `said_id` is the customer's own line, if there is one."""

    contact_id: int
    channel: str
    language: str
    said_id: int | None = None
    ticket_id: int | None = None


async def put_up(
    session: AsyncSession,
    kind: str,
    department: str,
    words: str,
    by: str,
    now: datetime,
    words_of: int | None = None,
) -> Improvement:
    """A new card; `words_of` is the contact whose words these are, or about whom.

    The next number is taken by whoever commits it first; the other looks again.
    """
    assert kind in KINDS
    highest = sa.select(sa.func.coalesce(sa.func.max(_CARDS.c.number), 0) + 1).scalar_subquery()
    row = insert(session, _CARDS).values(
        number=highest, kind=kind, department=department, status="noted", note="", outcome={}, made_by=by, made_at=now,
        changed_at=now, title=wishes.title(words), words_of=words_of,
    )  # fmt: skip
    made = None
    while made is None:
        made = await session.scalar(row.on_conflict_do_nothing().returning(_CARDS.c.id))
    card = await session.get_one(Improvement, made)
    await wrote(session, card, by, "noted", now)
    return card


async def raise_voice(session: AsyncSession, card: Improvement, said: Said, by: str, now: datetime) -> bool:
    """The customer wants it too. False when they said so before."""
    row = insert(session, _VOICES).values(
        improvement_id=card.id, contact_id=said.contact_id, said_id=said.said_id, ticket_id=said.ticket_id,
        channel=said.channel, language=said.language, asked_at=now, told="", why="",
    )  # fmt: skip
    made = await session.scalar(row.on_conflict_do_nothing().returning(_VOICES.c.id))
    if made is not None:
        await wrote(session, card, by, "voice", now, contact=said.contact_id)
    return made is not None


async def like(session: AsyncSession, card: Improvement) -> list[Improvement]:
    """Up to three other cards that seem to ask for the same, the likest first."""
    others = select(Improvement).where(Improvement.id != card.id, col(Improvement.merged_into).is_(None))
    newest = await session.scalars(others.order_by(col(Improvement.id).desc()).limit(_COMPARED))
    scored = [(alike(card.title, other.title), other) for other in newest]
    scored = [pair for pair in scored if pair[0] >= _ALIKE]
    return [other for _, other in sorted(scored, key=lambda pair: (-pair[0], pair[1].number))[:_LIKE_AT_MOST]]


def alike(one: str, other: str) -> float:
    """0 to 100. Word order counts little; one that holds all words of a much shorter one is not yet the same."""
    first, second = _compared(one), _compared(other)
    if not first or not second:
        return 0.0
    return 0.5 * fuzz.token_set_ratio(first, second) + 0.5 * fuzz.token_sort_ratio(first, second)


def _compared(text: str) -> str:
    """Words without polite openings and without what every wish has; Chinese as single characters."""
    words: list[str] = []
    for token in ranking.tokens(ranking.bare(ranking.normalise(text))):
        if ranking.is_cjk(token):
            words += [sign for sign in token if sign not in "的了吗呢吧啊请能不可以希望有个"]
        elif token not in _EMPTY:
            words.append(token.rstrip("s") if len(token) > 3 else token)
    return " ".join(words)


async def find(session: AsyncSession, number: int, *, hold: bool = False) -> Improvement | None:
    """The card of that number as it is now."""
    query = select(Improvement).where(Improvement.number == number).execution_options(populate_existing=True)
    return (await session.scalars(query.with_for_update() if hold else query)).first()


async def held(session: AsyncSession, card_id: int) -> Improvement | None:
    return await session.get(Improvement, card_id, with_for_update=True, populate_existing=True)


async def voices(session: AsyncSession, card: Improvement) -> list[Voice]:
    mine = select(Voice).where(Voice.improvement_id == card.id).order_by(col(Voice.asked_at), col(Voice.id))
    return list(await session.scalars(mine.execution_options(populate_existing=True)))


async def listed(
    session: AsyncSession, department: str = "", statuses: Sequence[str] = ("noted", "planned", "in_progress")
) -> list[tuple[Improvement, int]]:
    """Cards with their number of voices, the most wanted first."""
    votes = sa.select(sa.func.count()).where(_VOICES.c.improvement_id == _CARDS.c.id).scalar_subquery()
    cards = select(Improvement, votes.label("votes")).where(
        col(Improvement.merged_into).is_(None), col(Improvement.status).in_(statuses)
    )
    if department:
        cards = cards.where(Improvement.department == department)
    found = await session.execute(cards.order_by(sa.desc("votes"), col(Improvement.number)))
    return [(card, int(count)) for card, count in found.all()]


async def move(session: AsyncSession, card: Improvement, status: str, by: str, now: datetime) -> bool:
    """False when it is there already, or has gone into another card."""
    if status not in STATUSES or card.status == status or card.merged_into is not None:
        return False
    old, card.status, card.changed_at = card.status, status, now
    await wrote(session, card, by, "moved", now, old=old, new=status)
    return True


async def note(session: AsyncSession, card: Improvement, words: str, by: str, now: datetime) -> None:
    """Words among staff; they stand on the card and nowhere else."""
    card.note, card.changed_at = "\n".join(part for part in (card.note, words.strip()) if part), now
    await wrote(session, card, by, "note", now)


async def join(session: AsyncSession, card: Improvement, into: Improvement, by: str, now: datetime) -> bool:
    """All voices of `card` go to `into`, each customer once. `part` takes it back. False when they cannot be joined."""
    if card.id == into.id or card.merged_into is not None or into.merged_into is not None:
        return False
    theirs = {voice.contact_id: voice for voice in await voices(session, into)}
    moved: list[int | None] = []
    twice: list[dict[str, Any]] = []
    for voice in await voices(session, card):
        known = theirs.get(voice.contact_id)
        if known is None:
            voice.improvement_id = into.id or 0
            moved.append(voice.id)
            continue
        twice.append({name: getattr(voice, name) for name in _VOICE} | {"asked_at": voice.asked_at.isoformat()})
        if voice.told in ("told", "unknown") and not known.told:  # who was told of it is not told again
            known.told, known.why, known.told_at = voice.told, voice.why, voice.told_at
        known.asked_at = min(known.asked_at, voice.asked_at)
        await session.delete(voice)
    card.merged_into, card.changed_at = into.id, now
    await session.flush()
    await wrote(session, card, by, "joined", now, into=into.number, moved=moved, twice=twice)
    await wrote(session, into, by, "joined_by", now, number=card.number)
    return True


async def part(session: AsyncSession, card: Improvement, by: str, now: datetime) -> bool:
    """Take a join back: the voices that came with it go with it again. False when it is in no other card."""
    if card.merged_into is None:
        return False
    newest = select(ImprovementEvent).where(
        ImprovementEvent.improvement_id == card.id, ImprovementEvent.name == "joined"
    )
    event = (await session.scalars(newest.order_by(col(ImprovementEvent.id).desc()).limit(1))).first()
    into = card.merged_into
    card.merged_into, card.changed_at = None, now
    await session.flush()
    for voice_id in event.data["moved"] if event else ():
        voice = await session.get(Voice, voice_id, populate_existing=True)
        if voice is not None and voice.improvement_id == into:
            voice.improvement_id = card.id or 0
    await session.flush()
    for kept in event.data["twice"] if event else ():
        row = {**kept, "asked_at": datetime.fromisoformat(kept["asked_at"]), "improvement_id": card.id}
        await session.execute(insert(session, _VOICES).values(row).on_conflict_do_nothing())
    await wrote(session, card, by, "parted", now)
    return True


async def retitle(session: AsyncSession, card: Improvement, words: str, by: str, now: datetime) -> None:
    """In the words of a colleague; the earlier ones stay in the history as whose they were."""
    old, whose = card.title, card.words_of
    card.title, card.words_of = wishes.title(words), None
    assert card.id is not None
    event = ImprovementEvent(improvement_id=card.id, at=now, actor=by, name="title", data={"old": old}, words_of=whose)
    session.add(event)
    await session.flush()


async def wrote(session: AsyncSession, card: Improvement, by: str, name: str, now: datetime, **data: Any) -> None:
    """A line of the card's history: noted, voice, moved, note, words, joined, joined_by, parted, told (and title)."""
    assert card.id is not None
    session.add(ImprovementEvent(improvement_id=card.id, at=now, actor=by, name=name, data=data))
    await session.flush()
