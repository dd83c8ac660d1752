"""Words of somebody who was forgotten are nowhere: not on the board, not in another's topic, not in a history, not in
the bytes of a file."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import GROUP, Stage, seconds
from forgotten import browsers, holding
from sqlmodel import SQLModel, col, select

from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts import retention
from bot.support.feedback import board
from bot.support.privacy import forgetting
from bot.support.tickets import edits, merging
from bot.tables.chat import TelegramUpdate, Topic
from bot.tables.events import RejectedEvent, WebhookDelivery
from bot.tables.feedback import Improvement
from bot.tables.outbox import Message
from bot.tables.people import ClaimedIdentity, Contact
from bot.tables.staff_room import Draft
from bot.tables.support import Ticket, TicketEvent

WORDS = "I want to talk to a human: the violet teapot dribbles on my tablecloth"
TOLD = "violet teapot"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    """#1001: Ada says something, and Anna has it."""
    made = await Stage.set(database, texts)
    await made.customer_says(WORDS, NOON)
    await made.staff_takes(seconds(5))
    return made


async def _forget(stage: Stage, at: float = 600) -> None:
    async with stage.database.transaction() as session:
        await forgetting.forget(session, stage.desk, stage.contact.id or 0, "staff:1", seconds(at))


async def _left(stage: Stage, *words: str) -> list[str]:
    return await holding(stage.database, *words)


async def _edit(stage: Stage, text: str, at: float) -> None:
    edited = edits.Edited("telegram:501:1", text, seconds(at), 9)
    async with stage.database.transaction() as session:
        assert await edits.customer_edited(session, stage.desk, edited, seconds(at)) is not None


async def test_a_card_of_the_board_loses_a_title_that_was_edited_away_in_the_talk(stage: Stage) -> None:
    await stage.staff_writes("/feedback suggestion", seconds(10))
    await _edit(stage, "never mind", 20)
    await _forget(stage)
    assert await _left(stage, TOLD, "never mind") == []
    async with stage.database.reading() as session:
        assert (await session.scalars(select(Improvement.title))).all() == ["…"]


async def test_a_card_of_the_board_loses_its_title_after_the_words_of_the_talk_were_not_kept(stage: Stage) -> None:
    await stage.staff_writes("/feedback suggestion", seconds(10))
    await stage.staff_closes(seconds(30))
    config = make.ground(stage.desk.ground.texts, support={"retention": {"conversations": "30d"}}).config
    await retention.run(stage.database, config, NOON + timedelta(days=31))
    async with stage.database.reading() as session:
        assert TOLD in (await session.scalars(select(Improvement.title))).one(), "the board is the shop's own"
    await _forget(stage)
    assert await _left(stage, TOLD) == []


async def test_an_earlier_title_goes_and_the_words_of_a_colleague_stay(stage: Stage) -> None:
    await stage.staff_writes("/feedback suggestion", seconds(10))
    async with stage.database.transaction() as session:
        card = await session.get_one(Improvement, 1)
        await board.retitle(session, card, "Better spouts", "staff:1", seconds(20))
    await _edit(stage, "never mind", 25)
    await _forget(stage)
    assert await _left(stage, TOLD) == []
    async with stage.database.reading() as session:
        assert (await session.scalars(select(Improvement.title))).all() == ["Better spouts"]


async def test_tags_go_out_of_the_history_and_that_there_were_some_stays(stage: Stage) -> None:
    await stage.staff_writes("/tag violetteapot", seconds(10))
    await stage.staff_writes("/tag -violetteapot", seconds(20))
    await _forget(stage)
    assert await _left(stage, "violetteapot") == []
    async with stage.database.reading() as session:
        told = await session.scalars(select(TicketEvent.data).where(TicketEvent.name == "tags_changed"))
        assert [sorted(data.values()) for data in told] == [[[], ["…"]], [[], ["…"]]]


async def _other(stage: Stage) -> Ticket:
    """Bob's ticket, with a topic."""
    async with stage.database.transaction() as session:
        bob = await make.telegram_contact(session, 502, first_name="Bob")
        other = await make.ticket(session, 1777, contact_id=bob.id, status="open", assignee_id=stage.anna.id)
        session.add(Topic(ticket_id=other.id or 0, chat_id=GROUP, thread_id=77, state="ready", changed_at=NOON))
        return other


async def _merged(stage: Stage, other: Ticket, *, apart: bool) -> None:
    async with stage.database.transaction() as session:
        both = await merging.hold(session, 1, other.id or 0)
        assert both is not None
        await merging.merge(session, stage.desk, *both, stage.anna, seconds(100))
        body = f'{{"message":{{"message_thread_id":77,"text":"{TOLD}"}}}}'
        session.add(TelegramUpdate(update_id=5, chat_id=GROUP, body=body, received_at=NOON, status="done"))
        if apart:
            await merging.unmerge(session, stage.desk, both[0], stage.anna, seconds(200))
        await session.execute(sa.update(table(Message)).values(due_at=None, status="sent", settled_at=seconds(300)))


