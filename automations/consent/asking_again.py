"""When an address is asked by mail again while nobody answers: the second mail after a day, then one in even steps.

The link of each mail holds until the next one may leave. So whoever signs up has a link that holds, or gets one:
strangers who ask in their name every day use up nothing that they need, and no mailbox gets more than
`unanswered_per_address` of these mails in a month.

What the shop's own servers tell of is counted apart from what forms and pages do: strangers at the one door take
nothing from whoever comes through the other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.ground import Ground
from bot.tables.people import OptIn

FORM = "form"
"""What stands for the key of whoever used the shop's form."""

MONTH = timedelta(days=30)
SECOND = timedelta(days=1)
_SHORTEST = timedelta(days=7)
_LOOKED_AT = 50  # mails to one address in a month, answered ones among them


def link_holds(ground: Ground) -> timedelta:
    return max(_SHORTEST, _step(ground))


async def unanswered(session: AsyncSession, ground: Ground, row: OptIn, now: datetime) -> OptIn | None:
    """The mail of an earlier sign-up that is still to be answered, if it is too early for another one."""
    holds = link_holds(ground)
    mine = select(OptIn).where(
        col(OptIn.address) == row.address,
        col(OptIn.id) != row.id,
        col(OptIn.mailed).is_(True),
        col(OptIn.expires_at) > now + holds - MONTH,  # so long after the mail, which may have waited
    )
    newest = (await session.scalars(mine.order_by(col(OptIn.id).desc()).limit(_LOOKED_AT))).all()
    servers = {one.name for one in ground.config.events.known_keys if one.rank == "shop"} | {"api"}
    servers.discard(FORM)  # a server may be called so, and anybody can use the form
    since_an_answer = takewhile(lambda one: one.confirmed_at is None, newest)
    open_ones = [one for one in since_an_answer if (one.key in servers) == (row.key in servers)]
    if not open_ones or max(one.expires_at for one in open_ones) <= now + holds - _wait(ground, open_ones):
        return None
    return open_ones[0]


def _wait(ground: Ground, open_ones: Sequence[OptIn]) -> timedelta:
    most = ground.config.automations.sign_up_limits.unanswered_per_address
    return SECOND if len(open_ones) < min(2, most) else _step(ground)


def _step(ground: Ground) -> timedelta:
    most = ground.config.automations.sign_up_limits.unanswered_per_address
    return max(SECOND, MONTH / max(1, most - 1))
