from typing import Any

import pytest
from deskwork import GROUP, Stage, seconds

from bot.base.config import Config
from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.routing import departments
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket

HUMAN = "I want to talk to a human"
VIP, RETURNS = -100701, -100702
HOUSE = [
    {"name": "vip", "title": "Best customers", "groups": [VIP], "tiers": ["gold"], "leads": [901]},
    {"name": "returns", "title": "Returns & refunds", "groups": [RETURNS], "kinds": ["complaint"]},
    {"name": "china", "languages": ["zh_CN"], "members": [902]},
]


def _config(**more: Any) -> Config:
    return Config.model_validate({"telegram": {"staff_chat_id": GROUP}, "support": {"departments": HOUSE}, **more})


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({}, ""),
        ({"tier": "gold"}, "vip"),
        ({"tier": "Gold"}, "vip"),
        ({"kind": "complaint"}, "returns"),
        ({"kind": "complaint", "tier": "gold"}, "vip"),
        ({"language": "zh_CN"}, "china"),
        ({"tier": "silver", "channel": "email"}, ""),
    ],
)
def test_the_first_department_that_fits_gets_it_else_the_main_desk(about: dict[str, str], expected: str) -> None:
    ticket = Ticket(**{"number": 1, "contact_id": 1, "channel": "telegram", "language": "en", **about})
    assert departments.choose(_config(), ticket) == expected


def test_without_a_main_group_the_last_department_takes_what_fits_none() -> None:
    ticket = Ticket(number=1, contact_id=1, channel="telegram", language="en")
    assert departments.choose(_config(telegram={}), ticket) == "china"


def test_groups_follow_the_department_and_fall_back_to_the_main_one() -> None:
    config = _config()
    assert [config.groups_of(name) for name in ("vip", "china", "", "gone")] == [(VIP,), (GROUP,), (GROUP,), (GROUP,)]
    assert config.staff_groups == (GROUP, VIP, RETURNS)
    assert Config().staff_groups == () and Config().groups_of("") == ()


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts, support={"departments": HOUSE})


async def test_a_new_ticket_has_the_tier_of_the_customer_and_their_department(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        contact = await session.merge(stage.contact)
        contact.traits = {"tier": "gold"}
    await stage.customer_says(HUMAN)
    ticket = await stage.ticket()
    assert (ticket.tier, ticket.department) == ("gold", "vip")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("vip", ["vip"]),
        ("returns & REFUNDS", ["returns"]),
        ("refunds", ["returns"]),
        ("retruns", ["returns"]),
        ("best", ["vip"]),
        ("main", [""]),
        ("pizza", []),
    ],
)
async def test_departments_are_found_by_what_people_call_them(stage: Stage, asked: str, found: list[str]) -> None:
    assert departments.find(stage.desk, asked) == found


async def test_who_belongs_is_named_or_was_seen_in_a_group(stage: Stage) -> None:
    anna = StaffMember(telegram_id=901, name="Anna", groups=[VIP], first_seen_at=seconds(0))
    ben = StaffMember(telegram_id=902, name="Ben", groups=[], first_seen_at=seconds(0))
    assert departments.belongs(stage.desk, "vip", anna, (VIP,))
    assert not departments.belongs(stage.desk, "vip", ben, (VIP,))
    assert departments.belongs(stage.desk, "china", ben, (GROUP,))
    assert not departments.belongs(stage.desk, "china", anna, (GROUP,))


async def test_leads_are_those_of_the_department_or_any(stage: Stage) -> None:
    assert departments.leads(stage.desk, "vip") == departments.leads(stage.desk, "returns") == (901,)
    assert departments.is_lead(stage.desk, stage.anna) and not departments.is_lead(stage.desk, stage.ben)


async def test_without_departments_there_is_one_desk_and_everybody_is_of_it(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts)
    await stage.customer_says(HUMAN)
    assert (await stage.ticket()).department == ""
    assert departments.names(stage.desk) == [""]
    assert departments.belongs(stage.desk, "", stage.ben, (GROUP,)) and departments.is_lead(stage.desk, stage.ben)
