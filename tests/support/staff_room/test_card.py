"""The pinned card: what staff see of a customer at a glance, and the buttons below it."""

from datetime import timedelta
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.staff_room import menus, registry
from bot.support.tickets import keyboard, staff_card
from bot.tables.chat import Topic
from bot.tables.people import Contact
from bot.tables.support import SlaTimer, Ticket, TicketLink

DEPARTMENTS = {"departments": [{"name": "returns", "title": "Returns"}, {"name": "stock"}]}


async def _card(stage: Stage, **changes: Any) -> dict[str, Any]:
    """The card of the first ticket, as it would leave now."""
    async with stage.database.transaction() as session:
        ticket = await session.get(Ticket, (await stage.tickets())[0].id)
        assert ticket is not None
        for name, value in changes.items():
            setattr(ticket, name, value)
        await session.flush()
        return await staff_card.content(session, stage.desk, ticket, NOON)


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    stage = await Stage.set(database, texts, support=DEPARTMENTS)
    await stage.customer_says("My lamp is broken, I want to talk to a person")
    return stage


async def test_the_card_tells_who_it_is_what_they_spent_and_where_their_parcels_are(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        for number, more in (
            ("#1", {"total": 5000}),
            ("#2", {"total": 2000, "refunded": 500, "status": "refunded"}),
            ("#3", {"total": 900, "status": "cancelled"}),
            ("#4", {"total": 1000, "parcel": "shipped", "carrier": "DHL", "tracking_number": "77",
                    "tracking_url": "https://dhl.example/?a=1&b=2"}),
        ):  # fmt: skip
            at = NOON + timedelta(minutes=int(number[1:]))
            await make.order(session, number, contact_id=stage.contact.id, ordered_at=at, **more)
    text = (await _card(stage, tier="gold", tags=["vip", "lamp"]))["text"]
    assert "Ada" in text and "⭐ gold" in text and "vip, lamp" in text
    assert "spent €75.00 (orders: 3)" in text, "cancelled ones are none, refunds are taken off"
    assert 'on its way · <a href="https://dhl.example/?a=1&amp;b=2">DHL 77</a>' in text
    assert "Order #1:" not in text, "only the last three"


async def test_whatever_a_shopper_wrote_is_escaped(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        contact = await session.get(Contact, stage.contact.id)
        assert contact is not None
        contact.first_name = "<b>{Ada} & 'co'</b>"
        await make.order(session, '<i>"1"</i>', contact_id=contact.id, tracking_url='https://x.example/"><script>')
    text = (await _card(stage, tags=["<u>"], tier="<s>"))["text"]
    for tag in ("<i>", "<u>", "<s>", "<script>", "<b>{"):
        assert tag not in text
    assert "&lt;b&gt;{Ada} &amp; 'co'&lt;/b&gt;" in text


async def test_each_clock_is_shown_by_the_moment_it_is_due_or_as_resting(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        ticket = await session.get(Ticket, (await stage.ticket()).id)
        assert ticket is not None
        for metric, state, at, pauses in (
            ("next_response", "running", seconds(-5), []),
            ("resolution", "paused", seconds(900), [[seconds(30).isoformat(), None]]),
            ("fixed", "met", seconds(10), []),
        ):
            session.add(
                SlaTimer(
                    ticket_id=ticket.id, metric=metric, policy="chat", channel="telegram", target_seconds=60,
                    start_at=NOON, target_at=at, state=state, pauses=pauses,
                )
            )  # fmt: skip
        await session.flush()
        text = (await staff_card.content(session, stage.desk, ticket, NOON))["text"]
    assert "⏰ Answer by 12:00:30" in text
    assert "🔴 The answer was due at 11:59:55" in text
    assert "⏸ The clock of the solution rests since 12:00:30" in text
    assert "put right" not in text


async def test_other_tickets_are_links_into_their_topics(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        now = await stage.ticket()
        earlier = await make.ticket(session, 990, contact_id=stage.contact.id, status="resolved")
        complaint = await make.ticket(session, 991, contact_id=stage.contact.id, kind="complaint", status="open")
        twin = await make.ticket(session, 992, status="open")
        session.add(TicketLink(ticket_id=now.id, other_id=twin.id, kind="related", made_by="staff:1", made_at=NOON))
        session.add(Topic(ticket_id=earlier.id, chat_id=-1001234, thread_id=55, state="ready", changed_at=NOON))
        assert complaint.id
    text = (await _card(stage))["text"]
    assert '🗂 Other cases: ✅ <a href="https://t.me/c/1234/55">#990</a>' in text
    assert "📣 Open complaints: ⏳ #991" in text and "🔗 Linked: ⏳ #992" in text


async def test_words_that_wait_for_a_decision_are_counted(stage: Stage) -> None:
    await stage.staff_says("Is this meant for her?")
    assert "Not sent yet, somebody must decide: 1" in (await _card(stage))["text"]


async def test_the_name_of_the_topic_fits_whatever_the_customer_is_called(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        contact = await session.get(Contact, stage.contact.id)
        assert contact is not None
        contact.first_name = "🦊" * 200
    card = await _card(stage, department="returns")
    assert len(card["title"]) <= 128 and card["title"].endswith("· Returns")


async def test_the_first_row_is_what_is_needed_now(stage: Stage) -> None:
    def verbs(card: dict[str, Any]) -> list[list[str]]:
        return [[one["data"].split(":")[1] for one in row] for row in card["buttons"]]

    assert verbs(await _card(stage)) == [["take", "note", "close"], ["menu", "menu"]]
    assert verbs(await _card(stage, assignee_id=stage.anna.id))[0] == ["note", "close"]
    assert verbs(await _card(stage, status="resolved"))[0][0] == "reopen"


async def test_every_button_of_every_menu_leads_somewhere_and_fits(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await make.ticket(session, 990, contact_id=stage.contact.id)
        for status, assignee in (("open", None), ("open", stage.anna.id), ("resolved", None)):
            ticket = await session.get(Ticket, (await stage.ticket()).id)
            assert ticket is not None
            ticket.status, ticket.assignee_id = status, assignee
            rows = [row for menu in menus.MENUS.values() for row in await menu(session, stage.desk, ticket)]
            assert all(len(row) <= 3 for row in rows), "a phone shows three"
            for button in (one for row in rows for one in row):
                parsed = registry.parse(button["data"])
                assert parsed is not None and parsed[0] in registry.BUTTONS, button
                assert len(button["data"].encode()) <= 64 and button["text"]
        await session.rollback()


async def test_a_menu_swaps_the_keyboard_in_place_and_back(stage: Stage) -> None:
    ticket = await stage.ticket()
    for which in ("more", "dept", "more", "main"):
        assert await stage.staff_presses(f"1:menu:{ticket.id}:{which}") is None
    swaps = [row["payload"] for row in await stage.queued("notice") if "edit" in row["payload"]]
    assert all(swap["edit"] == 77 and "text" not in swap for swap in swaps)
    assert [one["text"] for row in swaps[1]["buttons"] for one in row] == [
        "• Returns",
        "stock",
        "General desk",
        "‹ Back",
    ]
    assert swaps[-1]["buttons"] == keyboard.main(stage.desk, ticket)


async def test_merging_from_the_card_asks_for_the_direction_first(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        other = await make.ticket(session, 990, contact_id=stage.contact.id, status="open")
    ticket = await stage.ticket()
    if ticket.id == other.id:
        ticket = (await stage.tickets())[0]
    await stage.staff_presses(f"1:mergewith:{ticket.id}:{other.id}")
    assert all(one.merged_into is None for one in await stage.tickets())
    asked = (await stage.queued("notice"))[-1]["payload"]["buttons"]
    assert sum("1:merge:" in one["data"] for row in asked for one in row) >= 2


async def test_an_empty_menu_says_so_in_passing(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts)
    await stage.customer_says("My lamp is broken, I want to talk to a person")
    ticket = await stage.ticket()
    assert "no departments" in str(await stage.staff_presses(f"1:menu:{ticket.id}:dept"))
    assert "no other case" in str(await stage.staff_presses(f"1:menu:{ticket.id}:merge"))
