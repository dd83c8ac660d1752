"""A note never reaches a shopper: whatever two colleagues type, press and change in whatever order."""

import random

import deskwork
import make
import pytest
from deskwork import GROUP
from roomwork import LeakError, Room, open_room

from bot.base.database import Database
from bot.base.texts import Texts


async def _grow(room: Room, ways: int, depth: int, counts: dict[str, int]) -> None:
    """Every way to go on from here, `ways` at each step: each end of a branch is a sequence that is looked at.

    Sequences share their beginnings, so that one more costs one more step.
    """
    for _ in range(ways):
        taken_back = await room.session.begin_nested()
        other = room.again(room.chance.randrange(10**9))
        try:
            await other.step()
            await other.look()
        except Exception as error:
            raise AssertionError(f"{error!r}\n" + "\n".join(other.told)) from error
        counts["sequences"] += 1
        counts["left"] += other.left - room.left
        if depth > 1:
            await _grow(other, ways, depth - 1, counts)
        await taken_back.rollback()
        room.session.expire_all()


async def _play(database: Database, texts: Texts, seed: int, ways: int, depth: int) -> dict[str, int]:
    ground = make.ground(texts, telegram={"staff_chat_id": GROUP}, support={"sla": []})
    desk = deskwork.desk(ground)
    counts = {"sequences": 0, "left": 0}
    async with database.transaction() as session:
        await _grow(await open_room(session, desk, seed), ways, depth, counts)
        await session.rollback()
    return counts


async def test_no_note_leaves_whatever_staff_do(database: Database, texts: Texts) -> None:
    counts = await _play(database, texts, 7, ways=2, depth=7)
    assert counts["sequences"] == 254 and counts["left"] > 20, "answers do leave"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seeds", [range(5), range(5, 10)], ids=["first half", "second half"])
async def test_no_note_leaves_in_ten_thousand_sequences(database: Database, texts: Texts, seeds: range) -> None:
    """Two halves, so that two processes can share them."""
    total = 0
    for seed in seeds:
        total += (await _play(database, texts, seed, ways=2, depth=9))["sequences"]
    assert total >= 10_000 / 2


def test_the_test_would_notice() -> None:
    room = Room(None, None, (), (), (), random.Random(1))  # type: ignore[arg-type]
    room.secrets.add("secret7")
    room.messages.add(12)
    for payload in ({"text": "a secret7 b"}, {"copy": {"chat_id": GROUP, "message_id": 12}}):
        with pytest.raises(LeakError):
            room.check(payload)
