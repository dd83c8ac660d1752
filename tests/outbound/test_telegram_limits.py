import asyncio

import pytest

from bot.outbound import telegram_limits
from bot.outbound.sender import NotNow
from bot.outbound.telegram_limits import Limits


class Clock:
    """Time that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    telegram_limits.begin(0)
    return Limits(clock, clock.sleep)


async def test_a_person_gets_three_messages_in_three_seconds_and_the_fourth_waits(limits: Limits, clock: Clock) -> None:
    for _ in range(3):
        await limits.turn(7)
    assert clock.now == 0
    await limits.turn(8)
    assert clock.now == 0
    with pytest.raises(NotNow) as refused:
        await limits.turn(7)
    assert refused.value.seconds == pytest.approx(3.1)


async def test_a_short_wait_is_waited_out(limits: Limits, clock: Clock) -> None:
    for _ in range(3):
        await limits.turn(7)
    clock.now = 1
    await limits.turn(7)
    assert clock.now == pytest.approx(3.1)


async def test_a_group_gets_nineteen_a_minute_then_the_rest_gives_way(limits: Limits, clock: Clock) -> None:
    for _ in range(19):
        await limits.turn(-100)
    with pytest.raises(NotNow) as refused:
        await limits.turn(-100)
    assert refused.value.seconds == pytest.approx(60.5)
    await limits.turn(7)


async def test_no_window_of_a_second_sees_more_than_twenty_eight(limits: Limits, clock: Clock) -> None:
    sent: list[float] = []

    async def one(chat: int) -> None:
        await limits.turn(chat)
        sent.append(clock.now)

    await asyncio.gather(*(one(chat) for chat in range(1, 80)))
    assert len(sent) == 79
    assert all(sum(at <= other < at + 1 for other in sent) <= 28 for at in sent)


async def test_who_is_more_urgent_goes_first_when_the_bot_is_busy(limits: Limits, clock: Clock) -> None:
    order: list[int] = []

    async def one(chat: int, priority: int) -> None:
        telegram_limits.begin(priority)
        await limits.turn(chat)
        order.append(priority)

    campaign = [one(chat, 80) for chat in range(1, 45)]
    await asyncio.gather(*campaign, one(1000, 10))
    assert order.index(10) < 21, "a campaign takes at most 20 a second, so that an answer finds a place"


async def test_a_frozen_chat_is_silent_and_others_are_not(limits: Limits, clock: Clock) -> None:
    limits.freeze(7, 30)
    with pytest.raises(NotNow) as refused:
        await limits.turn(7)
    assert refused.value.seconds == pytest.approx(30)
    await limits.turn(8)
    clock.now = 30
    await limits.turn(7)


async def test_what_is_half_done_waits_longer_than_what_was_not_begun(limits: Limits, clock: Clock) -> None:
    limits.freeze(7, 20)
    telegram_limits.half_done()
    await limits.turn(7)
    assert clock.now == pytest.approx(20)
