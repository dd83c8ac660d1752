"""Nobody sees an order but the person whom the shop itself names on it: attacks with claims, codes, chats and mails."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import letters
import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import Stage, seconds
from intake import Intake
from mail_office import MailOffice, opened
from sqlmodel import col, select

from bot import contacts
from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.contacts import audit
from bot.outbound.email import addresses
from bot.support import conversation
from bot.support.answers.files import Entry, Words
from bot.support.self_service import chats, codes, disclosing, ready
from bot.tables.people import Contact, Identity, Proof
from bot.tables.shop import Order
from bot.tables.staff_room import AuditEntry

ADA, MALLORY = "ada@example.com", "mallory@example.net"
SHOP = {"name": "Lamps & Co", "url": "https://lamps.example"}


class Attack:
    """A shop with Ada's order #1001 in it, as Shopify told; the chat of Mallory is the stage's."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.shop = Intake(stage.database)

    async def orders(self, number: str, email: str, customer: str = "", **more: Any) -> None:
        said = {"order_id": f"id-{number}", "order_number": number, "status": "paid", "parcel": "shipped", **more}
        who = {"userId": customer} if customer else {}
        await self.shop.tell("Order Completed", said, source="woocommerce", email=email, **who)

    async def says(self, text: str, after: float) -> str:
        """What the bot answers."""
        await self.stage.customer_says(text, seconds(after))
        return await self.last()

    async def last(self) -> str:
        return str((await self.stage.queued("auto_answer"))[-1]["payload"]["text"])

    async def code(self) -> str:
        return re.sub(r"\D", "", str((await self.stage.queued("code"))[-1]["payload"]["subject"]))

    async def mails(self) -> list[str]:
        return [row["receiver"] for row in await self.stage.queued("code")]

    async def audits(self) -> list[Mapping[str, Any]]:
        async with self.stage.database.reading() as session:
            shown = select(AuditEntry).where(AuditEntry.action == "order_shown").order_by(col(AuditEntry.id))
            return [{"subject": one.subject, **one.data} for one in (await session.scalars(shown)).all()]

    async def owner(self, kind: str, value: str) -> int:
        async with self.stage.database.reading() as session:
            found = await contacts.find(session, kind, value)
            assert found is not None and found.id is not None
            return found.id

    async def another_chat(self, number: int) -> Stage:
        async with self.stage.database.transaction() as session:
            contact = await make.telegram_contact(session, number)
        return _Elsewhere(self.stage.database, self.stage.desk, contact, self.stage.anna, self.stage.ben)


class _Elsewhere(Stage):
    """A chat of its own beside the stage's."""

    async def customer_says(self, text: str, at: Any = NOON, **_more: Any) -> None:  # type: ignore[override]
        self.number += 1
        async with self.database.reading() as session:
            chat = await contacts.address(session, self.contact.id or 0, "telegram")
        assert chat is not None
        said = conversation.Said(
            contact_id=self.contact.id or 0, channel="telegram", text=text,
            provider_key=f"telegram:{chat.value}:{self.number}", at=at, received_at=at,
            source={"chat_id": int(chat.value), "message_id": self.number},
        )  # fmt: skip
        async with self.database.transaction() as session:
            await conversation.customer_said(session, self.desk, said, at)


@pytest.fixture
async def attack(database: Database, texts: Texts) -> Attack:
    made = Attack(await Stage.set(database, texts, shop=SHOP, mail={"smtp_url": "smtp://127.0.0.1:2525"}))
    await made.orders("#1001", ADA)
    return made


async def test_two_claims_and_a_code_show_nothing(attack: Attack) -> None:
    for address in (MALLORY, ADA):
        await attack.shop.tell("identify", rank="page", anonymousId="a1", email=address, traits={"email": address})
    await attack.says("where is my order #1001?", 1)
    await attack.says(MALLORY, 2)
    assert await attack.mails() == []
    assert "1001" not in await attack.last()
    assert await attack.audits() == []


