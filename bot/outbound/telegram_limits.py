"""Telegram's limits, kept by ourselves: sliding windows over all chats, per person and per group, people first.

A token bucket lets rate + burst through in its first second and was refused 26 times in a trial; sliding windows none.

In a group words and alerts keep their place in the queue when they give way, cards always leave a fifth of the calls to
them, digests half. What is only nice to have (`spare`) is not sent where the group is busy.
"""

import asyncio
import bisect
import itertools
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from bot.outbound.sender import NotNow

_CAMPAIGNS = 80
_SHORT, _LONG = 3.0, 40.0  # seconds
_KEEPS_ITS_PLACE = 30  # up to this priority
_LEAVES_A_FIFTH, _LEAVES_HALF = 40, 60
_GRACE = 2.0  # seconds that a place is kept for whoever is late for the turn
_BUSY = 0.5
_priority: ContextVar[int] = ContextVar("telegram_priority", default=0)  # outside the outbox: answers to people
_name: ContextVar[str] = ContextVar("telegram_name", default="")
_spare: ContextVar[bool] = ContextVar("telegram_spare", default=False)
_place: ContextVar[int | None] = ContextVar("telegram_place", default=None)
_patience: ContextVar[float] = ContextVar("telegram_patience", default=_SHORT)


class Busy(Exception):  # noqa: N818 - an answer, not a failure
    """The group has no calls to spare."""


def begin(priority: int, name: str = "", *, spare: bool = False) -> None:
    """What this task sends from here on has that priority, the lower the sooner, and gives way if it must wait.

    `name` is what it is called when it comes back. `spare`: it is left out where the group is busy (Busy is raised).
    """
    _priority.set(priority)
    _name.set(name)
    _spare.set(spare)
    _place.set(None)
    _patience.set(_SHORT)


def half_done() -> None:
    """Some of it has left: what follows waits for its turn, rather than being begun again from the start."""
    _patience.set(_LONG)


class Window:
    """At most `size` in any `seconds`."""

    def __init__(self, size: int, seconds: float) -> None:
        self.size = size
        self.seconds = seconds
        self._sent: deque[float] = deque()

    def wait(self, now: float, ahead: int = 0) -> float:
        """Seconds until the next may go, with `ahead` others before it."""
        while self._sent and self._sent[0] <= now - self.seconds:
            self._sent.popleft()
        behind = ahead - (self.size - len(self._sent))
        if behind < 0:
            return 0.0
        rounds, place = divmod(behind, self.size)
        first = self._sent[place] if place < len(self._sent) else now
        return first + self.seconds * (rounds + 1) - now

    def note(self, now: float) -> None:
        self._sent.append(now)

    def used(self, now: float) -> float:
        """The part of it that is used up."""
        self.wait(now)
        return min(1.0, len(self._sent) / self.size)

    @property
    def idle(self) -> bool:
        return not self._sent


