import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock
from bot.base.database import Database, table
from bot.inbound.telegram import inbox
from bot.inbound.telegram.inbox import Inbox, Unreadable
from bot.tables.chat import TelegramChat, TelegramUpdate
from bot.tables.events import RejectedEvent

UPDATES, CHATS, NOTED = table(TelegramUpdate), table(TelegramChat), table(RejectedEvent)


@dataclass
class NotingDoor:
    """Writes every text down as a row. `slow` chats take their time, some texts fail so many times."""

    failures: dict[str, int] = field(default_factory=dict)
    slow: float = 0
    finished: list[str] = field(default_factory=list)
    inside: int = 0
    most_inside: int = 0

    async def open(self, body: Mapping[str, Any]) -> "_Note":
        if "text" not in body.get("message", {"text": ""}):
            raise Unreadable("no text")
        return _Note(self, body)


@dataclass
class _Note:
    door: NotingDoor
    body: Mapping[str, Any]

    async def act(self, session: AsyncSession, received_at: datetime, now: datetime) -> bool:
        if "message" not in self.body:
            return False
        text = self.body["message"]["text"]
        session.add(RejectedEvent(source="t", reason=text, received_at=now))
        await session.flush()
        self.door.inside += 1
        self.door.most_inside = max(self.door.most_inside, self.door.inside)
        await asyncio.sleep(self.door.slow)
        self.door.inside -= 1
        if self.door.failures.get(text, 0) > 0:
            self.door.failures[text] -= 1
            raise OSError("in the middle")
        return True

    async def finish(self) -> None:
        self.door.finished.append(self.body["message"]["text"] if "message" in self.body else "")


def said(update_id: int, chat: int, text: str) -> dict[str, Any]:
    return {"update_id": update_id, "message": {"chat": {"id": chat}, "text": text}}


async def store(database: Database, *updates: dict[str, Any], now: datetime = NOON) -> None:
    async with database.transaction() as session:
        await inbox.store(session, updates, now)


async def noted(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(sa.select(NOTED.c.reason).order_by(NOTED.c.id)))


async def statuses(database: Database) -> dict[int, str]:
    async with database.reading() as session:
        rows = await session.execute(sa.select(UPDATES.c.update_id, UPDATES.c.status))
        return {row.update_id: row.status for row in rows}


async def run(database: Database, working: Inbox, *, hurry: bool = True) -> None:
    """Until no chat is due; `hurry` does not wait out the pauses after failures."""
    for _ in range(40):
        if hurry:
            async with database.transaction() as session:
                waiting = sa.update(CHATS).where(CHATS.c.due_at.is_not(None))
                await session.execute(waiting.values(due_at=clock.now() - timedelta(seconds=1)))
        if not await working.run():
            return
    raise AssertionError("the inbox does not come to rest")


async def test_an_update_stored_twice_runs_once(database: Database) -> None:
    door = NotingDoor()
    await store(database, said(1, 7, "a"), said(2, 7, "b"))
    await store(database, said(2, 7, "b"), said(3, 7, "c"))
    await run(database, Inbox(database, door, 1))
    await store(database, said(1, 7, "a"))
    await run(database, Inbox(database, door, 1))
    assert await noted(database) == ["a", "b", "c"]
    assert door.finished == ["a", "b", "c"]


async def test_order_in_a_chat_is_kept_over_two_workers_while_chats_run_side_by_side(database: Database) -> None:
    door = NotingDoor(slow=0.005)
    await store(database, *(said(number, number % 5, f"{number % 5}:{number:03}") for number in range(1, 61)))
    await asyncio.gather(
        run(database, Inbox(database, door, 1), hurry=False), run(database, Inbox(database, door, 2), hurry=False)
    )
    await run(database, Inbox(database, door, 1))
    texts = await noted(database)
    assert len(texts) == 60
    for chat in range(5):
        mine = [text for text in texts if text.startswith(f"{chat}:")]
        assert mine == sorted(mine)
    if not database.is_sqlite:
        assert door.most_inside > 1


async def test_what_comes_while_a_chat_is_in_work_is_not_forgotten(database: Database) -> None:
    door = NotingDoor(slow=0.02)
    await store(database, said(1, 7, "a"))
    working = asyncio.create_task(Inbox(database, door, 1).run())
    for number in range(2, 12):
        await store(database, said(number, 7, str(number)))
    await working
    await run(database, Inbox(database, door, 1))
    assert set((await statuses(database)).values()) == {"done"}
    assert len(await noted(database)) == 11


async def test_a_crash_in_the_middle_leaves_nothing_behind_and_the_next_try_all_of_it(database: Database) -> None:
    door = NotingDoor(failures={"b": 1})
    await store(database, said(1, 7, "a"), said(2, 7, "b"), said(3, 7, "c"))
    working = Inbox(database, door, 1)
    await working.run()
    assert await noted(database) == ["a"]
    await run(database, working)
    assert await noted(database) == ["a", "b", "c"]


