"""Who is no shopper: more events than a person can make, or a program that says what it is."""

import re
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from bot.events import Happened

PER_SECOND = 25
_REMEMBERED = 20_000
_FOR = timedelta(hours=24)
_ROBOT = re.compile(r"bot\b|crawler|spider|slurp|headless|python-requests|curl/", re.I)


class Pace:
    """The last moments of each contact, in memory: one process at a time applies events.

    What a restart forgets, the condition `human_pace` asks the stored events before a mail leaves.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[int, deque[datetime]] = OrderedDict()
        self._machines: dict[int, datetime] = {}

    def is_machine(self, happened: Happened, now: datetime) -> bool:
        if _ROBOT.search(str(happened.context.get("userAgent") or "")):
            return True
        contact_id = happened.contact_id
        assert contact_id is not None
        if (since := self._machines.get(contact_id)) is not None:
            if now < since + _FOR:
                return True
            del self._machines[contact_id]
        seen = self._seen.setdefault(contact_id, deque(maxlen=PER_SECOND + 1))
        self._seen.move_to_end(contact_id)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        seen.append(happened.ts)
        if len(seen) > PER_SECOND and abs(seen[-1] - seen[0]) <= timedelta(seconds=1):
            self._machines[contact_id] = now
            return True
        return False
