"""A shop whose API does not do what we ask: whoever leads hears of it once, and once when it is well again."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids, logs
from bot.base.database import Database
from bot.base.errors import FindingsError
from bot.inbound.shops.connection import ShopApiError
from bot.shops import troubles
from bot.shops.troubles import Trouble
from bot.support.desk import Desk
from bot.support.escalation import alarms, template_alarm

log = logs.get(__name__)

ENDED_BY_AN_ANSWER = (troubles.REFUSED, troubles.SILENT, troubles.UNINSTALLED)
_OUTAGE = timedelta(hours=20)
"""A shop that is silent for less is asked again each hour, and nobody is called."""


async def remember(database: Database, system: str, store: str, error: FindingsError, now: datetime) -> None:
    """The shop refused us, or did not answer."""
    status = error.status if isinstance(error, ShopApiError) else 400
    kind = troubles.SILENT if status in (0, 429) or status >= 500 else troubles.REFUSED
    async with database.transaction() as session:
        words = logs.clean(error.findings[0].message)[:300]
        await troubles.remember(session, system, store, kind, words, now)


async def answered(session: AsyncSession, desk: Desk, store: str, now: datetime) -> None:
    """It does what we ask again."""
    found = [one for one in await troubles.of_store(session, store) if one.kind in ENDED_BY_AN_ANSWER]
    await troubles.forget(session, found)
    if any(one.told for one in found):
        await _tell(session, desk, desk.staff("staff.shop.well", store=store), f"{store}:well", now)


async def look(session: AsyncSession, desk: Desk, now: datetime) -> int:
    """Tell what nobody heard of yet. Returns how many were told."""
    new = [one for one in await troubles.every(session) if not one.told and _is_loud(one, now)]
    for one in new:
        since = desk.when(one.began_at, now)
        text = desk.staff(f"staff.shop.{one.kind}", store=one.store, system=one.system, why=one.words, since=since)
        await _tell(session, desk, text, f"{one.store}:{one.kind}", now)
        await troubles.mark_told(session, one, now)
    return len(new)


def _is_loud(one: Trouble, now: datetime) -> bool:
    return one.kind != troubles.SILENT or now - one.began_at >= _OUTAGE


async def _tell(session: AsyncSession, desk: Desk, text: str, about: str, now: datetime) -> None:
    alarm = alarms.Alarm(ids.stable("shop", about, now.isoformat()), desk.staff("staff.shop.mail"), text)
    await template_alarm.tell_everybody(session, desk, alarm, now)
