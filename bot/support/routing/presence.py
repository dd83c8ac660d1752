"""Who is here: colleagues come and go by their own word, and are written down when they are seen."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base.database import insert, table
from bot.tables.chat import StaffMember

HERE, AWAY = "here", "away"
_ROWS = table(StaffMember)
_SEEN_AGAIN = timedelta(minutes=15)  # a row that is written with every word would be a lock that everybody waits for


def is_here(staff: StaffMember, now: datetime) -> bool:
    """An absence with an end is over at that moment, whoever looks first."""
    return staff.presence != AWAY or (staff.away_until is not None and staff.away_until <= now)


async def seen(
    session: AsyncSession,
    telegram_id: int,
    name: str,
    now: datetime,
    *,
    username: str | None = None,
    language: str | None = None,
    group: int | None = None,
) -> StaffMember:
    """The colleague, written down at first sight, by today's name, with the staff group they were seen in."""
    mine = select(StaffMember).where(col(StaffMember.telegram_id) == telegram_id)
    found = await session.scalar(mine)
    if found is None:
        added = insert(session, _ROWS).values(
            telegram_id=telegram_id, name=name, username=username, language=language, first_seen_at=now, groups=[]
        )
        await session.execute(added.on_conflict_do_nothing())
        found = await session.scalar(mine)
        assert found is not None
    if (found.name, found.username) != (name, username):
        found.name, found.username = name, username
    if group is not None and group not in found.groups:
        found.groups = sorted([*found.groups, group])
    if found.last_seen_at is None or now - found.last_seen_at > _SEEN_AGAIN:
        found.last_seen_at = now
    await session.flush()
    return found


async def change(session: AsyncSession, staff: StaffMember, here: bool, until: datetime | None, now: datetime) -> None:
    """Keep that they are here, or away (`until` then, None: until they say so)."""
    assert staff.id is not None
    row = await session.get(StaffMember, staff.id, populate_existing=True, with_for_update={"key_share": True})
    assert row is not None
    if here != is_here(row, now) or row.presence_at is None:
        row.presence_at = now
    row.presence, row.away_until = (HERE, None) if here else (AWAY, until)
    await session.flush()


async def over(session: AsyncSession, now: datetime) -> list[StaffMember]:
    """Let absences end whose time has come. Returns who is back."""
    ended = select(StaffMember).where(StaffMember.presence == AWAY, col(StaffMember.away_until) <= now)
    free = ended.order_by(col(StaffMember.id)).with_for_update(skip_locked=True, key_share=True)
    back = list((await session.scalars(free)).all())
    for staff in back:
        staff.presence, staff.presence_at, staff.away_until = HERE, staff.away_until, None
    await session.flush()
    return back


async def everybody(session: AsyncSession) -> list[StaffMember]:
    """As they are now, by id."""
    everyone = select(StaffMember).order_by(col(StaffMember.id)).execution_options(populate_existing=True)
    return list((await session.scalars(everyone)).all())