async def test_an_address_that_only_a_page_claimed_gets_the_same_words_and_no_mail(attack: Attack) -> None:
    await attack.shop.tell("identify", rank="page", anonymousId="a1", email=MALLORY, traits={"email": MALLORY})
    said = {"order_id": "77", "order_number": "#77", "email": MALLORY}
    await attack.shop.tell("Order Completed", said, rank="page", anonymousId="a1", email=MALLORY)
    words = [await attack.says("where is my order?", 1), await attack.says(MALLORY, 2), await attack.says("123456", 3)]
    later = await attack.another_chat(777)
    for at, text in enumerate(("where is my order?", ADA, "000000")):
        await later.customer_says(text, seconds(60 + at))
        assert await attack.last() == words[at]
    assert await attack.mails() == [ADA]


async def test_an_account_that_orders_with_somebody_elses_address_does_not_get_their_orders(attack: Attack) -> None:
    """The shop itself joins the two people then; what one of them proves opens their own orders only."""
    await attack.orders("#2001", MALLORY, customer="7")
    await attack.orders("#2002", ADA, customer="7")
    assert await attack.owner("email", ADA) == await attack.owner("woocommerce", "7")
    await attack.says("where is my order #1001?", 1)
    await attack.says(MALLORY, 2)
    told = await attack.says(await attack.code(), 3)
    assert "#2001" in told and "#1001" not in told and "#2002" not in told
    for at, words in enumerate(("where is my order #1001?", "#1001", "where is my order?")):
        assert "on its way" not in (told := await attack.says(words, 10 + at)) or "#2001" in told
        assert "#1001" not in told.replace("order #1001", "")
    assert {row["order"] for row in await attack.audits()} == {
        one.id for one in await attack.shop.rows(Order) if one.number == "#2001"
    }


async def test_the_button_of_somebody_elses_order_opens_nothing(attack: Attack) -> None:
    (order,) = await attack.shop.rows(Order)
    await attack.stage.customer_presses(f"1:order:{order.id}", seconds(1))
    assert all("on its way" not in text for text in await attack.stage.texts("auto_answer"))
    assert await attack.audits() == []


async def test_the_right_code_shows_and_is_written_down(attack: Attack) -> None:
    await attack.says("where is my order #1001?", 1)
    await attack.says(ADA, 2)
    assert "#1001" in await attack.says(await attack.code(), 3)
    (order,), (proof,) = await attack.shop.rows(Order), await attack.shop.rows(Proof)
    ada = await attack.owner("telegram", "501")
    assert await attack.audits() == [
        {"subject": f"contact:{ada}", "order": order.id, "by": f"code:{proof.id}", "channel": "telegram",
         "seen_by": ada}
    ]  # fmt: skip
    assert "#1001" in await attack.says("where is my order?", 60)
    assert len(await attack.audits()) == 2
    async with attack.stage.database.reading() as session:
        assert len(await audit.about(session, ada)) == 2


async def test_wrong_late_foreign_and_used_codes_are_told_in_the_same_words(attack: Attack) -> None:
    ben = await attack.another_chat(777)
    await attack.says("where is my order?", 1)
    await attack.says(ADA, 2)
    code = await attack.code()
    await ben.customer_says("where is my order?", seconds(3))
    await ben.customer_says("nobody@example.org", seconds(4))
    await ben.customer_says(code, seconds(5))
    foreign = await attack.last()
    wrong = await attack.says(f"{(int(code) + 1) % 1_000_000:06}", 6)
    assert "#1001" in await attack.says(code, 7)
    used = await attack.says(code, 8)
    await attack.stage.customer_says("#9999", seconds(9))
    again = await attack.another_chat(778)
    await again.customer_says("where is my order?", seconds(10))
    await again.customer_says(ADA, seconds(11))
    await again.customer_says(await attack.code(), seconds(12) + timedelta(minutes=16))
    late = await attack.last()
    assert len({wrong, used, foreign, late}) == 1 and "not valid" in wrong
    rows = [row["payload"]["buttons"] for row in await attack.stage.queued("auto_answer")
            if row["payload"]["text"] == wrong]  # fmt: skip
    assert len(rows) == 4 and all(row == rows[0] for row in rows)


