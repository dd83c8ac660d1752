"""What stands between us and the API of a shop: remembered until the shop answers again, told once."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock
from bot.base.database import insert, table
from bot.tables.settings import Setting

REFUSED, SILENT, UNINSTALLED, FEW = "refused", "silent", "uninstalled", "few"
_NAME = "shop_trouble:"
_rows = table(Setting)


@dataclass(frozen=True)
class Trouble:
    """`kind` is one of the constants here; `words` are technical ones; `since` is when it began, as ISO 8601."""

    system: str
    store: str
    kind: str
    words: str
    since: str
    told: bool = False

    @property
    def began_at(self) -> datetime:
        return clock.parse(self.since)


async def remember(
    session: AsyncSession, system: str, store: str, kind: str, words: str, now: datetime
) -> None:  # fmt: skip
    """One that is known goes on, with the words of now."""
    known = {(one.store, one.kind): one for one in await every(session)}.get((store, kind))
    found = Trouble(system, store, kind, words, now.isoformat())
    await _put(session, found if known is None else replace(known, words=words), now)


async def mark_told(session: AsyncSession, one: Trouble, now: datetime) -> None:
    await _put(session, replace(one, told=True), now)


async def forget(session: AsyncSession, found: Collection[Trouble]) -> None:
    await session.execute(sa.delete(_rows).where(_rows.c.name.in_([_name(one) for one in found])))


async def every(session: AsyncSession) -> list[Trouble]:
    asked = sa.select(_rows.c.value).where(_rows.c.name.startswith(_NAME)).order_by(_rows.c.name)
    return [Trouble(**value) for value in (await session.scalars(asked)).all()]


async def of_store(session: AsyncSession, store: str) -> list[Trouble]:
    return [one for one in await every(session) if one.store == store]


async def _put(session: AsyncSession, one: Trouble, now: datetime) -> None:
    value = asdict(one)
    put = insert(session, _rows).values(name=_name(one), value=value, changed_at=now)
    await session.execute(
        put.on_conflict_do_update(index_elements=[_rows.c.name], set_={"value": value, "changed_at": now})
    )


def _name(one: Trouble) -> str:
    return f"{_NAME}{one.kind}:{one.store}"