async def _turned(stage: Stage) -> list[tuple[int | None, Any]]:
    async with stage.database.reading() as session:
        waiting = select(Message).where(col(Message.due_at).is_not(None), Message.channel == "staff_topic")
        return [
            (row.ticket_id, row.payload["topic"]) for row in await session.scalars(waiting) if "topic" in row.payload
        ]


@pytest.mark.parametrize("apart", [False, True])
async def test_the_topic_of_another_customer_is_made_anew_without_them(stage: Stage, apart: bool) -> None:
    other = await _other(stage)
    await _merged(stage, other, apart=apart)
    assert any("message.payload" in place for place in await _left(stage, TOLD))
    await _forget(stage)
    assert await _left(stage, TOLD) == []
    assert {(1, "delete"), (other.id, "again")} <= set(await _turned(stage))
    async with stage.database.reading() as session:
        assert (await session.get_one(Ticket, other.id)).status == "open"
        cards = select(Message.ticket_id).where(Message.purpose == "card", col(Message.due_at).is_not(None))
        assert other.id in (await session.scalars(cards)).all(), "it comes back with its card"


async def test_a_list_in_general_and_a_draft_for_somebody_else_lose_them(stage: Stage) -> None:
    other = await _other(stage)
    async with stage.database.transaction() as session:
        session.add(
            Draft(ticket_id=other.id or 0, staff_id=stage.anna.id or 0, source="past:1", text=TOLD, made_at=NOON)
        )
        for key, ticket_id, text in (("general", None, "1. Ada, 5 minutes"), ("like", other.id, f"12 · {WORDS[:59]}")):
            session.add(
                Message(key=key, channel="staff_topic", purpose="notice", receiver=f"staff:{GROUP}", status="sent",
                        provider_id="4711", payload={"text": text}, ticket_id=ticket_id, planned_at=NOON,
                        created_at=NOON)
            )  # fmt: skip
    await _forget(stage)
    assert await _left(stage, TOLD, "Ada") == []
    async with stage.database.reading() as session:
        gone = await session.scalars(select(Message.payload).where(col(Message.due_at).is_not(None)))
        assert [row["delete"] for row in gone if "delete" in row] == [[4711], [4711]]


async def test_who_is_known_by_what_pages_claim_only_is_forgotten_by_that(database: Database) -> None:
    async with database.transaction() as session:
        browser = await contacts.find_or_create(session, [("anonymous_id", "browser-1")], NOON)
        await session.flush()
        session.add(ClaimedIdentity(contact_id=browser.id or 0, kind="email", value="eve@example.org", at=NOON))
        session.add(RejectedEvent(source="page", reason="x", body='{"e": "Eve@example.org"}', received_at=NOON))
        await session.flush()
        assert await contacts.erase_claimed(
            session, "secret", "email", "eve@example.org", seconds(5)
        ) == contacts.Browsers(1)
    async with database.reading() as session:
        assert (await session.get_one(Contact, browser.id)).status == "erased"
        assert (await session.scalars(select(ClaimedIdentity))).all() == []
        assert (await session.scalars(select(RejectedEvent))).all() == []
        assert await contacts.suppressed(session, "secret", "email", "eve@example.org", "", NOON) == "erased"


async def test_no_byte_of_them_is_left_in_the_files_of_the_database(texts: Texts, tmp_path: Path) -> None:
    file = tmp_path / "aftercart.db"
    database = Database(f"sqlite:///{file}")
    async with database.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    stage = await Stage.set(database, texts)
    await stage.customer_says(f"{WORDS} {'and more ' * 900}", NOON)
    await stage.staff_takes(seconds(5))
    assert TOLD.encode() in b"".join(one.read_bytes() for one in tmp_path.iterdir())
    await _forget(stage)
    assert [one.name for one in tmp_path.rglob("*") if one.is_file() and TOLD.encode() in one.read_bytes()] == []
    await database.close()


async def test_an_id_that_a_page_made_up_takes_no_words_of_others_with_it(database: Database) -> None:
    await browsers(database, ["shopify_payments"], "ada@example.org")
    body = '{"id": 1, "gateway": "shopify_payments"}'
    hook: dict[str, Any] = {"system": "shopify", "topic": "orders/create", "received_at": NOON, "body": body}
    async with database.transaction() as session:
        session.add(WebhookDelivery(**hook, delivery_key="waits", status="new", due_at=NOON))
        session.add(WebhookDelivery(**hook, delivery_key="done", status="done"))
        ada = await contacts.find_or_create(session, [("email", "ada@example.org")], NOON, proven=True)
        await contacts.erase(session, "secret", ada.id or 0, seconds(5))
    async with database.reading() as session:
        left = (await session.execute(select(WebhookDelivery.status, WebhookDelivery.body))).all()
        assert sorted(tuple(one) for one in left) == [("done", body), ("new", body)]
        assert (await session.scalars(select(RejectedEvent))).all() == []
