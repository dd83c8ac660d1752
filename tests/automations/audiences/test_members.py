from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from shop_world import DAY, HOUR, ShopWorld, opened
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import conditions, facts
from automations.asking.matter import Case
from automations.asking.questions import standing
from automations.audiences import segment_files
from automations.audiences.members import Members
from automations.audiences.segment_files import Segments
from automations.definition.flow_files import Flows
from bot import contacts
from bot.base.database import Database, table
from bot.base.errors import Finding
from bot.base.texts import Texts
from bot.events import Happened
from bot.tables.audiences import SegmentMember

TIERS = ({"name": "silver", "title": "Silver", "title_zh": "银卡", "from": 100}, {"name": "gold", "from": 500})
BUYERS = {"all": [{"orders": {"at_least": 1}}]}
RICH = {"all": [{"segment": "buyers"}, {"revenue": {"at_least": 100}}]}
members = table(SegmentMember)


@dataclass
class Club:
    """The world with two segments that are kept, and what was told of who came in."""

    world: ShopWorld
    definitions: dict[str, Any]
    live: set[str] = field(default_factory=lambda: {"buyers", "rich"})
    told: list[tuple[str, list[int]]] = field(default_factory=list)

    @classmethod
    async def open(cls, database: Database, texts: Texts) -> "Club":
        world = await opened(database, texts, Flows(), automations={"tiers": TIERS})
        club = cls(world, {"buyers": BUYERS, "rich": RICH})
        world.applier.handlers = [*world.applier.handlers, club.heard]
        return club

    async def heard(self, session: AsyncSession, happened: Happened, now: datetime) -> None:
        await self.members.on_event(session, happened, now)

    @property
    def members(self) -> Members:
        settings, known = self.world.ground.config, Segments()
        for name, tree in self.definitions.items():
            known = known.with_one(name, segment_files.of_tree(tree, settings, known))
        known = Segments(known.by_name, self.definitions)
        return Members(settings, known, lambda: self.live, self._enter)

    async def _enter(self, _session: AsyncSession, name: str, ids: Sequence[int], _now: datetime) -> None:
        self.told.append((name, list(ids)))

    async def refresh(self) -> int:
        return await self.members.refresh(self.world.database, self.world.now)

    async def inside(self, name: str) -> set[int]:
        rows = await self.world._rows(sa.select(members.c.contact_id).where(members.c.segment == name))
        return {row["contact_id"] for row in rows}


