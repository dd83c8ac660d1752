"""Experiments in a database: who was exposed, what they did, and what may be said about it at any moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON

from automations.experiments import looks
from automations.experiments.outcomes import Window
from automations.experiments.plan import Plan
from automations.experiments.verdicts import Verdict
from bot.base.database import Database, table
from bot.tables.automations import Click, FlowVersion
from bot.tables.experiments import ExperimentLook, Exposure
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact
from bot.tables.shop import Order

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOW = Window(5 * DAY, "EUR")
PLAN = Plan("abandoned_cart", "subject", "order", {"old": 1, "new": 1}, 500)


class Experimenting:
    """People come in one minute apart, from NOON on, into the arms by turns."""

    def __init__(self, database: Database, plan: Plan = PLAN) -> None:
        self.database = database
        self.plan = plan
        self.people = 0

    async def insert(self, model: type[Any], rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            async with self.database.transaction() as session:
                await session.execute(sa.insert(table(model)), list(rows))

    async def come(self, count: int, arms: Sequence[str] = ("old", "new"), experiment: str = "subject") -> list[int]:
        """Numbers of the people who came."""
        numbers = list(range(self.people + 1, self.people + count + 1))
        self.people += count
        await self.insert(Contact, [_contact(number) for number in numbers])
        await self.insert(Exposure, [
            {"experiment": experiment, "contact_id": number, "variant": arms[number % len(arms)],
             "flow": self.plan.flow, "at": came(number)}
            for number in numbers
        ])  # fmt: skip
        return numbers

    async def order(self, numbers: Sequence[int], after: timedelta = HOUR, **fields: Any) -> None:
        plain = {"status": "paid", "currency": "EUR", "revenue": 2000, "refunded": 0, "number": "", "cart_id": "",
                 "checkout_id": "", "parcel": "none", "carrier": "", "tracking_number": "", "tracking_url": "",
                 "total": 2000, "items": [], "told": [], "changed_at": NOON, "paid_at": NOON, **fields}  # fmt: skip
        kind = f"{after.total_seconds()}:{fields}"
        await self.insert(Order, [
            {**plain, "order_id": f"{number}:{kind}", "contact_id": number, "ordered_at": came(number) + after}
            for number in numbers
        ])  # fmt: skip

    async def click(self, numbers: Sequence[int], label: str = "human", flow: str = "abandoned_cart") -> None:
        async with self.database.transaction() as session:
            for number in numbers:
                mail = Message(key=f"{number}:{label}:{flow}", channel="email", purpose="marketing", receiver="a@b.c",
                               flow=flow, contact_id=number, planned_at=NOON, created_at=NOON)  # fmt: skip
                session.add(mail)
                await session.flush()
                session.add(Click(message_id=mail.id, contact_id=number, link=1, url="", label=label,
                                  at=came(number) + HOUR))  # fmt: skip

    async def leave(self, numbers: Sequence[int], source: str) -> None:
        await self.insert(Consent, [
            {"contact_id": number, "address_hash": "h", "channel": "email", "topic": "marketing",
             "action": "withdrawn", "source": source, "at": came(number) + HOUR}
            for number in numbers
        ])  # fmt: skip

    async def verdict(self, at: datetime | None = None, plan: Plan | None = None) -> Verdict:
        """When everybody's time is over, unless said otherwise."""
        async with self.database.transaction() as session:
            return await looks.verdict(session, plan or self.plan, WINDOW, at or came(self.people) + 6 * DAY)

    async def stored(self) -> list[Any]:
        async with self.database.reading() as session:
            return list(await session.execute(sa.select(table(ExperimentLook)).order_by(table(ExperimentLook).c.id)))


def came(number: int) -> datetime:
    return NOON + number * timedelta(minutes=1)


def _contact(number: int) -> dict[str, Any]:
    return {"id": number, "status": "active", "first_name": "", "last_name": "", "traits": {}, "created_at": NOON}


@pytest.fixture
async def world(database: Database) -> Experimenting:
    return Experimenting(database)


