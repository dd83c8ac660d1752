"""Who is in the segments that flows wait for: looked at every few minutes, and at once for whoever just bought.

Where processes have different words of a segment, those that were written last count in all of them.

Coming in is told once. The first look at a segment, and the first after its words changed, tells nothing: nobody did
anything then. It is taken before a flow begins to wait for it (`first_look`), so that nobody comes in unseen between.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences.compiling import SOURCE, Compiler, contacts
from automations.audiences.segment_files import NEVER, Segments
from automations.audiences.standings import SOLD
from bot.base import clock, logs, paths
from bot.base.config import Config
from bot.base.database import Database, insert, table
from bot.base.errors import Finding
from bot.events import Happened
from bot.tables.audiences import SegmentMember
from bot.tables.settings import Setting

log = logs.get(__name__)

Enter = Callable[[AsyncSession, str, Sequence[int], datetime], Awaitable[object]]
"""Told in the same transaction that these contacts came into the segment."""

LOOKED_AT_ONCE = SOLD | {"Subscribed", "Unsubscribed", "Tier Changed", "Tier Reverted"}
"""Events after which the segments of their person are looked at without waiting."""

_HISTORY = timedelta(hours=24)
_BATCH, _RANGE = 500, 5_000
_HELD = "segments held until"
_CONFIRMED, _GONE = timedelta(minutes=10), timedelta(hours=1)
"""Who has the words that count says so again after that time; if nobody does, others count."""
_MEANWHILE = timedelta(minutes=2)  # in which all processes take what was changed
_members, _settings = table(SegmentMember), table(Setting)


_PREFIX = "segment."
"""Before the name of a segment: the row says by which words its members are kept, and when those were written."""


def _digest_in(value: Any) -> Any:
    """Rows of before have nothing but the digest."""
    return value["digest"] if isinstance(value, dict) else value


@dataclass(frozen=True)
class Members:
    """`live` names the segments whose members are kept. `overruled` has those that another process has in newer
    words."""

    config: Config
    segments: Segments
    live: Callable[[], Collection[str]]
    enter: Enter | None = None
    overruled: dict[str, Finding] = field(default_factory=dict)
    _newer: Mapping[str, Segments] = field(default_factory=dict)
    """By segment: all of them, it in the words of another process."""
    _strange: Collection[str] = ()
    """Those whose newer words are not understood here: they are left to who does."""

    async def on_event(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        """The handler, behind the one that counts orders. History that is loaded tells nothing."""
        if happened.contact_id is None or happened.name not in LOOKED_AT_ONCE:
            return
        tell = happened.received_at - happened.ts <= _HISTORY
        if not self._kept():
            return
        here = await self._agreed(session, now)
        for name in here._kept():
            if await here._known(session, name):
                await here._settle(session, name, [happened.contact_id], now, tell=tell)

    async def refresh(self, database: Database, now: datetime | None = None) -> int:
        """Look at every live segment. Returns how many came in or left."""
        moment = now or clock.now()
        moved = 0
        async with database.reading() as session:
            here = await self._agreed(session, moment)
            held = await session.scalar(sa.select(_settings.c.value).where(_settings.c.name == _HELD))
        if held is not None and moment < datetime.fromisoformat(held):
            return 0
        for name in here._kept():
            async with database.reading() as session:
                known = await here._known(session, name)
            if known:
                moved += await here._look(database, name, moment)
            else:
                await here._fill(database, name, moment)
        await here._forget(database)
        return moved

    async def first_look(self, database: Database, names: Collection[str], now: datetime | None = None) -> None:
        """Who is in these segments before a flow waits for them: whoever comes in from now on is told."""
        async with database.reading() as session:
            here = await self._agreed(session, now or clock.now())
        for name in sorted((set(names) & set(here.segments.by_name)) - set(here._strange)):
            async with database.reading() as session:
                known = await here._known(session, name)
            if not known:
                await here._fill(database, name, now or clock.now())

    async def would_come(self, database: Database, name: str, now: datetime) -> tuple[list[int], int]:
        """Who came into the segment since the last look, and how many were in it already."""
        compiler, segment = Compiler(self._of(name), self.config, now), self._of(name).by_name[name]
        inside = compiler.members(segment)
        async with database.reading() as session:
            if not await self._known(session, name):
                return [], await session.scalar(sa.select(sa.func.count()).select_from(inside.subquery())) or 0
            mine = sa.and_(_members.c.segment == name, _members.c.contact_id == contacts.c.id)
            came = list((await session.scalars(inside.where(~sa.exists().where(mine)))).all())
            there = sa.select(sa.func.count()).where(_members.c.segment == name)
            return came, await session.scalar(there) or 0

    async def settle_quietly(self, session: AsyncSession, ids: Sequence[int], now: datetime) -> None:
        """Of these everybody is where they belong from now on, and no flow hears of it: they came as history."""
        here = await self._agreed(session, now)
        for name in await here._all_known(session) if ids else ():
            await here._settle(session, name, ids, now, tell=False)

    async def hold(self, database: Database, until: datetime | None) -> None:
        """Nobody looks until then, or until this is said again with None: an import is counting."""
        async with database.transaction() as session:
            await session.execute(sa.delete(_settings).where(_settings.c.name == _HELD))
            if until is not None:
                row = {"name": _HELD, "value": until.isoformat(), "changed_at": clock.now()}
                await session.execute(sa.insert(_settings).values(**row))

    async def look_quietly(self, database: Database, now: datetime) -> None:
        """What an import made of everybody's standing brings nobody in aloud."""
        async with database.reading() as session:
            here = await self._agreed(session, now)
        for name in here._all():
            async with database.reading() as session:
                known = await here._known(session, name)
            if known:
                await here._look(database, name, now, tell=False)

    async def confirm(self, database: Database) -> None:
        """The words that this process has are in use still."""
        now = clock.now()
        async with database.reading() as session:
            late = sa.select(_settings.c.name, _settings.c.value).where(
                _settings.c.name.startswith(_PREFIX), _settings.c.changed_at < now - _CONFIRMED
            )
            rows = {row.name.removeprefix(_PREFIX): row.value for row in await session.execute(late)}
        mine = [
            name for name in rows.keys() & self.segments.by_name.keys() if _digest_in(rows[name]) == self._digest(name)
        ]
        if mine:
            async with database.transaction() as session:
                here = _settings.c.name.in_([f"{_PREFIX}{name}" for name in sorted(mine)])
                await session.execute(sa.update(_settings).where(here).values(changed_at=now))

    async def _agreed(self, session: AsyncSession, now: datetime) -> "Members":
        """As all processes see it, and as files are now: they may change meanwhile, and who is known by the old words
        must not come in by the new ones."""
        here = replace(self, segments=self.segments.as_now())
        newer, strange = dict[str, Segments](), set[str]()
        found = sa.select(_settings.c.name, _settings.c.value).where(
            _settings.c.name.startswith(_PREFIX), _settings.c.changed_at > now - _GONE
        )
        for row in await session.execute(found):
            name, value = row.name.removeprefix(_PREFIX), row.value
            if name not in here.segments.by_name or not isinstance(value, dict):
                continue
            edited = datetime.fromisoformat(value["edited"])
            if value["digest"] == here._digest(name) or edited <= here._edited(name):
                continue
            words = here.segments.with_words(value["trees"])
            if words is None:
                strange.add(name)
            else:
                newer[name] = words
            if edited < now - _MEANWHILE:
                self._say_overruled(name, edited)
        for name in self.overruled.keys() - newer.keys() - strange:
            del self.overruled[name]
        return replace(here, _newer=newer, _strange=strange)

    def _say_overruled(self, name: str, edited: datetime) -> None:
        if name not in self.overruled:
            file = self.segments.files.get(name)
            words = (
                f"another process has newer words of {name}, of {edited:%Y-%m-%d %H:%M} UTC, and those count in all; "
                "give all of them the same files, or save this one again if it is to count"
            )
            self.overruled[name] = Finding(words, paths.shown(file) if file else None)
            log.error("a segment has newer words elsewhere", finding=str(self.overruled[name]))

    def _of(self, name: str) -> Segments:
        return self._newer.get(name, self.segments)

    def _all(self) -> list[str]:
        return sorted(set(self.segments.by_name) - set(self._strange))

    def _kept(self) -> list[str]:
        return sorted(set(self.live()) & set(self._all()))

    def _digest(self, name: str) -> str:
        """Of the segment's own words and those of the segments it names."""
        words = json.dumps(self._of(name).around(name), sort_keys=True)
        return sha256(words.encode()).hexdigest()[:16]

    def _edited(self, name: str) -> datetime:
        return max(self.segments.edited.get(one, NEVER) for one in self.segments.around(name))

    async def _known(self, session: AsyncSession, name: str) -> bool:
        value = await session.scalar(sa.select(_settings.c.value).where(_settings.c.name == f"{_PREFIX}{name}"))
        return bool(_digest_in(value) == self._digest(name))

    async def _all_known(self, session: AsyncSession) -> list[str]:
        kept = sa.select(_settings.c.name, _settings.c.value).where(_settings.c.name.startswith(_PREFIX))
        held = {row.name.removeprefix(_PREFIX): _digest_in(row.value) for row in await session.execute(kept)}
        return [name for name in self._all() if held.get(name) == self._digest(name)]

    async def _look(self, database: Database, name: str, now: datetime, *, tell: bool = True) -> int:
        """The long question is asked beside the writers; only who moves is looked at again inside a transaction."""
        compiler, segment = Compiler(self._of(name), self.config, now), self._of(name).by_name[name]
        mine = sa.and_(_members.c.segment == name, _members.c.contact_id == contacts.c.id)
        came = compiler.members(segment).where(~sa.exists().where(mine))
        inside = sa.func.coalesce(compiler.clause(segment), sa.false())
        left = sa.select(contacts.c.id).select_from(SOURCE.join(_members, mine)).where(sa.not_(inside))
        async with database.reading() as session:
            ids = [*(await session.scalars(came)).all(), *(await session.scalars(left)).all()]
        for start in range(0, len(ids), _BATCH):
            async with database.transaction() as session:
                await self._settle(session, name, ids[start : start + _BATCH], now, tell=tell)
        if ids:
            log.info("a segment changed", segment=name, moved=len(ids))
        return len(ids)

    async def _settle(self, session: AsyncSession, name: str, ids: Sequence[int], now: datetime, *, tell: bool) -> None:
        compiler, segment = Compiler(self._of(name), self.config, now), self._of(name).by_name[name]
        should = set((await session.scalars(compiler.members(segment).where(contacts.c.id.in_(ids)))).all())
        mine = sa.select(_members.c.contact_id).where(_members.c.segment == name, _members.c.contact_id.in_(ids))
        there = set((await session.scalars(mine)).all())
        if gone := there - should:
            out = sa.delete(_members).where(_members.c.segment == name, _members.c.contact_id.in_(sorted(gone)))
            await session.execute(out)
        if came := sorted(should - there):
            rows = [{"segment": name, "contact_id": one, "entered_at": now} for one in came]
            await session.execute(insert(session, _members).on_conflict_do_nothing(), rows)
            if tell and self.enter is not None:
                await self.enter(session, name, came, now)

    async def _fill(self, database: Database, name: str, now: datetime) -> None:
        compiler, segment = Compiler(self._of(name), self.config, now), self._of(name).by_name[name]
        async with database.reading() as session:
            last = await session.scalar(sa.select(sa.func.max(contacts.c.id))) or 0
        for start in range(1, last + 1, _RANGE):
            here = sa.and_(contacts.c.id >= start, contacts.c.id < start + _RANGE)
            async with database.reading() as session:
                ids = (await session.scalars(compiler.members(segment).where(here))).all()
            rows = [{"segment": name, "contact_id": one, "entered_at": now} for one in ids]
            old = sa.and_(_members.c.contact_id >= start, _members.c.contact_id < start + _RANGE)
            async with database.transaction() as session:
                await session.execute(sa.delete(_members).where(_members.c.segment == name, old))
                if rows:
                    await session.execute(insert(session, _members).on_conflict_do_nothing(), rows)
        trees, edited = self._of(name).around(name), self._edited(name)
        words = {"digest": self._digest(name), "edited": edited.isoformat(), "trees": trees}
        async with database.transaction() as session:
            put = insert(session, _settings).values(name=f"{_PREFIX}{name}", value=words, changed_at=now)
            changed = {"value": put.excluded.value, "changed_at": now}
            await session.execute(put.on_conflict_do_update(index_elements=["name"], set_=changed))

    async def _forget(self, database: Database) -> None:
        """Segments that nothing waits for any more: who comes into them later would not be known to be new. One whose
        file is wrong is waited for.
        """
        kept = self.live()
        async with database.reading() as session:
            names = await session.scalars(sa.select(_settings.c.name).where(_settings.c.name.startswith(_PREFIX)))
            known = {name.removeprefix(_PREFIX) for name in names}
        for name in known - set(kept):
            async with database.transaction() as session:
                await session.execute(sa.delete(_members).where(_members.c.segment == name))
                await session.execute(sa.delete(_settings).where(_settings.c.name == f"{_PREFIX}{name}"))
