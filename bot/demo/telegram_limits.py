"""The stand-in's clock, and Telegram's limits on what a bot may send in a while.

The numbers are those of https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram_faults import too_many

_COUNTED = ("send", "copy", "forward", "editMessage", "createForumTopic", "editForumTopic", "pinChatMessage")
_COUNTED_TOO = ("closeForumTopic", "reopenForumTopic", "editGeneralForumTopic", "closeGeneral", "reopenGeneral")


class Clock:
    """Seconds since 1970, with a hand to move: after `forward(60)` it is a minute later."""

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        self._base = base
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._base() + self._ahead

    def forward(self, seconds: float) -> None:
        self._ahead += seconds


def weight(method: str, values: Mapping[str, Any]) -> int:
    """How many messages a call is. Reactions, chat actions, answers to buttons, and deleting are free."""
    if method == "sendChatAction" or not method.startswith(_COUNTED + _COUNTED_TOO):
        return 0
    several = values.get("media") if method == "sendMediaGroup" else values.get("message_ids")
    return max(1, len(several)) if isinstance(several, list) else 1


@dataclass
class Limits:
    """Refuses with 429 and `retry_after` beyond Telegram's limits when `strict`; each number may be changed meanwhile,
    as Telegram's own are said to be elastic.

    `group_per_minute` counts in any 60 s. `person_burst` is how many may follow at once on a person's way of one a
    second. An album or several copies count one each, but are refused only when something went before.
    """

    clock: Callable[[], float] = field(default_factory=Clock)
    strict: bool = False
    per_second: int = 30
    group_per_minute: int = 20
    person_burst: int = 3
    _sent: list[tuple[float, int, int]] = field(default_factory=list)
    _held: dict[int, float] = field(default_factory=dict)

    def hold(self, chat_id: int, seconds: float) -> None:
        """From now on everything into this chat is refused for so long, strict or not."""
        self._held[chat_id] = self.clock() + seconds

    def take(self, chat_id: int, count: int) -> None:
        """Note what is sent. Raises Refused (429) if that is too much, and then it was not sent and does not count.

        What is refused for another reason counts all the same.
        """
        now = self.clock()
        wait = self._held.get(chat_id, now) - now
        if self.strict:
            self._sent = [one for one in self._sent if one[0] > now - 60]
            here = [(at, size) for at, chat, size in self._sent if chat == chat_id]
            if chat_id < 0:
                wait = max(wait, _wait(here, now, 60.0, self.group_per_minute, count))
            else:
                single = [(at, 1) for at, _ in here]
                wait = max(wait, _wait(single, now, float(self.person_burst), self.person_burst, 1))
            everywhere = [(at, size) for at, _, size in self._sent]
            wait = max(wait, _wait(everywhere, now, 1.0, self.per_second, count))
        if wait > 0:
            raise too_many(math.ceil(wait))
        self._sent.append((now, chat_id, count))


def _wait(sent: list[tuple[float, int]], now: float, seconds: float, size: int, count: int) -> float:
    """Seconds until `count` more fit into a window of `size` in `seconds`; 0 when they do."""
    inside = [one for one in sent if one[0] > now - seconds]
    taken = sum(number for _, number in inside)
    for at, number in [(now, 0), *inside]:
        taken -= number
        if taken + count <= size or taken <= 0:
            return 0.0 if number == 0 else at + seconds - now
    return 0.0