async def test_a_code_is_good_in_its_own_chat_only(attack: Attack) -> None:
    ben = await attack.another_chat(777)
    await attack.says("where is my order?", 1)
    await attack.says(ADA, 2)
    code = await attack.code()
    await ben.customer_says("where is my order?", seconds(3))
    await ben.customer_says(ADA, seconds(4))
    await ben.customer_says(code, seconds(5))
    assert "not valid" in await attack.last()
    assert await attack.owner("telegram", "777") == ben.contact.id
    assert await attack.audits() == []


async def test_a_new_code_ends_the_one_before(attack: Attack) -> None:
    await attack.says("where is my order?", 1)
    await attack.says(ADA, 2)
    old = await attack.code()
    await attack.stage.customer_presses("1:proof:again", seconds(3))
    if old != await attack.code():
        assert "not valid" in await attack.says(old, 4)
    async with attack.stage.database.reading() as session:
        living = [one for one in (await session.scalars(select(Proof))).all() if codes.is_live(one, seconds(5))]
    assert len(living) == 1


async def _asks(attack: Attack, number: int, address: str, at: Any) -> Proof | None:
    """A chat that nobody knows asks for a code."""
    async with attack.stage.database.transaction() as session:
        contact = await contacts.find_or_create(session, [("telegram", number)], NOON, proven=True)
        chat = chats.Chat(contact.id or 0, "telegram", str(number))
        return await codes.make(session, attack.stage.desk, chat, address, "", "en", at)


async def test_one_stranger_uses_up_nothing_but_their_own_codes(attack: Attack) -> None:
    """They hear that it is too much; the owner of the address, in a chat as new as theirs, gets the code."""
    for number in range(4):
        made = await _asks(attack, 900, ADA, seconds(number))
        assert (made is None) == (number == 3)
    assert await attack.mails() == [ADA] * 3
    await attack.says("where is my order #1001?", 10)
    assert "many codes" not in await attack.says(ADA, 11)
    assert await attack.mails() == [ADA] * 4
    assert "#1001" in await attack.says(await attack.code(), 12)


async def test_an_address_gets_few_mails_and_the_first_code_of_a_chat_goes_before_further_ones(attack: Attack) -> None:
    strangers = range(900, 903)
    for number in (*strangers, *strangers):
        assert await _asks(attack, number, ADA, seconds(number - 900)) is not None
    assert await attack.mails() == [ADA] * codes.AGAIN.to_address
    for number in range(910, 930):
        assert await _asks(attack, number, ADA, seconds(60)) is not None
    assert await attack.mails() == [ADA] * codes.FIRST.to_address
    assert await _asks(attack, 940, ADA, NOON + timedelta(minutes=70)) is not None
    assert await attack.mails() == [ADA] * (codes.FIRST.to_address + 1)


async def test_an_address_of_the_chats_own_person_has_room_whatever_strangers_do(attack: Attack) -> None:
    async with attack.stage.database.transaction() as session:
        owner = await contacts.find_or_create(session, [("telegram", 501), ("email", ADA)], NOON, proven=True)
        assert owner.id == (await contacts.find_or_create(session, [("telegram", 501)], NOON)).id
    for number in range(900, 915):
        await _asks(attack, number, ADA, seconds(1))
    assert await attack.mails() == [ADA] * codes.FIRST.to_address
    for number in range(4):
        await _asks(attack, 501, ADA, seconds(10 + number))
    assert await attack.mails() == [ADA] * (codes.FIRST.to_address + 3)


async def test_whoever_asks_again_where_no_mail_may_leave_keeps_the_code_that_they_have(attack: Attack) -> None:
    await attack.says("where is my order #1001?", 1)
    sent = await attack.says(ADA, 2)
    code = await attack.code()
    for number in range(900, 903):
        await _asks(attack, number, ADA, seconds(3))
    mails = await attack.mails()
    assert await attack.says(ADA, 10) == sent and await attack.mails() == mails
    assert "#1001" in await attack.says(code, 11)


async def test_a_code_kept_for_one_address_tells_nothing_of_another(attack: Attack) -> None:
    """Whoever has a code of their own and asks for a second address loses it, be that address known or not."""
    await attack.orders("#2001", MALLORY)
    told = []
    for number, address in enumerate((ADA, "nobody@example.org")):
        chat, at = await attack.another_chat(700 + number), 100 * number
        await chat.customer_says("where is my order?", seconds(at))
        await chat.customer_says(MALLORY, seconds(at + 1))
        code = await attack.code()
        await chat.customer_says(address, seconds(at + 2))
        await chat.customer_says(code, seconds(at + 3))
        told.append(await attack.last())
    assert told[0] == told[1] and "not valid" in told[0]