async def test_who_is_in_already_did_not_come_in(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada = await club.world.person()
    await club.world.orders()
    assert await club.refresh() == 0
    assert await club.inside("buyers") == {ada}
    assert club.told == []


async def test_who_buys_is_in_at_once_and_told_once(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada, eve = await club.world.person(), await club.world.person("eve@example.org")
    await club.refresh()
    await club.world.orders("o1", revenue=20, total=20)
    assert (await club.inside("buyers"), await club.inside("rich")) == ({ada}, set())
    await club.world.orders("o2", revenue=90, total=90)
    assert await club.refresh() == 0
    assert club.told == [("buyers", [ada]), ("rich", [ada])]
    assert eve not in await club.inside("buyers")


async def test_who_leaves_and_comes_back_comes_in_again(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada = await club.world.person()
    await club.refresh()
    await club.world.orders("o1", revenue=120, total=120)
    await club.world.happens("Order Refunded", order_id="o1", refund_id="r1")
    assert await club.inside("rich") == set()
    await club.world.orders("o2", revenue=150, total=150)
    assert [name for name, _ in club.told].count("rich") == 2
    assert await club.inside("rich") == {ada}


async def test_time_alone_moves_people_at_the_next_look(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    club.definitions["buyers"] = {"all": [{"last_order": {"before": "30d"}}]}
    ada = await club.world.person()
    await club.world.orders()
    await club.refresh()
    club.world.now += 29 * DAY
    assert await club.refresh() == 0
    club.world.now += DAY + HOUR
    assert await club.refresh() == 1
    assert club.told == [("buyers", [ada])]
    await club.world.orders("o2")
    assert await club.inside("buyers") == set()


async def test_history_that_is_loaded_brings_nobody_in_aloud(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada = await club.world.person()
    await club.refresh()
    past = club.world.now - 90 * DAY
    await club.world.happens("Order Completed", at=past, order_id="o1", revenue=700, total=700, currency="EUR")
    assert await club.inside("rich") == {ada}
    await club.refresh()
    assert club.told == []


async def test_a_changed_definition_brings_nobody_in_aloud(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada = await club.world.person()
    await club.world.orders("o1", revenue=20, total=20)
    await club.refresh()
    club.definitions["buyers"] = {"all": [{"orders": {"at_least": 2}}]}
    await club.refresh()
    assert await club.inside("buyers") == set()
    club.definitions["buyers"] = BUYERS
    club.definitions["rich"] = {"all": [{"segment": "buyers"}, {"revenue": {"at_least": 10}}]}
    await club.refresh()
    assert (await club.inside("buyers"), await club.inside("rich")) == ({ada}, {ada})
    assert club.told == []


@dataclass
class Process:
    """One of several, with words of its own for the segment of buyers, written at that time."""

    club: Club
    buyers: dict[str, Any]
    edited: datetime
    overruled: dict[str, Finding] = field(default_factory=dict)

    @property
    def members(self) -> Members:
        config = self.club.world.ground.config
        known = Segments({"buyers": segment_files.of_tree(self.buyers, config, Segments())}, {"buyers": self.buyers},
                         edited={"buyers": self.edited})  # fmt: skip
        return Members(config, known, lambda: {"buyers"}, self.club._enter, self.overruled)

    async def refresh(self) -> int:
        return await self.members.refresh(self.club.world.database, self.club.world.now)


async def test_of_two_processes_with_different_words_those_written_last_count_in_both(
    database: Database, texts: Texts
) -> None:
    club = await Club.open(database, texts)
    ada = await club.world.person()
    await club.world.orders("o1", revenue=20, total=20)
    old = Process(club, {"all": [{"orders": {"at_least": 2}}]}, club.world.now - 2 * DAY)
    new = Process(club, BUYERS, club.world.now - DAY)
    await old.refresh()
    assert await club.inside("buyers") == set()
    for one in (new, old, new, old):
        await one.refresh()
        assert await club.inside("buyers") == {ada}
    assert list(old.overruled) == ["buyers"] and not new.overruled
    bob = await club.world.person("bob@example.org")
    club.live.clear()
    await club.world.happens("Order Completed", "bob@example.org", order_id="o2", revenue=20, total=20, currency="EUR")
    assert await old.refresh() == 1 and club.told == [("buyers", [bob])]
    assert await new.refresh() == 0

    old.edited = club.world.now  # somebody saves it again: that is the newest now
    await old.refresh()
    await new.refresh()
    assert await club.inside("buyers") == set()
    assert not old.overruled and len(club.told) == 1


async def test_words_that_no_process_has_any_more_overrule_nobody(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada = await club.world.person()
    await club.world.orders("o1", revenue=20, total=20)
    await Process(club, {"all": [{"orders": {"at_least": 2}}]}, club.world.now).refresh()
    back = Process(club, BUYERS, club.world.now - DAY)
    await back.refresh()
    assert await club.inside("buyers") == set()
    club.world.now += 2 * HOUR
    await back.refresh()
    assert await club.inside("buyers") == {ada} and club.told == []


async def test_what_nothing_waits_for_is_not_kept(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    await club.world.person()
    await club.world.orders("o1", revenue=200, total=200)
    await club.refresh()
    club.live.remove("rich")
    await club.refresh()
    assert await club.inside("rich") == set()
    assert await club.inside("buyers") != set()


async def test_nobody_who_is_forgotten_or_merged_stays_inside(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada, eve = await club.world.person(), await club.world.person("eve@example.org")
    await club.world.orders("o1")
    await club.world.happens("Order Completed", "eve@example.org", order_id="o2", revenue=30, total=30, currency="EUR")
    await club.refresh()
    assert await club.inside("buyers") == {ada, eve}
    async with database.transaction() as session:
        await contacts.merge(session, ada, eve, club.world.now)
    await club.refresh()
    assert await club.inside("buyers") == {ada}
    async with database.transaction() as session:
        await contacts.erase(session, club.world.ground.secret, ada, club.world.now)
    assert await club.inside("buyers") == set()
    await club.refresh()
    assert await club.inside("buyers") == set()
    assert club.told == []


async def test_a_flow_may_ask_where_somebody_stands(database: Database, texts: Texts) -> None:
    club = await Club.open(database, texts)
    ada, eve = await club.world.person(), await club.world.person("eve@example.org")
    await club.world.orders("o1", revenue=150, total=150)
    await club.refresh()
    async with database.reading() as session:
        people = await facts.load(session, [ada, eve], {"standing", "segments"}, club.world.now)

    def said(person: int, text: str) -> bool:
        return conditions.parse(text).holds(people[person], Case("x", club.world.now, {}, club.world.now))

    yes = ("tier_is(silver)", "tier_at_least(silver)", "spent_more(149.99)", "orders_at_least(1)", "in_segment(rich)",
           "rfm_in(promising)", "rfm_not_in(lost)")  # fmt: skip
    no = ("tier_is(gold)", "tier_at_least(gold)", "tier_at_least(gone)", "spent_more(150)", "orders_at_least(2)",
          "not_in_segment(rich)", "rfm_in(lost)", "rfm_not_in(promising)")  # fmt: skip
    assert [text for text in yes if not said(ada, text)] == []
    assert [text for text in no if said(ada, text)] == []
    nobody = ("tier_at_least(silver)", "orders_at_least(1)", "in_segment(rich)", "rfm_in(lost)")
    assert [text for text in nobody if said(eve, text)] == []
    place = standing.of(people[ada])
    assert place.next is not None
    assert (place.next["name"], place.missing) == ("gold", 35_000)
    assert (place.title("silver", "zh_CN"), place.title("silver", "en"), place.title("gold", "zh_CN")) == (
        "银卡", "Silver", "gold",
    )  # fmt: skip
    assert standing.of(people[eve]).missing == 10_000
