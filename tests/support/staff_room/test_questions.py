"""What staff can ask the room: orders, people, history, help; and the language of a customer."""

import make
import pytest
from conftest import NOON
from deskwork import Stage

from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.telegram import setup
from bot.support.staff_room import helping, registry
from bot.tables.people import Contact, Identity


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    stage = await Stage.set(database, texts)
    await stage.customer_says("My lamp is broken, I want to talk to a person")
    async with database.transaction() as session:
        items = [{"name": "Lamp", "quantity": 2}]
        more = {"total": 3980, "items": items, "parcel": "shipped", "carrier": "DHL", "tracking_number": "77"}
        await make.order(session, "#1001", contact_id=stage.contact.id, **more)
        other = await make.contact(session, first_name="Eva")
        await make.order(session, "#2002", contact_id=other.id)
        address = Identity(contact_id=stage.contact.id, kind="email", value="ada@x.example", created_at=NOON)
        session.add(address)
    return stage


async def test_orders_are_told_with_their_items_and_parcels(stage: Stage) -> None:
    told = str(await stage.staff_writes("/orders"))
    assert "#1001" in told and "€39.80" in told and "2 × Lamp" in told and "DHL 77" in told and "#2002" not in told


async def test_an_order_of_somebody_else_is_told_as_such_and_found_in_general_too(stage: Stage) -> None:
    assert "⚠️ An order of Eva" in str(await stage.staff_writes("/orders 2002"))
    assert "#2002" in str(await stage.staff_writes("/orders #2002", general=True))
    assert "No order 777" in str(await stage.staff_writes("/orders 777", general=True))
    assert "Which order?" in str(await stage.staff_writes("/orders", general=True))


async def test_who_it_is_in_a_topic_and_by_number_in_general(stage: Stage) -> None:
    for told in (await stage.staff_writes("/whois"), await stage.staff_writes("/whois #1001", general=True)):
        assert "Ada" in str(told) and "email: ada@x.example" in str(told) and "telegram: 501 ✓" in str(told)
        assert "Cases: 1, open: 1" in str(told)
    assert "Who?" in str(await stage.staff_writes("/whois", general=True))


async def test_the_history_is_told_in_order(stage: Stage) -> None:
    await stage.staff_takes()
    told = str(await stage.staff_writes("/history"))
    assert told.index("Customer") < told.index("Anna")
    assert told == str(await stage.staff_writes("/history 1001", general=True))


async def test_the_language_is_changed_for_the_ticket_and_the_customer(stage: Stage) -> None:
    await stage.staff_writes("/lang 中文")
    assert (await stage.ticket()).language == "zh_CN"
    async with stage.database.reading() as session:
        contact = await session.get(Contact, stage.contact.id)
    assert contact is not None and contact.language == "zh_CN"
    assert "/lang en" in str(await stage.staff_writes("/lang klingon"))


async def test_help_names_what_fits_the_place(stage: Stage) -> None:
    topic, general = str(await stage.staff_writes("/help")), str(await stage.staff_writes("/help", general=True))
    assert "/snooze" in topic and "/snooze" not in general and "/queue" in general and len(topic) < 4096


async def test_a_command_of_a_topic_is_refused_in_general(stage: Stage) -> None:
    assert "belongs into the topic" in str(await stage.staff_writes("/close", general=True))


def test_every_command_is_explained_in_both_languages(texts: Texts) -> None:
    for language in texts.languages:
        assert {f"command.{name}" for name in registry.COMMANDS} <= texts.names(language)


def test_the_menu_of_telegram_names_commands_that_exist() -> None:
    assert set(setup.STAFF_COMMANDS) <= set(registry.COMMANDS)


@pytest.mark.parametrize(
    ("typed", "meant"), [("snoze", "snooze"), ("cl", "close"), ("tkae", "take"), ("histroy", "history"), ("xyz", None)]
)
def test_the_nearest_command_is_meant(typed: str, meant: str | None) -> None:
    assert helping.nearest(typed, registry.COMMANDS) == meant
