"""What colleagues answered to the like before, from resolved tickets; what is the other customer's is masked.

Only read when somebody asks for it, over a bounded number of rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from rapidfuzz import fuzz, process
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.support.answers.ranking import Ranking, bare, normalise
from bot.tables.feedback import Rating
from bot.tables.people import Contact
from bot.tables.support import Ticket, TicketMessage

GAP = "[…]"
"""Stands where something was that belongs to another customer. Words with a gap are never sent as they stand."""

_TICKETS, _SAID, _RATINGS, _CONTACTS = table(Ticket), table(TicketMessage), table(Rating), table(Contact)
_MOST = 500
_CLOSER = 40
_ALIKE = 0.3
_GOOD, _POOR = 4, 2
_PRIVATE = re.compile(
    r"https?://\S+|www\.\S+"  # links lead to parcels, labels, accounts
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\+?\d[\d ()/.-]{5,}\d"  # telephone, parcel and card numbers
    r"|(?<!\w)#?(?=[A-Za-z0-9-]*\d)[A-Za-z0-9-]{4,}(?!\w)"  # order and voucher numbers
)


@dataclass(frozen=True)
class Past:
    """An answer of a colleague to words like these; `line_id` names it, `text` is masked, `score` 0 to 1."""

    line_id: int
    number: int
    text: str
    score: float


@dataclass(frozen=True)
class _Case:
    ticket_id: int
    number: int
    asked: str
    names: tuple[str, ...]


async def like(
    session: AsyncSession, ticket: Ticket, words: Sequence[str], first_name: str, most: int = 2
) -> list[Past]:
    """The best answers to any of these messages, in the language of the ticket; poorly rated ones are left out.

    Where the answer named the other customer, it names this one (`first_name`).
    """
    cases = await _cases(session, ticket)
    scores: dict[int, float] = {}
    for asked in filter(None, (bare(normalise(text)) for text in words)):
        for at, score in _alike(asked, [case.asked for case in cases]).items():
            scores[at] = max(scores.get(at, 0.0), score)
    ratings = await _ratings(session, [cases[at].ticket_id for at in scores])
    found: list[Past] = []
    for at in sorted(scores, key=lambda at: -scores[at] - _bonus(ratings.get(cases[at].ticket_id))):
        case = cases[at]
        if scores[at] < _ALIKE or ratings.get(case.ticket_id, _GOOD) <= _POOR:
            continue
        if (answer := await _answer(session, case.ticket_id)) is not None:
            text = masked(answer[1], case.names, first_name)
            if text not in {one.text for one in found}:
                found.append(Past(answer[0], case.number, text, scores[at]))
        if len(found) == most:
            break
    return found


def _alike(asked: str, texts: Sequence[str]) -> dict[int, float]:
    """0 to 1 by place. The weighing of rare words is dear (0.2 s for 500), so RapidFuzz chooses for whom it is done."""
    near = [at for _text, _score, at in process.extract(asked, texts, scorer=fuzz.WRatio, limit=_CLOSER)]
    ranked = Ranking([(place, texts[at]) for place, at in enumerate(near)]).alike(asked)
    return {
        near[place]: (share + fuzz.token_set_ratio(asked, texts[near[place]]) / 100) / 2
        for place, share in ranked.items()
    }


def _bonus(score: int | None) -> float:
    return 0.1 if score is not None and score >= _GOOD else 0.0


async def _cases(session: AsyncSession, ticket: Ticket) -> list[_Case]:
    """The newest resolved tickets of others in that language, with their first words; no practice and no spam."""
    newest = (
        sa.select(_TICKETS.c.id)
        .where(
            _TICKETS.c.status == "resolved",
            _TICKETS.c.language == ticket.language,
            _TICKETS.c.kind != "drill",
            _TICKETS.c.spam.is_(False),
            _TICKETS.c.contact_id != ticket.contact_id,
        )
        .order_by(_TICKETS.c.id.desc())
        .limit(_MOST)
    )
    first = (
        sa.select(sa.func.min(_SAID.c.id))
        .where(_SAID.c.author == "customer", _SAID.c.text != "", _SAID.c.deleted_at.is_(None), _SAID.c.held.is_(False))
        .where(_SAID.c.ticket_id.in_(newest))
        .group_by(_SAID.c.ticket_id)
    )
    rows = await session.execute(
        sa.select(_TICKETS.c.id, _TICKETS.c.number, _SAID.c.text, _CONTACTS.c.first_name, _CONTACTS.c.last_name)
        .join(_SAID, _SAID.c.ticket_id == _TICKETS.c.id)
        .join(_CONTACTS, _CONTACTS.c.id == _TICKETS.c.contact_id)
        .where(_SAID.c.id.in_(first), _CONTACTS.c.status == "active")
        .order_by(_TICKETS.c.id.desc())
    )
    return [
        _Case(number, shown, bare(normalise(text)), tuple(name for name in names if name))
        for number, shown, text, *names in rows
    ]


async def _ratings(session: AsyncSession, ids: Sequence[int]) -> dict[int, int]:
    """The worst score of each ticket that was rated."""
    given = sa.select(_RATINGS.c.ticket_id, sa.func.min(_RATINGS.c.score)).where(
        _RATINGS.c.ticket_id.in_(ids), _RATINGS.c.score.is_not(None)
    )
    rows = await session.execute(given.group_by(_RATINGS.c.ticket_id))
    return {row[0]: row[1] for row in rows}


async def _answer(session: AsyncSession, ticket_id: int) -> tuple[int, str] | None:
    """The first answer of a person that arrived, if it is words."""
    said = sa.select(_SAID.c.id, _SAID.c.text).where(
        _SAID.c.ticket_id == ticket_id,
        _SAID.c.author == "staff",
        _SAID.c.accepted_at.is_not(None),
        _SAID.c.deleted_at.is_(None),
        sa.func.length(_SAID.c.text) >= 20,
    )
    row = (await session.execute(said.order_by(_SAID.c.at, _SAID.c.id).limit(1))).first()
    return (row[0], row[1]) if row else None


def masked(text: str, names: Sequence[str], first_name: str = "") -> str:
    """Without what may belong to the other customer: their names, addresses, numbers, links."""
    text = _PRIVATE.sub(GAP, text)
    words = {part for name in names for part in (name, *name.split()) if len(part) > 1}
    for word in sorted(words, key=len, reverse=True):
        edge = r"\b" if word.isascii() else ""
        text = re.sub(rf"{edge}{re.escape(word)}{edge}", lambda _match: first_name or GAP, text, flags=re.IGNORECASE)
    return text
