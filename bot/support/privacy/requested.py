"""Requests about personal data: what can be done by itself is, of the rest staff hear in time, again and again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import babel.dates
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import clock, due, logs, work
from bot.base.database import Database, table
from bot.contacts import audit, export, requests
from bot.outbound import staff_group
from bot.support import post
from bot.support.desk import Desk
from bot.support.escalation import leads
from bot.support.privacy import forgetting, wiping
from bot.support.routing import departments
from bot.tables.people import Contact
from bot.tables.privacy import PrivacyTask
from bot.tables.shop import Order

log = logs.get(__name__)

_ROWS, _ORDERS = table(PrivacyTask), table(Order)
_CLAIM = due.Claim(_ROWS, 20)
_REMINDERS = (("week", timedelta(days=7)), ("day", timedelta(days=1)), ("late", timedelta(0)))
"""How long before the last day ends they are told."""


class Requests:
    """The loop that looks at open requests."""

    def __init__(self, database: Database, desk: Desk, worker: int) -> None:
        self.database = database
        self.desk = desk
        self.worker = worker

    def kind(self) -> work.Kind:
        return work.Kind(requests.KIND, self.run, self.next_due)

    async def run(self, now: datetime | None = None) -> int:
        """Returns how many were looked at."""
        moment = now or clock.now()
        async with self.database.transaction() as session:
            rows = await due.claim(session, _CLAIM, self.worker, moment)
        for row in rows:
            try:
                async with self.database.transaction() as session:
                    await self._look(session, row["id"], moment)
            except Exception:  # the others are looked at all the same
                log.exception("a request about personal data could not be looked at", task=row["id"])
                async with self.database.transaction() as session:
                    again = {"due_at": due.later(row["attempts"], moment), "lease_until": None, "lease_by": None}
                    await session.execute(sa.update(_ROWS).where(_ROWS.c.id == row["id"]).values(**again))
        return len(rows)

    async def next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            return await due.next_due(session, _ROWS)

    async def _look(self, session: AsyncSession, task_id: int, now: datetime) -> None:
        task = await held(session, task_id)
        if task is None or task.status != "open":
            return
        if task.kind == requests.BROWSERS:
            await forgetting.go_on(session, self.desk, task, now)
            return
        if await _goes_by_itself(session, self.desk, task, now):
            await run(session, self.desk, task, "clock", now)
            return
        if (reminder := _now(task, now)) is not None:
            await _tell(session, self.desk, task, reminder, now)
            task.told = [*task.told, reminder]
        task.due_at, task.lease_until, task.lease_by = _next(task, now), None, None


async def held(session: AsyncSession, task_id: int) -> PrivacyTask | None:
    return await session.get(PrivacyTask, task_id, with_for_update=True, populate_existing=True)


async def run(session: AsyncSession, desk: Desk, task: PrivacyTask, by: str, now: datetime) -> bytes | None:
    """Do what was asked, and write down that it was. Returns the copy, if one was asked for and there is somebody.

    A store goes part by part (`wiping.some`); call this when nothing is left of it.
    """
    contact, known = await _whose(session, task), task.known
    data, outcome, browsers = None, "nobody", contacts.Browsers()
    if task.kind == "wipe":
        outcome = "wiped"
    elif contact is not None and contact.id is not None and contact.status != "erased":
        outcome = "copied" if task.kind == "copy" else "forgotten"
        task.contact_id = contact.id
        await session.flush()
        if task.kind == "copy":
            data = await export.zipped(session, contact.id, desk.ground.secret, now)
            await audit.write(session, by, "export", f"contact:{contact.id}", now, request=task.id)
        else:
            browsers = await forgetting.forget(session, desk, contact.id, by, now)
            await session.refresh(task)
    if task.kind == "forget":
        for kind, value in known:
            browsers += await contacts.erase_claimed(session, desk.ground.secret, kind, value, now, by)
        outcome = "forgotten" if browsers.erased or browsers.left else outcome
        task.known = []
    task.status, task.done_at, task.done_by, task.outcome = "done", now, by, outcome
    task.due_at, task.lease_until, task.lease_by = None, None, None
    counts = {"browsers": browsers.erased, "browsers_left": browsers.left} if task.kind == "forget" else {}
    await audit.write(session, by, "request", f"request:{task.id}", now, what=task.kind, outcome=outcome, **counts)
    await session.flush()
    return data


async def finish_browsers(database: Database, desk: Desk) -> int:
    """All that forgettings left, in transactions of their own, for whoever waits for it. Returns how many browsers."""
    done = 0
    async with database.reading() as session:
        open_tasks = sa.select(_ROWS.c.id).where(_ROWS.c.kind == requests.BROWSERS, _ROWS.c.due_at.is_not(None))
        left = list(await session.scalars(open_tasks.order_by(_ROWS.c.id)))
    for task_id in left:
        through = False
        while not through:
            async with database.transaction() as session:
                task = await held(session, task_id)
                through = (
                    task is None or task.status != "open" or await forgetting.go_on(session, desk, task, clock.now())
                )
        async with database.reading() as session:
            done += (await session.get_one(PrivacyTask, task_id)).asked.get("erased", 0)
    return done


async def wipe(session: AsyncSession, desk: Desk, task: PrivacyTask, by: str, now: datetime) -> int:
    """A part of what a store left. Returns how many people and rows went; 0: nothing is left."""
    return await wiping.some(session, desk, task.store, by, now)


async def _whose(session: AsyncSession, task: PrivacyTask) -> Contact | None:
    """Whoever it is now: they may have come, or have been merged, since it was asked."""
    if task.contact_id is not None:
        return await contacts.current(session, task.contact_id)
    return await requests.whose(session, task.known)


async def _goes_by_itself(session: AsyncSession, desk: Desk, task: PrivacyTask, now: datetime) -> bool:
    """What a shop system asks for was decided there; what was put down by hand is run by hand."""
    if task.kind != "forget" or task.told or task.source == requests.BY_HAND:
        return False
    return await _recent_order(session, desk, task, now) is None


async def _recent_order(session: AsyncSession, desk: Desk, task: PrivacyTask, now: datetime) -> datetime | None:
    """When they last ordered, if that is so short ago that staff are to decide."""
    keep = desk.ground.config.support.privacy.recent_orders
    contact = await _whose(session, task)
    if keep is None or contact is None:
        return None
    newest = sa.select(sa.func.max(_ORDERS.c.ordered_at, type_=_ORDERS.c.ordered_at.type))
    at: datetime | None = await session.scalar(newest.where(_ORDERS.c.contact_id == contact.id))
    return at if at is not None and at > now - keep else None


def _now(task: PrivacyTask, now: datetime) -> str | None:
    """The reminder whose time has come, the newest of several."""
    come = ["new", *(name for name, before in _REMINDERS if now >= task.deadline - before)]
    return come[-1] if come[-1] not in task.told else None


def _next(task: PrivacyTask, now: datetime) -> datetime | None:
    return min((at for _, before in _REMINDERS if (at := task.deadline - before) > now), default=None)


async def _tell(session: AsyncSession, desk: Desk, task: PrivacyTask, reminder: str, now: datetime) -> None:
    """In General; whoever leads hears it in their own chat or by mail, too, when the last day is near."""
    log.warning("a request about personal data is open", task=task.id, what=task.kind, reminder=reminder)
    text = words(desk, task, reminder, await _recent_order(session, desk, task, now))
    groups = await staff_group.every(session, desk.ground.config)
    key = f"privacy:{task.id}:{reminder}"
    if groups:
        await post.to_staff(session, groups[0], {"text": text}, key, now)
    if reminder in ("day", "late") or not groups:
        await leads.tell(session, desk, departments.leads(desk, ""), {"text": text}, key, now)


def words(desk: Desk, task: PrivacyTask, reminder: str, ordered_at: datetime | None = None) -> str:
    """What is asked until when, without a word about whom."""
    what = desk.staff(f"staff.request.{task.kind}", store=task.store or task.source)
    lines = [desk.staff(f"staff.request.{reminder}", number=task.id, what=what, due=day(desk, task.deadline))]
    if ordered_at is not None:
        lines.append(desk.staff("staff.request.ordered", day=day(desk, ordered_at)))
    return "\n".join([*lines, desk.staff("staff.request.how", number=task.id)])


def day(desk: Desk, at: datetime) -> str:
    """The day in the shop's zone."""
    return str(babel.dates.format_date(at.astimezone(desk.timezone).date(), "long", locale=desk.staff_language))


def shown(desk: Desk, task: PrivacyTask) -> Mapping[str, Any]:
    """For whoever runs the shop's programs."""
    return {
        "id": task.id, "kind": task.kind, "source": task.source, "store": task.store, "contact": task.contact_id,
        "known": [] if task.kind == requests.BROWSERS else [f"{kind}:{value}" for kind, value in task.known],
        "asked": task.asked, "status": task.status,
        "asked_at": task.asked_at.astimezone(desk.timezone).isoformat(),
        "deadline": task.deadline.astimezone(desk.timezone).isoformat(),
        "done_at": task.done_at and task.done_at.astimezone(desk.timezone).isoformat(), "done_by": task.done_by,
        "outcome": task.outcome, "file": task.file,
    }  # fmt: skip
