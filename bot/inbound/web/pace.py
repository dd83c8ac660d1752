"""How fast one person may send events: nobody views 10,000 products in a minute."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable

PER_SECOND = 25.0  # Segment's limit for one profile
AT_ONCE = 500.0  # a server that was offline sends what it kept in one go
_PEOPLE = 50_000

_ROBOT = re.compile(r"(?<!cu)bot\b|crawl|spider|headless|lighthouse|phantomjs|slurp|facebookexternalhit", re.I)


def is_robot(user_agent: object) -> bool:
    return isinstance(user_agent, str) and _ROBOT.search(user_agent) is not None


class Pace:
    """A bucket per person in memory, so per process; people not seen lately are forgotten."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, *, per_second: float = PER_SECOND, at_once: float = AT_ONCE
    ) -> None:
        self._now = now
        self._per_second, self._at_once = per_second, at_once
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, person: str) -> bool:
        now = self._now()
        left, at = self._buckets.pop(person, (self._at_once, now))
        left = min(self._at_once, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._buckets[person] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _PEOPLE:
            self._buckets.popitem(last=False)
        return allowed
