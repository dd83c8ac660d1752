"""A share of the people is written to first, and what did best goes to the rest."""

from typing import Any

import newsroom
import pytest
import sqlalchemy as sa
from newsroom import Newsroom
from shop_world import HOUR, MINUTE

from automations.broadcasts import choosing, control
from automations.broadcasts.broadcast import of
from automations.experiments.verdicts import Tally
from automations.reports import coming
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.tables.automations import Click
from bot.tables.experiments import Exposure

TEST: dict[str, Any] = {
    "share": 0.5, "wait": "2h", "metric": "click",
    "variants": [{"name": "plain", "subject": "News of the week"}, {"name": "short", "subject": "New!"}],
}  # fmt: skip


@pytest.fixture
async def room(database: Database, texts: Texts) -> Newsroom:
    return await newsroom.opened(database, texts)


async def _click(room: Newsroom, subject: str, most: int = 1000) -> int:
    """So many of those who got it under this subject click."""
    sent = [message.row for message in room.shop.mails.sent if message.payload["subject"] == subject][:most]
    async with room.shop.database.transaction() as session:
        rows = [{"message_id": row["id"], "contact_id": row["contact_id"], "link": 1, "url": "https://shop.example",
                 "label": "human", "at": room.shop.now} for row in sent]  # fmt: skip
        await session.execute(sa.insert(table(Click)), rows)
    return len(rows)


async def test_the_arm_that_did_best_goes_to_the_rest(room: Newsroom) -> None:
    await room.readers(60)
    await room.starts(test=TEST)
    await room.passes(MINUTE)
    first = room.subjects()
    assert 18 <= len(first) <= 42 and set(first) == {"News of the week", "New!"}
    found = await room.progress()
    assert found.resting == 60 - len(first) and (await room.row())["status"] == "testing"
    resting = next(row for row in await room.shop.enrolled() if not row["variant"])
    async with room.shop.database.reading() as session:
        (ahead,) = await coming.coming(session, room.shop.ground.config, resting["contact_id"], room.shop.now)
    assert (ahead.at, ahead.depends) == (None, "a test of the broadcast")
    assert await _click(room, "New!") >= choosing.FEWEST
    await room.passes(HOUR)
    assert len(room.subjects()) == len(first), "the rest waits until everybody had the time to click"
    await room.passes(2 * HOUR)
    assert set(room.subjects()[len(first) :]) == {"New!"}
    assert sorted(room.addresses()) == sorted(f"reader{number}@example.org" for number in range(60))
    row = await room.row()
    assert (row["status"], row["decision"]["arm"], row["decision"]["why"]) == ("finished", "short", "best")
    async with room.shop.database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(table(Exposure))) == 0


async def test_with_too_little_to_go_by_the_first_arm_goes_and_it_is_said(room: Newsroom) -> None:
    await room.readers(40)
    await room.starts(test=TEST)
    await room.passes(MINUTE)
    first = len(room.subjects())
    await _click(room, "New!", choosing.FEWEST - 1)
    await room.passes(3 * HOUR)
    assert set(room.subjects()[first:]) == {"News of the week"}
    assert (await room.row())["decision"]["why"] == "too_little"


async def test_opening_a_mail_or_a_scanner_that_clicks_decides_nothing(room: Newsroom) -> None:
    await room.readers(40)
    await room.starts(test=TEST)
    await room.passes(MINUTE)
    await _click(room, "New!")
    async with room.shop.database.transaction() as session:
        await session.execute(sa.update(table(Click)).values(label="scanner"))
    await room.passes(3 * HOUR)
    assert (await room.row())["decision"]["why"] == "too_little"


async def test_while_it_rests_nothing_is_decided(room: Newsroom) -> None:
    await room.readers(40)
    await room.starts(test={**TEST, "share": 0.3}, throttle="1 per 10m")
    await room.passes(15 * MINUTE)
    async with room.shop.database.transaction() as session:
        await control.pause(session, "news", room.shop.now)
    sent = len(room.subjects())
    await room.passes(4 * HOUR)
    assert len(room.subjects()) == sent and (await room.row())["decision"] == {}
    async with room.shop.database.transaction() as session:
        await control.resume(session, "news", room.shop.now, "send")
    await room.passes(16 * HOUR)
    assert len(room.subjects()) == 40 and (await room.row())["decision"]["arm"] == "plain"


async def test_in_each_own_zone_the_rest_gets_it_at_that_time_of_the_first_day_after(room: Newsroom) -> None:
    await room.readers(30, timezone="Europe/Berlin")
    await room.starts(when="2026-03-05 10:00", zone="recipient", test=TEST)
    await room.passes(60 * HOUR)
    days = {row["settled_at"].isoformat() for row in await room.shop.written()}
    assert days == {"2026-03-05T09:00:00+00:00", "2026-03-06T09:00:00+00:00"}


def _chosen(metric: str, **arms: Tally) -> tuple[str, str]:
    tree = {**newsroom.PLAIN, "test": {**TEST, "metric": metric}}
    test = of("news", tree).test
    assert test is not None
    decision = choosing.choose(test, arms)
    return decision["arm"], decision["why"]


def test_what_is_chosen_by() -> None:
    assert _chosen("click", plain=Tally(100, click=9), short=Tally(50, click=6)) == ("short", "best")
    assert _chosen("click", plain=Tally(100, click=10), short=Tally(50, click=5)) == ("plain", "tie")
    assert _chosen("order", plain=Tally(100, click=50, order=5), short=Tally(100, order=6)) == ("short", "best")
    revenue = {"plain": Tally(100, order=9, spent=900), "short": Tally(100, order=6, spent=5000)}
    assert _chosen("revenue", **revenue) == ("short", "best")
    assert _chosen("click") == ("plain", "too_little")
    assert _chosen("click", plain=Tally(0), short=Tally(50, click=7)) == ("short", "best")