async def test_codes_that_are_not_mailed_take_no_room_and_open_nothing(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses that nobody knows keep nobody from a code; a guess at a code that never left is never right."""
    monkeypatch.setattr(codes, "FIRST", codes.Room(10, 4))
    monkeypatch.setattr(codes, "AGAIN", codes.Room(3, 2))
    for number in range(20):
        assert await _asks(attack, 1000 + number, f"a{number}@example.org", seconds(1)) is not None
    for number in range(4):
        await attack.orders(f"#30{number}", f"c{number}@example.org")
        await _asks(attack, 2000 + number, f"c{number}@example.org", seconds(2))
    assert len(await attack.mails()) == 4
    proof = await _asks(attack, 501, ADA, seconds(3))
    assert len(await attack.mails()) == 4
    assert proof is not None and codes.is_live(proof, seconds(4))
    assert not any(codes.fits(attack.stage.desk, proof, f"{guess:06}") for guess in range(1000))
    assert (await attack.shop.rows(Proof))[-1].code_hash == ""
    await attack.says("where is my order?", 10)
    assert "many codes" not in await attack.says(ADA, 11)
    later = await attack.another_chat(950)
    await later.customer_says("where is my order?", NOON + timedelta(minutes=62))
    await later.customer_says(ADA, NOON + timedelta(minutes=62, seconds=5))
    assert (await attack.mails())[4:] == [ADA]


async def test_first_codes_have_room_in_all_where_further_ones_have_none(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "FIRST", codes.Room(10, 4))
    monkeypatch.setattr(codes, "AGAIN", codes.Room(3, 2))
    for number in range(3):
        await attack.orders(f"#30{number}", f"c{number}@example.org")
        await _asks(attack, 2000, f"c{number}@example.org", seconds(number))
    assert await attack.mails() == ["c0@example.org", "c1@example.org"]
    assert await _asks(attack, 2001, ADA, seconds(5)) is not None
    assert (await attack.mails())[2:] == [ADA]


async def test_an_unknown_address_costs_what_a_known_one_costs(attack: Attack) -> None:
    """Whatever the database is asked for the one it is asked for the other; only the mail to queue is added."""
    asked: dict[str, list[str]] = {}
    engine = attack.stage.database.engine.sync_engine
    for address in (ADA, "nobody@example.org"):
        seen = asked.setdefault(address, [])

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any, into: list[str] = seen) -> None:
            into.append(statement)

        async with attack.stage.database.transaction() as session:
            chat = chats.Chat(attack.stage.contact.id or 0, "telegram", f"9{len(asked)}")
            sa.event.listen(engine, "before_cursor_execute", note)
            await codes.make(session, attack.stage.desk, chat, address, "", "en", NOON)
            sa.event.remove(engine, "before_cursor_execute", note)
    known, unknown = asked.values()
    assert known[: len(unknown)] == unknown and len(unknown) > 5
    assert all("outbox" in statement or "message" in statement for statement in known[len(unknown) :])


async def test_a_chat_that_the_code_joined_has_only_what_it_proved(attack: Attack) -> None:
    """Another address of the same person is proved by itself."""
    await attack.orders("#4455", "ada@work.example")
    async with attack.stage.database.transaction() as session:
        await contacts.find_or_create(session, [("email", ADA), ("email", "ada@work.example")], NOON, proven=True)
    await attack.says("where is my order?", 1)
    await attack.says(ADA, 2)
    assert "#4455" not in await attack.says(await attack.code(), 3)
    assert "e-mail address" in await attack.says("where is my order #4455?", 4)
    await attack.says("ada@work.example", 5)
    assert "#4455" in await attack.says(await attack.code(), 6)


async def test_an_address_that_only_a_mail_came_from_opens_no_order_of_its_person(attack: Attack) -> None:
    """Where the shop names no address on an order, it must have named it for the customer."""
    async with attack.stage.database.transaction() as session:
        mailed = await contacts.find_or_create(session, [("email", MALLORY)], NOON)
        await make.order(session, "#5005", contact_id=mailed.id)
    await attack.says("where is my order #5005?", 1)
    await attack.says(MALLORY, 2)
    assert await attack.mails() == []
    async with attack.stage.database.transaction() as session:
        await contacts.find_or_create(session, [("user_id", "u5"), ("email", MALLORY)], NOON, rank="shop")
    await attack.says(MALLORY, 11)
    assert await attack.mails() == [MALLORY]


async def test_a_page_does_not_say_to_whom_an_order_opens(attack: Attack) -> None:
    said = {"order_id": "id-#1001", "order_number": "#1001", "email": MALLORY, "status": "paid"}
    await attack.shop.tell("Order Completed", said, rank="page", anonymousId="a1", email=MALLORY)
    await attack.shop.tell("Order Updated", said, rank="page", anonymousId="a1", email=MALLORY)
    orders = await attack.shop.rows(Order)
    assert [one.email for one in orders if one.number == "#1001"] == [ADA]
    await attack.says("where is my order #1001?", 1)
    await attack.says(MALLORY, 2)
    assert await attack.mails() == []


async def test_the_newest_word_of_the_shop_says_to_whom_it_opens(attack: Attack) -> None:
    said = {"order_id": "id-#1001", "order_number": "#1001", "status": "paid", "updated_at": "2026-03-04T12:05:00Z"}
    await attack.shop.tell("Order Updated", said, source="woocommerce", email="Ada.New@Example.com")
    old = {**said, "updated_at": "2020-01-01T00:00:00Z"}
    await attack.shop.tell("Order Updated", old, source="woocommerce", email=MALLORY)
    assert [one.email for one in await attack.shop.rows(Order)] == ["ada.new@example.com"]


async def test_a_ready_answer_that_names_orders_names_only_those_that_may_be_seen(attack: Attack) -> None:
    await attack.orders("#2001", MALLORY, customer="7")
    await attack.orders("#2002", ADA, customer="7")
    async with attack.stage.database.transaction() as session:
        owner = await contacts.find(session, "email", ADA)
        assert owner is not None
        session.add(Identity(contact_id=owner.id or 0, kind="telegram", value="999", proven=True, created_at=NOON))
        shown = await chats.of_contact(session, owner, "telegram")
    async with attack.stage.database.reading() as session:
        assert list(await disclosing.orders(session, shown)) == []


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{% for order in orders %}{{ order.tracking_url }} {% endfor %}", ["#1001", "#1002"]),
        ("{{ orders[0].carrier }}", ["#1002"]),
        ("{{ orders | map(attribute='state') | join(', ') }}", ["#1001", "#1002"]),
        ("{% if orders[1:2] %}{{ (orders[1:2] | first)['carrier'] }}{% endif %}", ["#1001"]),
        ("{{ (orders | last | dictsort | first)[1] }}", ["#1001"]),
        ("{% if orders %}{% if orders[0].state == 'shipped' %}It left.{% endif %}{% endif %}", ["#1002"]),
        ("{{ shop.name }}{% if orders %}, dear customer{% endif %}", []),
    ],
    ids=["links", "carrier", "map", "slice", "sorted", "state", "none"],
)
async def test_every_order_that_an_answer_of_the_shop_looks_at_is_written_down(
    attack: Attack, template: str, shown: list[str]
) -> None:
    """Whether or not it prints the number."""
    more = {"carrier": "DHL", "tracking_url": "https://dhl.example/1", "created_at": "2026-01-02T00:00:00Z"}
    await attack.orders("#1002", ADA, **more)
    await attack.says("where is my order?", 1)
    await attack.says(ADA, 2)
    await attack.says(await attack.code(), 3)
    desk, before = attack.stage.desk, len(await attack.audits())
    words = Words("Parcels", ("parcels",), template, Path("en.toml"), 1)
    async with attack.stage.database.transaction() as session:
        ada = await contacts.find(session, "email", ADA)
        assert ada is not None
        mine = await disclosing.orders(session, await chats.of_contact(session, ada, "telegram"))
        assert sorted(one.number for one in mine) == ["#1001", "#1002"]
        numbers = {one.id: one.number for one in mine}
        order = [one.number for one in mine]
        entry = Entry("parcels", {"en": words})
        assert await ready.answer(session, desk, ada, "telegram", entry, "en", "own", seconds(60))
    told = (await attack.audits())[before:]
    expected = [{"#1002": order[0], "#1001": order[1]}[one] for one in shown]
    assert sorted(numbers[row["order"]] for row in told) == sorted(expected)
    assert all(row["by"].startswith("code:") for row in told)


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    async with opened(database, texts) as made:
        yield made


async def _order_of_ada(office: MailOffice, **more: Any) -> int:
    async with office.here.database.transaction() as session:
        ada = await contacts.find_or_create(session, [("email", "ada@example.org")], clock.now(), proven=True)
        session.add(Order(order_id="o1", number="#7001", contact_id=ada.id, status="paid", currency="EUR",
                          ordered_at=clock.now(), changed_at=clock.now(), **more))  # fmt: skip
        assert ada.id is not None
        return ada.id


@pytest.mark.parametrize("words", ["Where is my order?", "Where is my order #7001?", "7001"])
async def test_a_forged_sender_is_told_nothing_though_the_address_was_proven_once(
    office: MailOffice, words: str
) -> None:
    await _order_of_ada(office, email="ada@example.org")
    await office.comes(letters.letter(words))
    assert (await office.ticket()).status == "new"
    assert all("7001" not in one.message.get_content() for one in office.catcher.mails)


async def test_a_forged_sender_with_a_made_up_thread_is_told_nothing(office: MailOffice) -> None:
    ada = await _order_of_ada(office, email="ada@example.org")
    sent = await office.sent_by_a_flow(ada)
    name = addresses.message_name(sent["id"], "another secret", "shop.example")
    await office.comes(letters.letter("Where is my order?", In_Reply_To=f"<{name}>"))
    assert len(office.catcher.mails) == 1
    assert "#7001" not in office.catcher.mails[0].message.get_content()


async def test_an_answer_to_a_mail_of_ours_from_another_address_is_told_nothing(office: MailOffice) -> None:
    ada = await _order_of_ada(office, email="ada@example.org")
    sent = await office.sent_by_a_flow(ada)
    name = addresses.message_name(sent["id"], office.secret, "shop.example")
    await office.comes(letters.letter("Where is my order?", sender=MALLORY, In_Reply_To=f"<{name}>"))
    assert all("#7001" not in one.message.get_content() for one in office.catcher.mails)


async def test_an_answer_to_a_mail_of_ours_is_told_what_the_shop_names_that_address_on(office: MailOffice) -> None:
    ada = await _order_of_ada(office, email="ada@example.org")
    async with office.here.database.transaction() as session:
        session.add(Order(order_id="o2", number="#7002", contact_id=ada, status="paid", currency="EUR",
                          email="else@example.org", ordered_at=clock.now(), changed_at=clock.now()))  # fmt: skip
    sent = await office.sent_by_a_flow(ada)
    name = addresses.message_name(sent["id"], office.secret, "shop.example")
    await office.comes(letters.letter("Where is my order?", In_Reply_To=f"<{name}>"))
    (told,) = office.catcher.mails
    assert "#7001" in told.message.get_content() and "#7002" not in told.message.get_content()
    entries = await office.rows(AuditEntry)
    assert [(one.action, one.data["by"], one.data["channel"]) for one in entries] == [("order_shown", "mail", "email")]


async def test_forgetting_takes_the_address_off_orders_and_the_proofs_away(attack: Attack) -> None:
    await attack.says("where is my order?", 1)
    await attack.says(ADA, 2)
    await attack.says(await attack.code(), 3)
    ada = await attack.owner("email", ADA)
    async with attack.stage.database.transaction() as session:
        await contacts.erase(session, attack.stage.desk.ground.secret, ada, seconds(60))
    assert [one.email for one in await attack.shop.rows(Order)] == [""]
    assert await attack.shop.rows(Proof) == []
    assert [one.status for one in await attack.shop.rows(Contact) if one.id == ada] == ["erased"]
