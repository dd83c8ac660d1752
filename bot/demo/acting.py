"""What every scene of the demo needs: who plays, a door to look at, and patience until something came out of it."""

import asyncio
import re
import tomllib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bot.base import paths
from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.juniper.shop import ConnectedShop
from bot.demo.mail_catcher import Caught
from bot.demo.shop_front import Customer, ShopFront
from bot.demo.stage import Stage
from bot.demo.telegram_memory import Posted, Topic
from bot.demo.telegram_people import Person, Staff
from bot.demo.trouble import Trouble
from bot.demo.watching import Watch

_T = TypeVar("_T")
WITHIN = 20.0  # seconds in which something must come out of a door


class Acting:
    """Raises Trouble when something that must come does not."""

    def __init__(
        self, stage: Stage, watch: Watch, front: ShopFront, shop: ConnectedShop, database: Database, texts: Texts
    ) -> None:
        self.stage = stage
        self.told = watch.told
        self.tell_now = watch.look  # what came out is told before what is done because of it
        self.front = front
        self.shop = shop
        self.database = database
        self.texts = texts
        self.words = tomllib.loads((paths.templates() / "demo" / "words.toml").read_text("utf-8"))

    async def topic(self, name: str) -> Topic:
        """The topic of a new case, with its card and at least one message in it."""
        telegram = self.stage.telegram
        what = f"a topic with {name}'s case"
        topic: Topic = await self.until(what, lambda: telegram.topic_of(name))
        await self.in_topic(topic, f"{what} and its card", lambda one: one.pinned)
        return topic

    async def press(self, person: Person, data: str, topic: Topic | None = None) -> None:
        """Presses the newest button whose data looks like that (`{}` is any number), and waits for the answer to it.

        Staff press in a topic, or in General.
        """
        telegram = self.stage.telegram
        staff = isinstance(person, Staff)
        found = await self.until(f"a button {data}", lambda: button_in(self._place(person, topic), data))
        posted, button = found
        query = person.press_raw(posted, button["callback_data"])
        where = "bot" if not staff else "the card" if posted.pinned else "bot"
        who = f"{person.user['first_name']} → {where}"
        self.told.say("staff" if staff else "chat", who, f"presses [{button['text']}]")
        await self.until("the button is answered", lambda: telegram.chats.toasts[query] is not None)

    def _place(self, person: Person, topic: Topic | None) -> list[Posted]:
        telegram = self.stage.telegram
        if not isinstance(person, Staff):
            return telegram.messages(person.id)
        thread = topic.thread_id if topic else None
        return [one for one in telegram.messages(telegram.group.id) if one.thread_id == thread]

    async def in_topic(self, topic: Topic, what: str, look: Callable[[Posted], Any], within: float = WITHIN) -> Posted:
        telegram = self.stage.telegram
        found: list[Posted] = await self.until(
            what,
            lambda: [one for one in telegram.messages(telegram.group.id, topic.thread_id) if look(one)],
            within,
        )
        return found[0]

    def pattern(self, name: str) -> re.Pattern[str]:
        """What a text of ours looks like, whatever is filled in."""
        text = self.texts.say("en", name, number="\0", due="\0", score="\0", who="\0", title="\0", promise="\0")
        return re.compile(".*".join(re.escape(part) for part in text.split("\0")))

    async def mail(self, customer: Customer, what: str, *, marketing: bool = True) -> Caught:
        """The first mail of that kind: reminders and tips can be unsubscribed from, others cannot."""
        found: list[Caught] = await self.until(what, lambda: self.mails(customer, marketing))
        return found[0]

    def mails(self, customer: Customer, marketing: bool = True) -> list[Caught]:
        return [
            one for one in self.stage.catcher.to(customer.email) if bool(one.message["List-Unsubscribe"]) is marketing
        ]

    async def until(self, what: str, look: Callable[[], _T], within: float = WITHIN) -> Any:
        """The first true value; sooner or later everything that is told comes out of a door."""
        try:
            found = await self.stage.telegram.wait_for(look, within)
            self.tell_now()
            return found
        except TimeoutError:
            raise Trouble(f"{what}: did not happen within {within:.0f} s", self.stage.program.tail()) from None

    async def until_read(self, what: str, look: Callable[[], Awaitable[_T | None]]) -> _T:
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    if (found := await look()) is not None:
                        self.tell_now()
                        return found
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise Trouble(f"{what}: did not happen within {WITHIN:.0f} s", self.stage.program.tail()) from None


def button_in(place: list[Posted], data: str) -> tuple[Posted, dict[str, Any]] | None:
    wanted = re.compile(re.escape(data).replace(r"\{\}", r"\d+"))
    for posted in reversed(place):
        for one in posted.buttons:
            if wanted.match(one.get("callback_data", "")):
                return posted, one
    return None