async def test_it_says_how_many_people_it_still_needs(world: Experimenting) -> None:
    await world.come(60)
    said = await world.verdict()
    assert (said.status, said.missing, said.winner) == ("collecting", 40, "")
    assert said.words == "collecting: needs 40 more people for look 1 of 5"
    assert said.days == pytest.approx(40 * (6 + 60 / 1440) / 60, rel=0.01)


async def test_it_waits_for_the_time_of_those_who_came(world: Experimenting) -> None:
    await world.come(100)
    said = await world.verdict(came(100) + DAY)
    assert (said.status, said.missing, said.inside) == ("collecting", 0, 100)
    assert said.words == "collecting: enough people for look 1 of 5, once the time of the last of them is over"
    assert await world.stored() == []
    assert (await world.verdict()).status == "looking"


async def test_a_clear_winner_is_told_at_a_look(world: Experimenting) -> None:
    people = await world.come(300)
    await world.order([number for number in people if number % 2])  # all of the new arm
    await world.order([number for number in people if number % 20 == 0])
    said = await world.verdict()
    assert (said.status, said.winner, said.words) == ("winner", "new", "winner: new (look 1 of 5)")
    [one] = await world.stored()
    assert (one.number, one.winner, one.people, one.planned) == (1, "new", {"old": 50, "new": 50}, 500)
    assert 0.4 < said.looks[0].against[0].span.low < said.looks[0].against[0].difference == 0.9


async def test_the_control_can_win(world: Experimenting) -> None:
    people = await world.come(100)
    await world.order([number for number in people if number % 2 == 0])
    assert (await world.verdict()).winner == "old"


async def test_without_a_difference_it_ends_after_five_looks(world: Experimenting) -> None:
    people = await world.come(500)
    await world.order([number for number in people if number % 10 in (0, 1)])
    said = await world.verdict()
    assert (said.status, said.winner, said.missing) == ("no_difference", "", 0)
    assert [look.number for look in said.looks] == [1, 2, 3, 4, 5]
    assert said.words == "no difference found with the planned number of people"


async def test_how_often_somebody_asks_changes_nothing(world: Experimenting) -> None:
    people = await world.come(450)
    await world.order([number for number in people if number % 10 == 1 or number % 40 == 0])
    for number in range(0, 450, 7):
        await world.verdict(came(number) + 5 * DAY)
    often = [(row.number, row.people, row.against, row.winner) for row in await world.stored()]
    async with world.database.transaction() as session:
        await session.execute(sa.delete(table(ExperimentLook)))
    await world.verdict()
    assert [(row.number, row.people, row.against, row.winner) for row in await world.stored()] == often
    assert [winner for *_, winner in often] == ["", "", "new"]


async def test_what_was_seen_stays_as_it_was(world: Experimenting) -> None:
    people = await world.come(100)
    await world.order([number for number in people if number % 2])
    assert (await world.verdict()).winner == "new"
    async with world.database.transaction() as session:  # everything is taken back, and the plan is written anew
        await session.execute(sa.update(table(Order)).values(status="cancelled"))
    said = await world.verdict(plan=Plan("abandoned_cart", "subject", "click", {"old": 1, "new": 1}, 9000))
    assert (said.status, said.winner, said.plan.people, said.plan.metric) == ("winner", "new", 500, "order")


async def test_people_in_the_wrong_numbers_block_every_look(world: Experimenting) -> None:
    people = await world.come(200, arms=("old", "new", "new"))
    await world.order([number for number in people if number % 3])
    said = await world.verdict()
    assert (said.status, said.winner, said.looks) == ("blocked_srm", "", ())
    assert said.srm < 0.001 and said.words.startswith("blocked: the numbers of people do not fit the weights")


async def test_an_arm_that_nobody_planned_blocks_too(world: Experimenting) -> None:
    await world.come(99)
    await world.come(1, arms=("third",))
    assert (await world.verdict()).status == "blocked_srm"


async def test_only_what_happened_in_the_time_after_the_exposure_counts(world: Experimenting) -> None:
    await world.come(8)
    await world.order([1], after=-HOUR)
    await world.order([3], after=6 * DAY)
    await world.order([5], after=4 * DAY)
    await world.order([5], after=DAY)
    await world.order([7], paid_at=None, status="pending")
    await world.order([7], status="cancelled")
    new = (await world.verdict()).tallies["new"]
    assert (new.n, new.order, new.spent, new.squares) == (4, 1, 4000, 4000.0**2)


