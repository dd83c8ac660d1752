"""A shopper shows in the chat whose orders these are, by a code that only their mailbox gets."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds
from sqlmodel import col, select

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Outcome, Send, Skip
from bot.support.self_service import codes
from bot.support.stages import stages
from bot.tables.people import Contact, Identity, Proof
from bot.tables.shop import Order
from bot.tables.support import TicketMessage

MAIL = "ada@example.com"
INVALID = "That code is not valid. Please look at the newest mail from us, or let me send another code."
HUMAN = [{"text": "🙋 Talk to a human", "data": "1:human"}]
SHOP = {"name": "Lamps & Co", "url": "https://lamps.example"}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    """A chat that nobody knows, and a customer known by mail who ordered #1001."""
    made = await Stage.set(database, texts, shop=SHOP, mail={"smtp_url": "smtp://127.0.0.1:2525"})
    async with database.transaction() as session:
        await _customer(session, MAIL, "#1001")
    return made


async def _customer(session: Any, address: str, *numbers: str, **fields: Any) -> Contact:
    made: Contact = await make.contact(session, **{"first_name": "Ada", "last_name": "Byron", **fields})
    session.add(Identity(contact_id=made.id or 0, kind="email", value=address, rank="shop", created_at=NOON))
    for number in numbers:
        await make.order(session, number, contact_id=made.id, parcel="shipped", shipped_at=NOON, carrier="DHL")
    return made


async def _code(stage: Stage) -> str:
    """What the newest mail says."""
    return re.sub(r"\D", "", str((await stage.queued("code"))[-1]["payload"]["subject"]))


async def _wrong(stage: Stage) -> str:
    return f"{(int(await _code(stage)) + 1) % 1_000_000:06}"


async def _said(stage: Stage) -> Mapping[str, Any]:
    """The last words of the bot."""
    payload: Mapping[str, Any] = (await stage.queued("auto_answer"))[-1]["payload"]
    return payload


async def _asks_for_a_code(stage: Stage, at: datetime = NOON, address: str = MAIL) -> None:
    await stage.customer_says("where is my order #1001?", at)
    await stage.customer_says(address, at + timedelta(seconds=10))


async def _owner(stage: Stage, kind: str, value: str) -> Contact:
    async with stage.database.reading() as session:
        found = await contacts.find(session, kind, value)
    assert found is not None
    return found


async def test_the_right_code_shows_the_order_at_once_and_links_the_chat_for_good(stage: Stage) -> None:
    await stage.customer_says("where is my order #1001?")
    assert "e-mail address" in (await _said(stage))["text"]
    assert (await _said(stage))["buttons"] == [HUMAN]
    await stage.customer_says(" Ada@Example.com ", seconds(10))
    assert "If we know that address" in (await _said(stage))["text"]
    assert (await _said(stage))["buttons"] == [HUMAN]
    (mail,) = await stage.queued("code")
    assert (mail["channel"], mail["receiver"], mail["once"]) == ("email", MAIL, False)
    assert mail["payload"]["from"] == "service" and "{{" not in mail["payload"]["html"]
    code = await _code(stage)
    assert f"{code[:3]} {code[3:]}" in mail["payload"]["html"] and f"{code[:3]} {code[3:]}" in mail["payload"]["text"]
    await stage.customer_says(f" {code[:3]} {code[3:]}\n", seconds(60))
    text = (await _said(stage))["text"]
    assert "#1001" in text and "on its way" in text and "DHL" in text
    assert await stage.tickets() == []
    owner = await _owner(stage, "telegram", "501")
    assert owner.last_name == "Byron" and owner.id == (await _owner(stage, "email", MAIL)).id
    async with stage.database.reading() as session:
        assert (await session.scalars(select(Identity.proven).where(Identity.kind == "email"))).all() == [True]
    await stage.customer_says("where is my order?", seconds(90))
    assert "#1001" in (await _said(stage))["text"]


async def test_a_chat_without_any_order_is_asked_for_the_address_and_told_what_is_open(stage: Stage) -> None:
    await stage.customer_says("where is my order?")
    await stage.customer_says(MAIL, seconds(10))
    await stage.customer_says(await _code(stage), seconds(20))
    assert "#1001" in (await _said(stage))["text"]


async def test_the_button_of_the_greeting_asks_for_the_address_too(stage: Stage) -> None:
    await stage.customer_presses("1:faq:order_status")
    await stage.customer_says(MAIL, seconds(10))
    assert len(await stage.queued("code")) == 1


