"""The day of the sample shop: who does what, and what must have come out of which door before the next step."""

import asyncio
import re
import tomllib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from automations import report as flow_report
from bot.base import paths
from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo import report, sample_shop
from bot.demo.mail_catcher import Caught
from bot.demo.shop_front import Customer, ShopFront
from bot.demo.stage import PROMISE, Stage
from bot.demo.telegram_memory import Posted, Topic
from bot.demo.telegram_people import Person, Shopper, Staff
from bot.demo.trouble import Trouble
from bot.demo.watching import Watch

_T = TypeVar("_T")
_WITHIN = 20.0  # seconds in which something must come out of a door; waits of the story are below

ANNA = Customer("cust-1", "Anna", "anna@example.com")
CLARA = Customer("cust-2", "Clara", "clara@example.com")
DEV = Customer("cust-3", "Dev", "dev@example.com", consents=False)
EMMA = Customer("cust-4", "Emma", "emma@example.com")
MEI = Customer("cust-5", "Mei", "mei@example.com", language="zh-CN")
CUSTOMERS = (ANNA, CLARA, DEV, EMMA, MEI)
MUG, LAMP, CHAIR, SCARF, FERN = sample_shop.WARES


class Day:
    """`play()` once. Raises Trouble when something that must come does not."""

    def __init__(self, stage: Stage, watch: Watch, front: ShopFront, database: Database, texts: Texts) -> None:
        self.stage = stage
        self.told = watch.told
        self.tell_now = watch.look  # what came out is told before what is done because of it
        self.front = front
        self.database = database
        self.texts = texts
        self.words = tomllib.loads((paths.templates() / "demo" / "words.toml").read_text("utf-8"))
        telegram = stage.telegram
        self.anna = telegram.shopper(1001, "Anna", "en")
        self.ben = telegram.shopper(1002, "Ben", "en")
        self.clara = telegram.shopper(1004, "Clara", "en")
        self.li_wei = telegram.shopper(1003, "Li Wei", "zh-hans")
        self.mia = telegram.staff(9001, "Mia", "en")
        self._checkout: dict[str, Any] = {}

    async def play(self) -> None:
        await self._chapter("Questions: a ready answer, or a person")
        await self._anna_asks()
        li_weis = await self._li_wei_asks()
        await self._chapter("In the shop: five customers look around and leave")
        await self._customers_leave()
        await self._clara_orders()
        await self._chapter("A case for a person: Ben's lamp")
        await self._ben_is_helped()
        await self._chapter("The reminders come")
        await self._mails_arrive()
        await self._anna_comes_back()
        await self._emma_and_mei_go_on()
        await self._the_same_again()
        await self._chapter("Where is my order? The chat does not know Clara yet")
        await self._clara_proves_who_she_is()
        await self._chapter("Li Wei still waits")
        await self._li_wei_is_late(li_weis)
        await self._chapter("Who got no mail, and why")
        await self._no_mail()
        await self._nothing_twice()

    async def _chapter(self, title: str) -> None:
        self.tell_now()
        await asyncio.sleep(0.7)
        self.told.heading(title)

    # -- the desk ---------------------------------------------------------------------------------------------------

    async def _anna_asks(self) -> None:
        self.anna.says(self.words["anna"]["question"])
        await self._until("Anna gets a ready answer", lambda: self.anna.received)

    async def _li_wei_asks(self) -> Topic:
        said = self.words["li_wei"]
        self.li_wei.says(said["question"])
        await self._until("Li Wei gets a ready answer", lambda: self.li_wei.received)
        await asyncio.sleep(0.8)
        self.li_wei.says(said["request"])
        return await self._topic("Li Wei")

    async def _ben_is_helped(self) -> None:
        said = self.words["ben"]
        self.ben.sends_photo(said["request"])
        topic = await self._topic("Ben")
        await asyncio.sleep(1.5)
        await self._answer(self.ben, topic, said["answer"])
        await asyncio.sleep(0.8)
        self.ben.says(said["thanks"])
        await self._in_topic(topic, "Ben's thanks are in the topic", lambda one: said["thanks"] in one.text)
        await self._clock(topic, "met")
        await self._close(self.ben, topic)
        await self._rate(self.ben, 5)

    async def _li_wei_is_late(self, topic: Topic) -> None:
        said, group = self.words["li_wei"], self.stage.telegram
        missed = self._pattern("staff.sla.breached")
        what = "the missed promise is told in Li Wei's topic"
        await self._in_topic(topic, what, lambda one: missed.search(one.text), PROMISE + _WITHIN)
        await asyncio.sleep(2.0)
        await self._answer(self.li_wei, topic, said["answer"])
        await self._clock(topic, "breached")
        await self._close(self.li_wei, topic)
        low = self._pattern("staff.low_score")
        await self._rate(self.li_wei, 1)
        await self._until(
            "all staff hear of the low rating",
            lambda: [one for one in group.messages(group.group.id) if one.thread_id is None and low.search(one.text)],
        )
        self.li_wei.says(said["comment"])
        await self._until(
            "all staff read the comment",
            lambda: [
                one for one in group.messages(group.group.id) if said["comment"] in one.text and not one.thread_id
            ],
        )

    async def _clara_proves_who_she_is(self) -> None:
        """Orders are told to nobody who could be anybody: a code to the address of the order shows that it is she."""
        self.clara.says(self.words["clara"]["question"])
        await self._until("Clara is asked for her mail address", lambda: self.clara.received)
        await asyncio.sleep(0.6)
        self.clara.says(CLARA.email)
        mail = await self._mail(CLARA, "the mail with Clara's code", marketing=False)
        code = re.search(r"\b\d{3} ?\d{3}\b", mail.part("plain"))
        if code is None:
            raise Trouble(f"no code in {mail.file}")
        await asyncio.sleep(0.6)
        self.clara.says(code[0])
        await self._until("Clara reads how her order stands", lambda: "#1001" in self.clara.received[-1].text)

    async def _topic(self, name: str) -> Topic:
        """The topic of a new case, with its card and at least one message in it."""
        telegram = self.stage.telegram
        what = f"a topic with {name}'s case"
        topic: Topic = await self._until(what, lambda: telegram.topic_of(name))
        await self._in_topic(topic, f"{what} and its card", lambda one: one.pinned)
        return topic

    async def _answer(self, shopper: Shopper, topic: Topic, words: str) -> None:
        """Mia takes the case and writes in its topic, as staff do."""
        await self._press(self.mia, "1:take:", topic)
        self.mia.says(words, topic.thread_id)
        name = shopper.user["first_name"]
        await self._until(f"{name} gets Mia's answer", lambda: [one for one in shopper.received if words in one.text])

    async def _clock(self, topic: Topic, state: str) -> None:
        self.mia.says("/sla", topic.thread_id)
        verdict = self.texts.say("en", f"staff.sla.state.{state}")
        await self._in_topic(topic, f"/sla says “{verdict}”", lambda one: one.by_bot and verdict in one.text)

    async def _close(self, shopper: Shopper, topic: Topic) -> None:
        self.mia.says("/close", topic.thread_id)
        name = shopper.user["first_name"]
        await self._until(f"{name} is asked for a rating", lambda: _button(shopper.received, "1:rate:"))
        await self._until(f"the topic of {name} is closed", lambda: topic.closed)

    async def _rate(self, shopper: Shopper, score: int) -> None:
        await asyncio.sleep(0.8)
        before = len(shopper.received)
        await self._press(shopper, f"1:rate:{{}}:{score}")
        await self._until("thanks for the rating", lambda: len(shopper.received) > before)

    async def _press(self, person: Person, data: str, topic: Topic | None = None) -> None:
        """Presses the newest button whose data looks like that (`{}` is any number), and waits for the answer to it."""
        telegram = self.stage.telegram
        place = telegram.messages(telegram.group.id, topic.thread_id) if topic else telegram.messages(person.id)
        found = await self._until(f"a button {data}", lambda: _button(place, data))
        posted, button = found
        query = person.press_raw(posted, button["callback_data"])
        who = f"{person.user['first_name']} → {'the card' if topic else 'bot'}"
        self.told.say("staff" if isinstance(person, Staff) else "chat", who, f"presses [{button['text']}]")
        await self._until("the button is answered", lambda: telegram.chats.toasts[query] is not None)

    async def _in_topic(
        self, topic: Topic, what: str, look: Callable[[Posted], Any], within: float = _WITHIN
    ) -> Posted:
        telegram = self.stage.telegram
        found: list[Posted] = await self._until(
            what,
            lambda: [one for one in telegram.messages(telegram.group.id, topic.thread_id) if look(one)],
            within,
        )
        return found[0]

    def _pattern(self, name: str) -> re.Pattern[str]:
        """What a text of ours looks like, whatever is filled in."""
        text = self.texts.say("en", name, number="\0", due="\0", score="\0", who="\0", promise="\0")
        return re.compile(".*".join(re.escape(part) for part in text.split("\0")))

    # -- the shop ---------------------------------------------------------------------------------------------------

    async def _customers_leave(self) -> None:
        self._checkout = self._started(ANNA, "chk-anna", LAMP, MUG)
        front, viewed = self.front, "Product Viewed"
        calls = [front.event(ANNA, viewed, **front.product(LAMP)), self._added(ANNA, LAMP), self._checkout]
        await self._leave(ANNA, calls, "puts a lamp and a mug into the cart, goes to the checkout, leaves")
        await self._leave(CLARA, [self._started(CLARA, "chk-clara", CHAIR)], "starts to order a chair, leaves")
        words = "starts to order a scarf, leaves; never allowed any mail"
        await self._leave(DEV, [self._started(DEV, "chk-dev", SCARF)], words)
        fern = [front.event(EMMA, viewed, **front.product(FERN)) for _look in range(2)]
        await self._leave(EMMA, fern, "looks at a fern twice, leaves")
        await self._leave(MEI, [self._added(MEI, MUG)], "(reads Chinese) puts a mug into the cart, leaves")

    async def _leave(self, customer: Customer, calls: list[dict[str, Any]], words: str) -> None:
        await self.front.send(customer, [self.front.identify(customer), *calls], words)
        await asyncio.sleep(0.15)

    def _added(self, customer: Customer, ware: sample_shop.Ware) -> dict[str, Any]:
        cart = f"cart-{customer.user_id}"
        return self.front.event(customer, "Product Added", cart_id=cart, **self.front.product(ware))

    def _started(self, customer: Customer, checkout: str, *wares: sample_shop.Ware) -> dict[str, Any]:
        products = [self.front.product(ware) for ware in wares]
        value = round(sum(ware.price for ware in wares), 2)
        url = f"{self.stage.shop_url}/checkouts/{checkout}"
        return self.front.event(
            customer, "Checkout Started", checkout_id=checkout, value=value, products=products, checkout_url=url
        )

    async def _clara_orders(self) -> None:
        await asyncio.sleep(1.0)
        await self.front.order(CLARA, [CHAIR], 1001, "chk-clara", "comes back by herself and orders:")
        await self._told_why(CLARA, "abandoned_checkout", "Clara's reminder is called off", "goal")

    async def _mails_arrive(self) -> None:
        for customer, about in ((ANNA, "checkout"), (EMMA, "fern"), (MEI, "cart")):
            await self._mail(customer, f"the mail to {customer.name} about the {about}")

    async def _anna_comes_back(self) -> None:
        mail = await self._mail(ANNA, "the mail to Anna")
        link = re.search(r'<a[^>]+href="([^"]*/c/[^"]+)"[^>]*>\s*Finish my order', mail.part("html"))
        if link is None:
            raise Trouble(f"no button “Finish my order” in {mail.file}")
        await asyncio.sleep(0.8)
        url = link[1].replace("&amp;", "&")
        await self.front.follow(ANNA, url, "presses [Finish my order]")
        await asyncio.sleep(0.8)
        await self.front.order(ANNA, [LAMP, MUG], 1002, "chk-anna", "orders:")
        revenue = await self._until_read("Anna's order is credited to the mail", self._revenue)
        self.told.say(
            "report", ANNA.name, f"abandoned_checkout: the mail is credited with {revenue} (without shipping)"
        )
        await self._told_why(ANNA, "abandoned_checkout", "Anna's flow has ended", "goal")

    async def _revenue(self) -> str | None:
        async with self.database.reading() as session:
            flows = await flow_report.flows(session)
        credited = next((flow.revenue for flow in flows if flow.flow == "abandoned_checkout" and flow.orders), None)
        return report.amounts(credited) if credited else None

    async def _emma_and_mei_go_on(self) -> None:
        mail = await self._mail(EMMA, "the mail to Emma")
        url = str(mail.message["List-Unsubscribe"] or "")
        found = re.search(r"<(https?://[^>]+)>", url)
        if found is None:
            raise Trouble(f"no List-Unsubscribe address in {mail.file}")
        await self.front.unsubscribe(EMMA, found[1])
        await asyncio.sleep(0.4)
        words = "starts to order the fern after all, leaves"
        await self.front.send(EMMA, [self._started(EMMA, "chk-emma", FERN)], words)
        words = "goes to the checkout with the mug, leaves again"
        await self.front.send(MEI, [self._started(MEI, "chk-mei", MUG)], words)

    async def _no_mail(self) -> None:
        await self._told_why(DEV, "abandoned_checkout", "why Dev got no mail", "no_consent")
        await self._told_why(EMMA, "abandoned_checkout", "why Emma got no second mail", "unsubscribed")
        await self._told_why(MEI, "abandoned_checkout", "why Mei got no second mail so soon", "frequency_cap")

    async def _the_same_again(self) -> None:
        await self.front.send(ANNA, [self._checkout], "the shop page sends the same event once more")
        words = "the shop delivers the same webhooks once more:"
        await self.front.order(ANNA, [LAMP, MUG], 1002, "chk-anna", words, again=True)

    async def _nothing_twice(self) -> None:
        """By now a second reminder would have come."""
        await self._mail(CLARA, "the mail to Clara about the care of her chair")
        sent = self._mails(ANNA)
        if len(sent) != 1:
            raise Trouble(f"Anna got {len(sent)} mails where one was right")
        words = "still 1 mail: what came twice was done once"
        self.told.say("mail", "shop → anna", words, "counted at SMTP")

    async def _told_why(self, customer: Customer, flow: str, what: str, reason: str) -> None:
        """Waits until the program's own explanation gives this reason, and tells it."""

        async def look() -> report.Why | None:
            async with self.database.reading() as session:
                known = await report.why_of(session, customer.email, customer.name)
            return next((one for one in known if one.flow == flow and reason in one.because), None)

        one = await self._until_read(what, look)
        self.told.say("report", customer.name, f"{flow}: {one.ended}; {one.because}")

    # -- waiting ----------------------------------------------------------------------------------------------------

    async def _mail(self, customer: Customer, what: str, *, marketing: bool = True) -> Caught:
        """The first mail of that kind: reminders and tips can be unsubscribed from, others cannot."""
        found: list[Caught] = await self._until(what, lambda: self._mails(customer, marketing))
        return found[0]

    def _mails(self, customer: Customer, marketing: bool = True) -> list[Caught]:
        return [
            one for one in self.stage.catcher.to(customer.email) if bool(one.message["List-Unsubscribe"]) is marketing
        ]

    async def _until(self, what: str, look: Callable[[], _T], within: float = _WITHIN) -> Any:
        """The first true value; sooner or later everything that is told comes out of a door."""
        try:
            found = await self.stage.telegram.wait_for(look, within)
            self.tell_now()
            return found
        except TimeoutError:
            raise Trouble(f"{what}: did not happen within {within:.0f} s", self.stage.program.tail()) from None

    async def _until_read(self, what: str, look: Callable[[], Awaitable[_T | None]]) -> _T:
        try:
            async with asyncio.timeout(_WITHIN):
                while True:
                    if (found := await look()) is not None:
                        self.tell_now()
                        return found
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise Trouble(f"{what}: did not happen within {_WITHIN:.0f} s", self.stage.program.tail()) from None


def _button(place: list[Posted], data: str) -> tuple[Posted, dict[str, Any]] | None:
    wanted = re.compile(re.escape(data).replace(r"\{\}", r"\d+"))
    for posted in reversed(place):
        for one in posted.buttons:
            if wanted.match(one.get("callback_data", "")):
                return posted, one
    return None
