"""The history of a ticket: who did what when. Clocks and reports are computed from it, so its names are a promise.

`actor` is customer, bot, clock, shop or `staff:ID`. `at` is when it counts: a customer's message at the provider's time
(`sla.counted_at`), an answer at the time that the channel accepted it, everything else when it was done.

    name              data                                   meaning
    opened            why, origin (customer|staff|drill)     the ticket began
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
    spam · blocked    status, waiting_since (as before)      unspam · unblocked  -
    reminded          -                                      asked whether it is solved, for they said nothing
    merged            into · merged_from  ticket · unmerged  from/out_of
    split             into · split_from   ticket, lines
    linked            ticket, kind   unlinked  ticket
    promised          metric, cycle, policy, seconds, calendar, version, always_open   which promise holds from now on
    withdrawn         metric                                 no policy promises it any more
    timer_warned      metric, cycle, part                    timer_breached  metric, cycle (when it was noticed)
    escalated         metric, cycle, step, action
    rated             score, cycle   commented  cycle
    asked_fixed       cycle                                  the customer of a complaint was asked whether it is fixed
    fixed             cycle          not_fixed  cycle        what they answered
    unconfirmed       cycle                                  nobody answered in time (or can): neither kept nor missed
    noted             said           edited  said, revision  deleted  said
"""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.tables.support import TicketEvent


async def write(session: AsyncSession, ticket_id: int, at: datetime, actor: str, name: str, /, **data: Any) -> None:
    session.add(TicketEvent(ticket_id=ticket_id, at=at, actor=actor, name=name, data=data))
    await session.flush()
