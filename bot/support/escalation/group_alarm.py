"""A staff group in which the bot may not work, or others may be: whoever can hear it is told once, and once when it is
well again.

Who leads hears it in their own chat, else by mail; the group itself, or another one, hears it in General for as long as
it can; and `[support] alarm_mails` by mail. `/healthz` and the log say it too.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import ids, logs
from bot.base.database import insert, table
from bot.outbound import staff_group
from bot.support.desk import Desk
from bot.support.escalation import alarms
from bot.support.routing import departments
from bot.tables.settings import Setting

log = logs.get(__name__)

UNSEEN, NO_RIGHTS, PRIVATE = "unseen", "no_rights", "private"
STANDING = frozenset({UNSEEN, NO_RIGHTS, PRIVATE})
"""What depends on how the bot stands in the group; the rest are settings of the group."""
_LOUD = frozenset({UNSEEN, "public", "linked"})
"""What is told even where something else was wrong before: nobody hears staff, or others do."""

_REMEMBERED = "staff_groups_in_trouble"


async def in_trouble(session: AsyncSession) -> dict[str, list[str]]:
    """By group (its id as text), what is wrong there (`group_health.troubles`); empty lists where all is well."""
    row = await session.get(Setting, _REMEMBERED, populate_existing=True)
    return row.value if row is not None and isinstance(row.value, dict) else {}


async def found(session: AsyncSession, desk: Desk, group: int, trouble: Collection[str], now: datetime) -> None:
    """That is how it stands now. Told when something is wrong, when it gets worse, and when all is well again."""
    known = await in_trouble(session)
    before, after = set(known.get(str(group), [])), set(trouble)
    if before == after:
        return
    await _remember(session, {**known, str(group): sorted(after)}, now)
    if not after:
        log.info("a staff group works again", chat_id=group)
    if bool(before) != bool(after) or (after - before) & _LOUD:
        await _tell(session, desk, group, sorted(after), now)


async def _tell(session: AsyncSession, desk: Desk, group: int, trouble: list[str], now: datetime) -> None:
    lines = [desk.staff(f"staff.group.{name}") for name in trouble] or [desk.staff("staff.group.well")]
    text = "\n".join([desk.staff("staff.group.trouble", chat=group), *lines])
    key = ids.stable("group", group, *trouble, now.isoformat())
    about = {"trouble": {str(group): trouble}}
    general = await _general(session, desk, group, trouble)
    alarm = alarms.Alarm(key, desk.staff("staff.group.mail"), text, about)
    await alarms.tell(session, desk, alarm, await _leads(session, desk, group), general, now)


async def _leads(session: AsyncSession, desk: Desk, group: int) -> list[int]:
    """Who leads a department that lives in this group."""
    leading: dict[int, None] = {}
    for name in departments.names(desk):
        if group in await staff_group.of(session, desk.ground.config, name):
            leading |= dict.fromkeys(departments.leads(desk, name))
    return list(leading)


async def _general(session: AsyncSession, desk: Desk, group: int, trouble: Collection[str]) -> int | None:
    """The group itself while the bot is in it, else another one."""
    if UNSEEN not in trouble:
        return group
    known = await in_trouble(session)
    every = await staff_group.every(session, desk.ground.config)
    return next((one for one in every if one != group and UNSEEN not in known.get(str(one), [])), None)


async def _remember(session: AsyncSession, value: dict[str, list[str]], now: datetime) -> None:
    rows = table(Setting)
    kept = insert(session, rows).values(name=_REMEMBERED, value=value, changed_at=now)
    await session.execute(
        kept.on_conflict_do_update(index_elements=[rows.c.name], set_={"value": value, "changed_at": now})
    )