async def test_a_worker_that_died_is_taken_over_from_when_its_lease_ends(database: Database) -> None:
    await store(database, said(1, 7, "a"))
    async with database.transaction() as session:
        held = sa.update(CHATS).values(lease_by=99, lease_until=clock.now() + timedelta(minutes=1), attempts=1)
        await session.execute(held)
    working = Inbox(database, NotingDoor(), 1)
    assert await working.run() == 0
    async with database.transaction() as session:
        await session.execute(sa.update(CHATS).values(lease_until=clock.now()))
    await run(database, working)
    assert await noted(database) == ["a"]


async def test_an_update_that_always_fails_ends_as_failed_and_the_chat_goes_on(database: Database) -> None:
    door = NotingDoor(failures={"poison": 99})
    await store(database, said(1, 7, "poison"), said(2, 7, "after"), said(3, 8, "elsewhere"))
    working = Inbox(database, door, 1)
    await working.run()
    assert await noted(database) == ["elsewhere"], "the others do not wait for it"
    await run(database, working)
    assert await noted(database) == ["elsewhere", "after"]
    assert await statuses(database) == {1: "failed", 2: "done", 3: "done"}
    assert door.failures["poison"] == 99 - inbox.TRIES


async def test_a_failing_chat_rests_longer_each_time_and_a_new_message_does_not_shorten_that(
    database: Database,
) -> None:
    await store(database, said(1, 7, "poison"))
    await Inbox(database, NotingDoor(failures={"poison": 99}), 1).run()
    await store(database, said(2, 7, "more"), now=clock.now())
    async with database.reading() as session:
        due_at = await session.scalar(sa.select(CHATS.c.due_at))
    assert due_at is not None and due_at > clock.now() + timedelta(seconds=0.5)


async def test_an_update_that_kills_its_worker_again_and_again_is_given_up(database: Database) -> None:
    await store(database, said(1, 7, "deadly"), said(2, 7, "after"))
    async with database.transaction() as session:
        await session.execute(sa.update(CHATS).values(attempts=50))
    await run(database, Inbox(database, NotingDoor(), 1))
    assert await statuses(database) == {1: "failed", 2: "done"}


class _Death(BaseException):
    """The process ends here."""


@dataclass
class _DeadlyDoor(NotingDoor):
    deaths: list[str] = field(default_factory=list)

    async def open(self, body: Mapping[str, Any]) -> _Note:
        if body["message"]["text"] in self.deaths:
            self.deaths.remove(body["message"]["text"])
            raise _Death
        return await super().open(body)


@pytest.mark.parametrize(("claims", "lost"), [(19, []), (50, [1])])
async def test_deaths_are_counted_anew_for_each_update(database: Database, claims: int, lost: list[int]) -> None:
    door = _DeadlyDoor(deaths=["b"] * 3)
    await store(database, said(1, 7, "a"), said(2, 7, "b"), said(3, 7, "c"))
    async with database.transaction() as session:
        await session.execute(sa.update(CHATS).values(attempts=claims))
    for _ in range(3):
        with pytest.raises(_Death):
            await run(database, Inbox(database, door, 1))
        async with database.transaction() as session:
            await session.execute(sa.update(CHATS).values(lease_by=None, lease_until=None))
    await run(database, Inbox(database, door, 1))
    assert await statuses(database) == {one: "failed" if one in lost else "done" for one in (1, 2, 3)}


async def test_updates_of_no_use_are_ignored_and_unreadable_ones_fail_at_once(database: Database) -> None:
    await store(
        database,
        {"update_id": 1, "something_of_next_year": {"from": {"id": 7}}},
        {"update_id": 2, "message": {"chat": {"id": 7}}},
        said(3, 7, "fine"),
    )
    await run(database, Inbox(database, NotingDoor(), 1))
    assert await statuses(database) == {1: "ignored", 2: "failed", 3: "done"}


async def test_old_updates_are_forgotten_and_failed_ones_kept(database: Database) -> None:
    await store(database, said(1, 7, "old"), {"update_id": 2, "message": {"chat": {"id": 7}}})
    await run(database, Inbox(database, NotingDoor(), 1))
    await store(database, said(3, 7, "young"), now=NOON + timedelta(days=8))
    async with database.transaction() as session:
        assert await inbox.forget(session, NOON + timedelta(days=8)) == 1
    assert set(await statuses(database)) == {2, 3}


@pytest.mark.parametrize(
    ("update", "chat"),
    [
        (said(1, 7, "x"), 7),
        ({"update_id": 1, "callback_query": {"from": {"id": 5}, "message": {"chat": {"id": -100}}}}, -100),
        ({"update_id": 1, "inline_query": {"from": {"id": 5}}}, 5),
        ({"update_id": 1, "poll": {"id": "3"}}, 0),
    ],
)
def test_the_chat_of_an_update(update: dict[str, Any], chat: int) -> None:
    assert inbox.chat_of(update) == chat
