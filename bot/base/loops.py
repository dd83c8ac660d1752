"""The loop of one kind of due rows: look until nothing is left, then sleep until a kick or the next due row."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bot.base import clock, logs, work

log = logs.get(__name__)

LONGEST_SLEEP = 30.0
_LONGEST_PAUSE = 60.0
_BLOCKED = (0.05, 1.0)  # seconds between looks at rows that are due and that somebody else holds


class Loop:
    """One per kind and process; both engines wake it.

    `elsewhere` is told when a kick found due rows that this process may not take (another one holds the lane), so
    that the kick can be passed on.
    """

    def __init__(self, kind: work.Kind, elsewhere: Callable[[str], Awaitable[None]] | None = None) -> None:
        self.kind = kind
        self.busy = False
        self._elsewhere = elsewhere
        self._wake = asyncio.Event()
        self._rested = asyncio.Event()
        self._pass_on = False
        self._blocked = 0
        self._looked_at = clock.now()
        self._over = False

    def wake(self, *, pass_on: bool = True) -> None:
        """Look at once, or once more if a look is going on. A kick that was passed on is not passed on again."""
        self._pass_on = self._pass_on or pass_on
        self._wake.set()

    async def look(self) -> None:
        """Wake, and return when what was due is done; at once if the loop is at it already."""
        self.wake()
        if not self.busy and not self._over:
            self._rested.clear()
            await self._rested.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a batch in work is finished first. A crash is logged and tried again later and later."""
        failures = 0
        while not stop.is_set():
            self._wake.clear()
            self.busy = True
            try:
                await self._work(stop)
                pause = await self._pause()
                failures = 0
            except Exception:  # around one batch: its rows come again when their lease ends
                failures += 1
                pause = min(_LONGEST_PAUSE, 0.5 * 2**failures)
                log.exception("work failed, will try again", kind=self.kind.name, pause=pause)
            finally:
                self.busy = False
                self._rested.set()
            await _wait(stop if failures else self._wake, pause)  # kicks do not hurry what keeps failing
        self._over = True
        self._rested.set()

    async def _work(self, stop: asyncio.Event) -> None:
        self._looked_at = clock.now()
        while await self.kind.run() and not stop.is_set():
            self._blocked = 0
            await asyncio.sleep(0)
            self._looked_at = clock.now()

    async def _pause(self) -> float:
        """Seconds to sleep if nobody kicks."""
        pass_on, self._pass_on = self._pass_on, False
        at = await self.kind.next_due() if self.kind.next_due else None
        if at is None:
            return LONGEST_SLEEP
        wait = (at - clock.now()).total_seconds()
        if wait > 0:
            self._blocked = 0
            return min(wait, LONGEST_SLEEP)
        if at > self._looked_at:
            return 0.0  # it fell due while we looked: nobody holds it
        if pass_on and self._elsewhere:
            await self._elsewhere(self.kind.name)
        shortest, longest = _BLOCKED
        self._blocked += 1
        return min(longest, shortest * float(2**self._blocked))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def finish(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    """Give tasks time to end by themselves, then cancel them."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
