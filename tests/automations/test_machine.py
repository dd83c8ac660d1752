"""Whatever happens in whatever order: no step is sent twice, none after its end, none without consent, none at night,
none over the cap. Events come late, early and twice; workers die and come back; clocks jump; flows are edited.
"""

import asyncio
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import shop_world
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.definition import versions
from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.sender import Outgoing, Receipt

PEOPLE = {
    "ada@example.org": "Europe/Berlin",
    "bob@example.org": "America/New_York",
    "cyd@example.org": "Pacific/Auckland",
}
people = st.sampled_from(sorted(PEOPLE))
carts = st.sampled_from(["c1", "c2"])
products = st.sampled_from(["lamp", "vase"])
skews = st.sampled_from([timedelta(0), timedelta(0), -4 * MINUTE, 4 * MINUTE, -3 * HOUR])
spans = st.sampled_from([20 * MINUTE, 61 * MINUTE, 5 * HOUR, 5 * HOUR, 9 * HOUR, 14 * HOUR, DAY])
seldom = st.sampled_from([False, False, False, True])


class Died(BaseException):
    """The process is gone in the middle of handing over."""


class Shop(RuleBasedStateMachine):
    """Two processes over one database; `wants` is what each person said last."""

    template: Path
    texts: Texts

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "aftercart.db"
        shutil.copy(self.template, file)
        self.database = Database(f"sqlite:///{file}")
        self.wrong: list[str] = []
        self.left: dict[str, list[datetime]] = defaultdict(list)
        self.seen: set[tuple[int, str]] = set()
        self.wants: dict[str, bool] = {}
        self.numbers: dict[int, str] = {}
        self.dies = False
        self.last: tuple[str, str, dict[str, Any]] | None = None
        self.edits = 0
        self.one = self._run(shop_world.opened(self.database, self.texts))
        self.two = self._run(shop_world.opened(self.database, self.texts))
        for world in (self.one, self.two):
            world.answer = self._taken
        for address, zone in PEOPLE.items():
            self.numbers[self._run(self.one.person(address, timezone=zone))] = address
            self.wants[address] = True

    def _run(self, work: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await work

        return self.runner.run(done())

    def teardown(self) -> None:
        self._run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    # -- what the relay sees ---------------------------------------------------------------------------------------

    def _taken(self, message: Outgoing) -> Receipt:
        address, now = message.receiver, self.one.now
        step = (message.row["enrolment_id"], message.row["step_id"])
        if step in self.seen:
            self.wrong.append(f"{step} was sent twice")
        self.seen.add(step)
        if not self.wants.get(address, False):
            self.wrong.append(f"{step} went to {address} without consent")
        hour = now.astimezone(ZoneInfo(PEOPLE[address])).hour
        if hour >= 21 or hour < 8:
            self.wrong.append(f"{step} went to {address} at {hour} o'clock")
        self.left[address].append(now)
        times = [at for at in self.left[address] if at > now - 7 * DAY]
        if len(times) > 4 or any(at > now - 16 * HOUR for at in times[:-1]):
            self.wrong.append(f"{step} went to {address} over the cap: {times}")
        if self.dies:
            self.dies = False
            raise Died
        return Receipt(now, f"p{message.id}")

    # -- what may happen -------------------------------------------------------------------------------------------

    @rule(who=people)
    def is_busy_in_the_shop(self, who: str) -> None:
        """Enters two flows at once: the mail of the one takes the slot of the other."""
        for _ in range(2):
            self.looks(who, "vase", timedelta(0))
        self._run(self._passes(3 * HOUR))
        self.adds(who, "c1", "lamp", timedelta(0))
        self._run(self._passes(HOUR))

    @rule(who=people, cart=carts, product=products, skew=skews)
    def adds(self, who: str, cart: str, product: str, skew: timedelta) -> None:
        self._happens("Product Added", who, skew, product_id=product, cart_id=f"{cart}-{who[0]}", price=5, quantity=1,
                      currency="EUR", name=product)  # fmt: skip

    @rule(who=people, product=products, skew=skews)
    def looks(self, who: str, product: str, skew: timedelta) -> None:
        self._happens("Product Viewed", who, skew, product_id=product, category="Lights")

    @rule(who=people, cart=carts, skew=skews)
    def checks_out(self, who: str, cart: str, skew: timedelta) -> None:
        lines = [{"product_id": "lamp", "name": "Lamp", "price": 5, "quantity": 1}]
        self._happens("Checkout Started", who, skew, checkout_id=f"k{cart}-{who[0]}", products=lines, currency="EUR")

    @rule(who=people, cart=carts, skew=skews, number=st.integers(1, 3), really=seldom)
    def orders(self, who: str, cart: str, skew: timedelta, number: int, really: bool) -> None:
        if not really:
            return
        self._happens("Order Completed", who, skew, order_id=f"o{number}-{who[0]}", checkout_id=f"k{cart}-{who[0]}",
                      currency="EUR", revenue=5,
                      products=[{"product_id": "lamp", "quantity": 1, "price": 5}])  # fmt: skip

    @rule()
    def the_same_event_again(self) -> None:
        if self.last:
            name, who, properties = self.last
            self._happens(name, who, timedelta(0), **properties)

    @rule(who=people, really=seldom)
    def unsubscribes(self, who: str, really: bool) -> None:
        if not really:
            return
        self.wants[who] = False
        self._run(self._consent(who, contacts.withdraw))
        self._happens("Unsubscribed", who, timedelta(0), topic="marketing")

    @rule(who=people)
    def wants_it_again(self, who: str) -> None:
        self._run(self._consent(who, contacts.allow))
        self.wants[who] = True

    @rule(span=spans)
    def time_passes(self, span: timedelta) -> None:
        self._run(self._passes(span))

    @rule(span=spans)
    def nobody_works_for_a_while(self, span: timedelta) -> None:
        self._at(self.one.now + span)

    @rule()
    def the_clock_goes_back(self) -> None:
        """As far as it may without the cap being a question of which clock is right."""
        if not any(at > self.one.now - 5 * MINUTE for times in self.left.values() for at in times):
            self._at(self.one.now - 2 * MINUTE)

    @rule()
    def both_work_at_once(self) -> None:
        async def work() -> None:
            await asyncio.gather(self._works(self.one), self._works(self.two))

        self._run(work())

    @rule()
    def one_dies_while_it_hands_over(self) -> None:
        self.dies = True

    @rule(move=st.sampled_from(["drain", "move", "stop"]), hours=st.integers(1, 5))
    def somebody_edits_the_cart_flow(self, move: str, hours: int) -> None:
        self._run(self._edit(move, hours))

    # -- how it happens --------------------------------------------------------------------------------------------

    def _at(self, now: datetime) -> None:
        self.one.now = self.two.now = now

    def _happens(self, name: str, who: str, skew: timedelta, /, **properties: Any) -> None:
        self.last = name, who, properties
        self._run(self.one.happens(name, who, at=self.one.now + skew, **properties))

    async def _passes(self, span: timedelta) -> None:
        """Step by step, both at work."""
        until = self.one.now + span
        for _ in range(400):
            await self._settle()
            soonest = await self.one._soonest()
            if soonest is None or soonest > until:
                break
            self._at(max(soonest, self.one.now + timedelta(seconds=1)))
        self._at(max(until, self.one.now))
        await self._settle()

    async def _settle(self) -> None:
        await self._works(self.one)
        await self._works(self.two)

    async def _works(self, world: ShopWorld) -> None:
        """Until nothing is due. If it dies, another process takes its place; what it held waits for its lease."""
        try:
            await world.settle()
        except Died:
            await world.open()

    async def _consent(self, who: str, word: Callable[..., Awaitable[Any]]) -> None:
        number = next(number for number, address in self.numbers.items() if address == who)
        async with self.database.transaction() as session:
            await word(session, self.one.ground.secret, number, "email", who, "marketing", "page", self.one.now)

    async def _edit(self, move: str, hours: int) -> None:
        self.edits += 1
        flows = self.one.flows
        definition = dict(flows.definitions["abandoned_cart"])
        steps = [dict(step) for step in definition["steps"]]
        steps[0]["wait"] = f"{hours}h"
        definition |= {"steps": steps, "on_change": move, "title": f"Edit {self.edits}"}
        changed = shop_world.Flows(flows.by_name, {**flows.definitions, "abandoned_cart": definition}, flows.files)
        async with self.database.transaction() as session:
            await versions.publish(session, changed, self.one.now)

    # -- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert not self.wrong, self.wrong

    @invariant()
    def nothing_is_sent_after_the_end(self) -> None:
        ended = {row["id"]: row["ended_at"] for row in self._run(self.one.enrolled()) if row["status"] == "exited"}
        late = [
            (row["enrolment_id"], row["step_id"])
            for row in self._run(self.one.written())
            if row["handed_at"] and ended.get(row["enrolment_id"]) and row["handed_at"] > ended[row["enrolment_id"]]
        ]
        assert not late, f"sent after the flow had ended for them: {late}"


@pytest.mark.slow
def test_whatever_happens_the_five_rules_hold(sqlite_template: Path, texts: Texts) -> None:
    Shop.template, Shop.texts = sqlite_template, texts
    run_state_machine_as_test(
        Shop,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
        ),
    )
