"""The day of the sample shop: who does what, and what must have come out of which door before the next step."""

import asyncio
import re
from typing import Any

from sqlmodel import col, select

from automations.reports import report as flow_report
from bot.demo import report, sample_shop
from bot.demo.at_the_desk import AtTheDesk
from bot.demo.customers import ANNA, CLARA, DEV, EMMA, MEI
from bot.demo.shop_front import Customer
from bot.demo.trouble import Trouble
from bot.tables.shop import Order

MUG, LAMP, CHAIR, SCARF, FERN = sample_shop.WARES
_A_SECOND = 1.1
"""The shop tells times in whole seconds: an order within the second of what led to it would seem to come before."""


class Day(AtTheDesk):
    """`play()` once: the desk between what customers do in the shop. Raises Trouble as every scene does."""

    def __init__(self, *what: Any) -> None:
        super().__init__(*what)
        self._checkout: dict[str, Any] = {}

    async def play(self) -> None:
        await self._chapter("The shop is connected: its webhooks, and what it has")
        await self.shop.connect()
        await self._chapter("Questions: a ready answer, or a person")
        await self.anna_asks()
        li_weis = await self.li_wei_asks()
        await self._chapter("In the shop: five customers look around and leave")
        await self._customers_leave()
        await self._clara_orders()
        await self._chapter("A case for a person: Ben's lamp")
        await self.ben_is_helped()
        await self._chapter("The reminders come")
        await self._mails_arrive()
        await self._anna_comes_back()
        await self._emma_and_mei_go_on()
        await self._the_same_again()
        await self._chair_leaves()
        await self._chapter("Where is my order? The chat does not know Clara yet")
        await self.clara_proves_who_she_is()
        await self._chapter("Li Wei still waits")
        await self.li_wei_is_late(li_weis)
        await self._chapter("Ben's wish comes true")
        await self.wish_comes_true()
        await self._chapter("Who got no mail, and why")
        await self._no_mail()
        await self._nothing_twice()
        await self._chapter("Something comes back, and a webhook is lost")
        await self._mug_comes_back()
        await self._order_is_found()

    async def _chapter(self, title: str) -> None:
        self.tell_now()
        await asyncio.sleep(0.7)
        self.told.heading(title)

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
        await asyncio.sleep(_A_SECOND)
        await self.shop.order(CLARA, [CHAIR], 1001, "chk-clara", "comes back by herself and orders:")
        await self._told_why(CLARA, "abandoned_checkout", "Clara's reminder is called off", "goal")

    async def _mails_arrive(self) -> None:
        for customer, about in ((ANNA, "checkout"), (EMMA, "fern"), (MEI, "cart")):
            await self.mail(customer, f"the mail to {customer.name} about the {about}")

    async def _anna_comes_back(self) -> None:
        mail = await self.mail(ANNA, "the mail to Anna")
        link = re.search(r'<a[^>]+href="([^"]*/c/[^"]+)"[^>]*>\s*Finish my order', mail.part("html"))
        if link is None:
            raise Trouble(f"no button “Finish my order” in {mail.file}")
        await asyncio.sleep(0.8)
        url = link[1].replace("&amp;", "&")
        await self.front.follow(ANNA, url, "presses [Finish my order]")
        await asyncio.sleep(_A_SECOND)
        await self.shop.order(ANNA, [LAMP, MUG], 1002, "chk-anna", "orders:")
        revenue = await self.until_read("Anna's order is credited to the mail", self._revenue)
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
        mail = await self.mail(EMMA, "the mail to Emma")
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
        await self.shop.repeat(ANNA, 1002, "the shop delivers the same webhook once more:")

    async def _chair_leaves(self) -> None:
        await self.shop.send_parcel(CLARA, 1001, "JJD000390007", "the chair leaves:")

    async def _mug_comes_back(self) -> None:
        """What was paid back is no revenue of the mail any more."""
        before = await self._revenue()
        await self.shop.refund(ANNA, 1002, MUG, "gets her money back:")

        async def less() -> str | None:
            now = await self._revenue()
            return now if now != before else None

        revenue = await self.until_read("the refund is taken off the mail's revenue", less)
        self.told.say("report", ANNA.name, f"abandoned_checkout: the mail is credited with {revenue}, no more {before}")

    async def _order_is_found(self) -> None:
        await self.shop.order_unheard(EMMA, [FERN], 1003, "orders the fern after all:")
        await asyncio.sleep(0.8)
        await self.shop.compare()

        async def known() -> Order | None:
            async with self.database.reading() as session:
                return await session.scalar(
                    select(Order).where(col(Order.number) == "#1003", col(Order.status) == "paid")
                )

        order = await self.until_read("the order that was lost is there", known)
        self.told.say("report", EMMA.name, f"order {order.number}: {order.status}, known without any webhook")

    async def _nothing_twice(self) -> None:
        """By now a second reminder would have come."""
        await self.mail(CLARA, "the mail to Clara about the care of her chair")
        sent = self.mails(ANNA)
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

        one = await self.until_read(what, look)
        self.told.say("report", customer.name, f"{flow}: {one.ended}; {one.because}")