async def test_money_is_what_is_left_of_it_in_the_currency_of_the_shop(world: Experimenting) -> None:
    await world.come(8)
    await world.order([1], refunded=500, refunded_net=500)
    await world.order([3], currency="USD")
    await world.order([5], currency="USD", net=1800)
    new = (await world.verdict()).tallies["new"]
    assert (new.order, new.spent, new.squares, new.refunded) == (3, 3300, 1500.0**2 + 1800.0**2, 1)


async def test_clicks_count_once_a_person_of_humans_in_mails_of_the_flow(world: Experimenting) -> None:
    await world.come(12)
    await world.click([1, 3])
    await world.click([1, 5], label="prefetch")
    await world.click([7], flow="birthday")
    assert (await world.verdict()).tallies["new"].click == 2


async def test_who_leaves_and_complains_is_watched_beside_the_metric(world: Experimenting) -> None:
    people = await world.come(500)
    left = [number for number in people if number % 10 == 1]
    await world.leave(left, "one_click")
    await world.leave(left[:2], "complaint")
    said = await world.verdict()
    assert (said.tallies["new"].unsubscribed, said.tallies["new"].complained) == (50, 2)
    worse = [row.metric for row in said.rows if row.worse]
    assert worse == ["unsubscribed"] and said.winner == ""


async def test_the_interval_of_every_moment_is_silent_before_there_is_enough(world: Experimenting) -> None:
    people = await world.come(400)
    await world.order([number for number in people if number % 4 == 1])
    first = next(row for row in (await world.verdict()).rows if row.metric == "order")
    assert (first.anytime.span, first.anytime.missing) == (None, 50)
    more = await world.come(100)
    await world.order([number for number in more if number % 2])
    then = next(row for row in (await world.verdict()).rows if row.metric == "order")
    assert then.anytime.span is not None and then.anytime.span.low > 0
    assert then.anytime.span.low < then.comparison.span.low < then.comparison.difference


async def test_another_experiment_is_another_matter(world: Experimenting) -> None:
    await world.come(100, experiment="delay")
    assert (await world.verdict()).tallies == {}


async def test_two_new_arms_share_the_error_and_the_best_wins(database: Database) -> None:
    world = Experimenting(database, Plan("abandoned_cart", "subject", "order", {"old": 1, "a": 1, "b": 1}, 600))
    people = await world.come(600, arms=("old", "a", "b"))
    await world.order([number for number in people if number % 3 == 1 and number % 2])
    await world.order([number for number in people if number % 3 == 2])
    said = await world.verdict()
    assert said.winner == "b" and said.looks[0].bound > 4.9
    assert [one.variant for one in said.looks[0].against] == ["a", "b"]


async def test_experiments_are_known_from_the_published_flows(database: Database) -> None:
    def definition(**experiment: Any) -> dict[str, Any]:
        return {
            "title": "Cart", "about": "cart", "priority": "cart", "trigger": {"events": ["Product Added"]},
            "enrol": {"key": "cart:{cart_id}"}, "steps": [{"id": "mail", "send": "abandoned_cart"}],
            "experiment": {"name": "subject", "variants": {
                "new": {"weight": 1, "steps": {"mail": {"subject": "Still there"}}}, "plain": {"weight": 3},
                "closed": {"weight": 0}}, **experiment},
        }  # fmt: skip

    async with database.transaction() as session:
        for number, made in enumerate((definition(size=100), definition(baseline=0.2, lift=0.1), {"experiment": 1})):
            session.add(FlowVersion(flow="abandoned_cart", number=number, digest=str(number), definition=made,
                                    published_at=NOON))  # fmt: skip
    async with database.reading() as session:
        [known] = await looks.plans(session)
    # The smaller arm has its 6,507; the control, which changes nothing, comes first.
    assert known == Plan("abandoned_cart", "subject", "order", {"plain": 3, "new": 1}, 4 * 6507)
    assert (known.control, known.treated, known.until(1)) == ("plain", ("new",), 5206)
