"""The history of a ticket: who did what when. Clocks and reports are computed from it, so its names are a promise.

`actor` is customer, bot, clock, shop or `staff:ID`. `at` is when it counts: a customer's message at the provider's time
(`sla.counted_at`), an answer at the time that the channel accepted it, everything else when it was done.

    name              data                                   meaning
    opened            why, origin (customer|staff|drill|flow)  the ticket began; also `first` and `bot_answered`: when
                                                             the talk with the bot before it began and was answered
    said              said, reply_to                         the customer wrote (`said` is the line)
    answered          said, agent_at, staff                  a person's answer was accepted by the channel
    auto_answered     said                                   the bot's answer was accepted
    not_delivered     said, why, agent_at                    the channel refused an answer for good
    relayed           said, seconds                          the customer's words reached the topic late
    undone            said                                   an answer was called back before it left
    status_changed    old, new, why, until, keep             one of the statuses; `until` and `keep` of a snooze
    priority_changed  old, new       department_changed  old, new       language_changed  old, new
    tier_changed      old, new       kind_changed  old, new             tags_changed  added, removed
    taken             -              assigned  staff, why               dropped  why
    no_reply_needed   -                                      the customer's last words want no answer
    left              -                                      they closed the page before an answer came
    spam · blocked    status (as before)                     unspam · unblocked  -
    reminded          -                                      asked whether it is solved, for they said nothing
    merged            into · merged_from  ticket · unmerged  from/out_of
    split             into · split_from   ticket, lines
    linked            ticket, kind   unlinked  ticket
    promised          policy, seconds (by metric), calendar, version, always_open, pausing, start_on
                                                             what is promised from now on; policy null: nothing
    timer_warned      metric, cycle, parts                   timer_breached  metric, cycle (when it was noticed)
    escalated         metric, cycle, step, action, outcome   a step of the ladder was done; outcome: who was found
    rated             score, cycle   commented  cycle
    asked_fixed       cycle                                  the customer of a complaint was asked whether it is fixed
    fixed             cycle          not_fixed  cycle        what they answered
    danger            -                                      staff were alarmed: life or health may be at stake
    unconfirmed       cycle                                  nobody answered in time (or can): neither kept nor missed
    noted             said           edited  said, revision  deleted  said
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.tables.support import TicketEvent

_EVENTS = table(TicketEvent)
Row = tuple[int, datetime, str, str, dict[str, Any]]
"""Id, when it counts, actor, name, data."""


async def write(session: AsyncSession, ticket_id: int, at: datetime, actor: str, name: str, /, **data: Any) -> None:
    kept = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in data.items()}
    await session.flush()
    row = sa.insert(_EVENTS).values(ticket_id=ticket_id, at=at, actor=actor, name=name, data=kept)
    event_id = await session.scalar(row.returning(_EVENTS.c.id))
    if (rows := _read(session).get(ticket_id)) is not None:
        rows.append((event_id or 0, at, actor, name, kept))


async def of(session: AsyncSession, ticket_id: int) -> Sequence[Row]:
    """The whole history of a ticket as it was written, read once in a transaction: hold the ticket, or another process
    may write meanwhile."""
    read = _read(session)
    if ticket_id not in read:
        columns = (_EVENTS.c.id, _EVENTS.c.at, _EVENTS.c.actor, _EVENTS.c.name, _EVENTS.c.data)
        mine = sa.select(*columns).where(_EVENTS.c.ticket_id == ticket_id).order_by(_EVENTS.c.id)
        read[ticket_id] = [cast(Row, tuple(row)) for row in await session.execute(mine)]
    return read[ticket_id]


def _read(session: AsyncSession) -> dict[int, list[Row]]:
    """What was read in this transaction; a savepoint begins and ends with nothing, for it may be rolled back."""
    inside = session.sync_session.get_nested_transaction() or session.sync_session.get_transaction()
    kept = session.info.get("histories")
    if kept is None or kept[0] is None or kept[0] is not inside:
        kept = session.info["histories"] = (inside, {})
    return cast(dict[int, list[Row]], kept[1])