class Limits:
    """One object per bot and process, shared by everything that sends (both senders hold one lane between them)."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        per_second: int = 28,
        group_per_minute: int = 19,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._all = Window(per_second, 1.05)
        self._campaigns = Window(max(1, per_second * 5 // 7), 1.05)  # so that campaigns always leave room for people
        self._group = group_per_minute
        self._chats: dict[int, Window] = {}
        self._frozen: dict[int, float] = {}
        self._waiting: list[tuple[int, int, int]] = []
        self._kept: dict[tuple[int, str], tuple[int, int, float]] = {}
        self._numbers = itertools.count()

    async def turn(self, chat_id: int, count: int = 1) -> None:
        """Returns when a call into this chat may leave. Raises NotNow if that is further away than it may wait.

        `count` messages come of it (an album); so many as a window holds at most are waited for.
        """
        me = (_priority.get(), self._number(chat_id), chat_id)
        until = self._clock() + _patience.get()
        if _spare.get() and self.pressure(chat_id) > _BUSY:
            raise Busy
        bisect.insort(self._waiting, me)
        try:
            while (wait := self._wait(me, count)) > 0:
                if self._clock() + wait > until:
                    self._keep(me, wait)
                    raise NotNow(wait)
                await self._sleep(wait)
            for _ in range(count):
                self._note(me)
        finally:
            self._waiting.remove(me)

    def pressure(self, chat_id: int) -> float:
        """How much of what may go into this chat is used up: 0 nothing, 1 all of it."""
        now = self._clock()
        return 1.0 if self._frozen.get(chat_id, 0.0) > now else self._chat(chat_id).used(now)

    def _number(self, chat_id: int) -> int:
        """The place in the queue: one for everything that comes of a message, kept while it gave way."""
        number = _place.get()
        kept = self._kept.pop((chat_id, _name.get()), None)
        if number is None:
            number = kept[1] if kept else next(self._numbers)
            _place.set(number)
        return number

    def _keep(self, me: tuple[int, int, int], wait: float) -> None:
        level, number, chat_id = me
        if chat_id < 0 and level <= _KEEPS_ITS_PLACE and _name.get():
            self._kept[(chat_id, _name.get())] = (level, number, self._clock() + wait + _GRACE)

    def freeze(self, chat_id: int, seconds: float) -> None:
        """Telegram asked for silence in this chat (429): nothing goes there until then."""
        self._frozen[chat_id] = max(self._frozen.get(chat_id, 0.0), self._clock() + seconds)

    def _wait(self, me: tuple[int, int, int], count: int) -> float:
        now, (level, _, chat_id) = self._clock(), me
        before = self._waiting[: bisect.bisect_left(self._waiting, me)]
        here = sum(one[2] == chat_id for one in before) + self._ahead(me, now) + self._left_to_others(me)
        window = self._chat(chat_id)
        wait = max(window.wait(now, here + min(count, window.size) - 1), self._frozen.get(chat_id, 0.0) - now)
        if wait > 0:
            return wait
        going = sum(self._free(one[2], now) for one in before)
        wait = self._all.wait(now, going + min(count, self._all.size) - 1)
        return max(wait, self._campaigns.wait(now)) if level >= _CAMPAIGNS else wait

    def _ahead(self, me: tuple[int, int, int], now: float) -> int:
        """Who gave way and has a better place in this chat."""
        for name in [name for name, kept in self._kept.items() if kept[2] <= now]:
            del self._kept[name]
        return sum(name[0] == me[2] and kept[:2] < me[:2] for name, kept in self._kept.items())

    def _left_to_others(self, me: tuple[int, int, int]) -> int:
        level, _, chat_id = me
        if chat_id >= 0 or level < _LEAVES_A_FIFTH:
            return 0
        return self._group // 2 if level >= _LEAVES_HALF else self._group // 5

    def _free(self, chat_id: int, now: float) -> bool:
        return self._frozen.get(chat_id, 0.0) <= now and self._chat(chat_id).wait(now) <= 0

    def _note(self, me: tuple[int, int, int]) -> None:
        now = self._clock()
        self._all.note(now)
        self._chat(me[2]).note(now)
        if me[0] >= _CAMPAIGNS:
            self._campaigns.note(now)
        if len(self._chats) > 5000:
            self._forget(now)

    def _chat(self, chat_id: int) -> Window:
        window = self._chats.get(chat_id)
        if window is None:
            window = self._chats[chat_id] = Window(self._group, 60.5) if chat_id < 0 else Window(3, 3.1)
        return window

    def _forget(self, now: float) -> None:
        waiting = {one[2] for one in self._waiting}
        for chat_id in [chat_id for chat_id, window in self._chats.items() if math.isclose(window.wait(now), 0.0)]:
            if self._chats[chat_id].idle and chat_id not in waiting:
                del self._chats[chat_id]
        self._frozen = {chat_id: until for chat_id, until in self._frozen.items() if until > now}