async def test_the_order_that_was_asked_for_is_the_one_that_is_told(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        owner = await contacts.find(session, "email", MAIL)
        assert owner is not None
        await make.order(session, "#0990", contact_id=owner.id, parcel="delivered", delivered_at=NOON)
    await stage.customer_says("where is my order #0990")
    await stage.customer_says(MAIL, seconds(10))
    await stage.customer_says(await _code(stage), seconds(20))
    text = (await _said(stage))["text"]
    assert "#0990" in text and "delivered" in text and "#1001" not in text


async def test_an_address_that_nobody_knows_gets_the_same_words_all_along_and_no_mail(stage: Stage) -> None:
    await _asks_for_a_code(stage)
    await stage.customer_says(await _wrong(stage), seconds(20))
    known = await stage.texts("auto_answer")
    later = NOON + timedelta(hours=2)
    await _asks_for_a_code(stage, later, "nobody@example.com")
    await stage.customer_says("123456", later + timedelta(seconds=20))
    assert (await stage.texts("auto_answer"))[3:] == known
    assert [row["receiver"] for row in await stage.queued("code")] == [MAIL]


async def test_an_address_without_orders_or_that_takes_no_mail_gets_none(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await _customer(session, "reader@example.com")
        await contacts.mark_unreachable(session, "email", MAIL, "no_mailbox", NOON)
    await _asks_for_a_code(stage)
    await stage.customer_says("reader@example.com", seconds(30))
    assert await stage.queued("code") == []


async def test_after_five_wrong_codes_even_the_right_one_is_dead_and_the_words_are_the_same(stage: Stage) -> None:
    await _asks_for_a_code(stage)
    code, wrong = await _code(stage), await _wrong(stage)
    for number, typed in enumerate([wrong, wrong, wrong, wrong, wrong, code]):
        await stage.customer_says(typed, seconds(20 + number))
        assert (await _said(stage))["text"] == INVALID
        assert (await _said(stage))["buttons"] == [[{"text": "Send another code", "data": "1:proof:again"}], HUMAN]
    assert (await _owner(stage, "telegram", "501")).id == stage.contact.id


async def test_an_old_code_is_refused_and_another_one_is_sent_when_asked(stage: Stage) -> None:
    await _asks_for_a_code(stage)
    old, late = await _code(stage), NOON + timedelta(minutes=16)
    await stage.customer_says(old, late)
    assert (await _said(stage))["text"] == INVALID
    await stage.customer_presses("1:proof:again", late + timedelta(seconds=5))
    assert "If we know" in (await _said(stage))["text"]
    await stage.customer_says(await _code(stage), late + timedelta(seconds=60))
    assert "#1001" in (await _said(stage))["text"]


async def test_no_more_than_three_codes_an_hour_for_a_chat(stage: Stage) -> None:
    await _asks_for_a_code(stage)
    for number in range(2, 5):
        await stage.customer_says(f"other{number}@example.com", seconds(30 * number))
    assert "many codes" in (await _said(stage))["text"]
    assert (await _said(stage))["buttons"] == [HUMAN]
    later = NOON + timedelta(minutes=62)
    await _asks_for_a_code(stage, later)
    assert len(await stage.queued("code")) == 2


async def test_the_merge_keeps_tickets_words_and_orders(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        ticket = await make.ticket(session, contact_id=stage.contact.id, status="resolved", channel="telegram",
                                   resolved_at=NOON - timedelta(days=9))  # fmt: skip
    await _asks_for_a_code(stage)
    await stage.customer_says(await _code(stage), seconds(60))
    owner = await _owner(stage, "email", MAIL)
    async with stage.database.reading() as session:
        assert {order.contact_id for order in await session.scalars(select(Order))} == {owner.id}
        assert {line.contact_id for line in await session.scalars(select(TicketMessage))} == {owner.id}
    assert [(one.id, one.contact_id) for one in await stage.tickets()] == [(ticket.id, owner.id)]
    await stage.customer_says("I want to talk to a human", seconds(90))
    assert [one.contact_id for one in await stage.tickets()] == [owner.id, owner.id]
    assert (await stage.queued("auto_answer"))[-1]["receiver"] == "telegram:501"


async def test_a_second_chat_of_one_mailbox_is_told_but_not_joined(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        owner = await contacts.find(session, "email", MAIL)
        assert owner is not None
        session.add(Identity(contact_id=owner.id or 0, kind="telegram", value="777", proven=True, created_at=NOON))
    await _asks_for_a_code(stage)
    await stage.customer_says(await _code(stage), seconds(60))
    row = (await stage.queued("auto_answer"))[-1]
    assert "#1001" in row["payload"]["text"] and row["receiver"] == "telegram:501"
    assert (await _owner(stage, "telegram", "501")).id == stage.contact.id


async def test_two_people_with_their_own_accounts_are_never_joined(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        owner = await contacts.find(session, "email", MAIL)
        assert owner is not None
        for person, value in ((owner.id, "u1"), (stage.contact.id, "u2")):
            session.add(Identity(contact_id=person or 0, kind="user_id", value=value, created_at=NOON))
    await _asks_for_a_code(stage)
    await stage.customer_says(await _code(stage), seconds(60))
    assert "#1001" in (await _said(stage))["text"]
    assert (await _owner(stage, "telegram", "501")).id == stage.contact.id


async def test_in_an_open_ticket_every_word_is_for_the_staff(stage: Stage) -> None:
    await _asks_for_a_code(stage)
    await stage.customer_presses("1:human", seconds(20))
    said = len(await stage.queued("auto_answer"))
    await stage.customer_says(await _code(stage), seconds(30))
    await stage.customer_says(MAIL, seconds(40))
    assert "already" in (await stage.customer_presses("1:proof:again", seconds(50)) or "")
    assert (await stage.texts("relay"))[-2:] == [await _code(stage), MAIL]
    assert len(await stage.queued("auto_answer")) == said
    assert len(await stage.queued("code")) == 1


async def test_an_address_out_of_the_blue_or_long_after_the_question_is_no_request(stage: Stage) -> None:
    await stage.customer_says(MAIL)
    assert await stage.queued("code") == []
    await stage.staff_closes(seconds(5))
    await stage.customer_says("where is my order?", seconds(10))
    await stage.customer_says(MAIL, seconds(10 + 31 * 60))
    assert await stage.queued("code") == []


async def test_whoever_names_a_number_again_instead_of_an_address_gets_a_person(stage: Stage) -> None:
    await stage.customer_says("#1001")
    assert await stage.tickets() == []
    await stage.customer_says("#1001", seconds(20))
    assert len(await stage.tickets()) == 1


async def test_six_digits_without_a_code_on_its_way_are_an_order_number(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await make.order(session, "#100123", contact_id=stage.contact.id)
    await stage.customer_says("100123")
    assert "#100123" in (await _said(stage))["text"]


async def test_without_a_mail_relay_a_person_looks_as_before(database: Database, texts: Texts) -> None:
    stage = await Stage.set(database, texts, shop=SHOP)
    await stage.customer_says("where is my order #1001?")
    assert len(await stage.tickets()) == 1


async def test_the_chinese_shopper_reads_chinese_in_chat_and_mail(stage: Stage) -> None:
    await stage.customer_says("我的订单 #1001 到哪了")
    assert "邮箱" in (await _said(stage))["text"]
    await stage.customer_says("ada＠example.com", seconds(10))
    assert "验证码" in (await _said(stage))["text"]
    assert "您的验证码" in (await stage.queued("code"))[0]["payload"]["subject"]
    await stage.customer_says(await _wrong(stage), seconds(20))
    assert "无效" in (await _said(stage))["text"]
    await stage.customer_says(await _code(stage), seconds(30))
    assert "验证码正确" in (await _said(stage))["text"] and "已发货" in (await _said(stage))["text"]


async def test_a_mail_leaves_only_while_its_code_holds_and_its_words_go_when_it_has_left(stage: Stage) -> None:
    await _asks_for_a_code(stage)
    (row,) = await stage.queued("code")
    stage_of = stages(stage.desk)["code"]
    async with stage.database.transaction() as session:
        (send,) = (await stage_of.prepare(session, [row], seconds(60))).values()
        (skip,) = (await stage_of.prepare(session, [row], NOON + timedelta(minutes=16))).values()
        await stage_of.settled(session, row, Outcome("sent", seconds(60)))
    assert isinstance(send, Send) and "proof_id" not in send.payload and send.payload["to"] == MAIL
    assert isinstance(skip, Skip)
    assert (await stage.queued("code"))[0]["payload"] == {}


async def test_codes_and_their_addresses_are_forgotten(stage: Stage) -> None:
    await _asks_for_a_code(stage)
    async with stage.database.transaction() as session:
        kept = (await session.scalars(select(Proof).order_by(col(Proof.id)))).one()
        assert (await _code(stage)) not in kept.code_hash
        await codes.forget(session, NOON + timedelta(hours=23))
        assert (await session.scalars(select(Proof.id))).all()
        owner = await contacts.find(session, "email", MAIL)
        assert owner is not None and owner.id is not None
        await contacts.erase(session, stage.desk.ground.secret, owner.id, NOON)
        assert not (await session.scalars(select(Proof.id))).all()
