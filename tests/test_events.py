import asyncio
import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from conftest import NOON
from intake import SECRET, Intake
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts, events
from bot.base.database import Database, table
from bot.events import Applier, Happened, Ingest, NewEvent, Overloaded, Rejected, names
from bot.shops import stores
from bot.tables.events import Event, RejectedEvent
from bot.tables.people import Consent, Contact
from bot.tables.shop import Cart


def _event(message_id: str, name: str = "Product Viewed", **body: Any) -> NewEvent:
    return NewEvent("page", message_id, "track", name, NOON, NOON, body or {"anonymousId": "a1"}, rank="page")


async def _count(database: Database, model: type[Any]) -> int:
    async with database.reading() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(table(model))) or 0


async def test_an_event_is_written_down_once(database: Database) -> None:
    async with database.transaction() as session:
        assert await events.record(session, _event("1")) is not None
        assert await events.record(session, _event("1")) is None
    assert await _count(database, Event) == 1


async def test_many_requests_share_a_commit_and_each_waits_for_it(database: Database) -> None:
    ingest = Ingest(database)
    ingest.start()
    await asyncio.gather(*(ingest.add([_event(str(number)), _event("same")]) for number in range(200)))
    assert await _count(database, Event) == 201
    await ingest.close()


async def test_what_the_database_refuses_hurts_its_own_request_only(database: Database) -> None:
    ingest = Ingest(database)
    broken = NewEvent("page", None, "track", "x", NOON, NOON, {}, rank="page")  # type: ignore[arg-type]
    ingest.start()
    results = await asyncio.gather(
        ingest.add([_event("1")]), ingest.add([broken]), ingest.add([_event("2")]), return_exceptions=True
    )
    assert [isinstance(result, DBAPIError) for result in results] == [False, True, False]
    assert await _count(database, Event) == 2
    await ingest.close()


async def test_a_closing_ingest_writes_what_waits_and_takes_no_more(database: Database) -> None:
    ingest = Ingest(database)
    ingest.start()
    waiting = asyncio.create_task(ingest.add([_event("1")]))
    await asyncio.sleep(0)
    await ingest.close()
    await waiting
    assert await _count(database, Event) == 1
    with pytest.raises(Overloaded):
        await ingest.add([_event("2")])


async def test_the_debugger_list_keeps_the_newest(database: Database) -> None:
    ingest = Ingest(database)
    ingest.start()
    for part in range(13):
        await ingest.add(
            [], [Rejected("page", "no event", str(part * 100 + number), NOON, rank="page") for number in range(100)]
        )
    await ingest.close()
    async with database.reading() as session:
        bodies = (await session.scalars(sa.select(RejectedEvent.body).order_by(RejectedEvent.id))).all()
    assert (len(bodies), bodies[-1]) == (1000, "1299")


async def test_events_are_applied_in_order_and_know_their_contact(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("identify", userId="u1", email="ada@example.org", traits={"email": "ada@example.org"})
    await intake.tell("Product Viewed", {"product_id": "1"}, userId="u1")
    first, second = intake.heard
    assert first.contact_id == second.contact_id is not None
    assert [row.contact_id for row in await intake.rows(Event)] == [first.contact_id] * 2
    assert await intake.statuses() == ["done", "done"]


async def test_who_hears_of_an_event_finds_it_with_the_store_that_it_was_settled_for(database: Database) -> None:
    async with database.transaction() as session:
        await stores.know(session, "shopify:goods.myshopify.com", NOON)
    intake, found = Intake(database), list[str]()

    async def ask(session: AsyncSession, happened: Happened, _now: datetime) -> None:
        asked = sa.select(table(Event).c.store).where(table(Event).c.contact_id == happened.contact_id)
        found[:] = await session.scalars(asked)

    intake.applier.handlers = [ask]
    await intake.tell("Product Viewed", {"product_id": "1"}, userId="u1")
    await intake.tell("Product Viewed", {"product_id": "1"}, userId="u1")
    assert found == ["shopify:goods.myshopify.com"] * 2


async def test_events_that_wait_together_are_applied_in_the_order_they_came_whatever_their_due_time(
    database: Database,
) -> None:
    intake = Intake(database)
    async with database.transaction() as session:
        for number, earlier in enumerate((1, 3, 2)):  # tried again, or the clock was set back meanwhile
            told = _event(str(number), f"Step {number}", userId="u1")
            await events.record(session, dataclasses.replace(told, received_at=NOON - timedelta(seconds=earlier)))
    await intake.apply()
    assert intake.names == ["Step 0", "Step 1", "Step 2"]


async def test_one_bad_event_stops_nobody_and_comes_again(database: Database) -> None:
    intake = Intake(database)
    intake.refusing = {"Bad Event"}
    async with database.transaction() as session:
        for number, name in enumerate(("Product Viewed", "Bad Event", "Product Added")):
            await events.record(session, _event(str(number), name, userId=f"u{number}", properties={"product_id": "1"}))
    await intake.apply()
    assert intake.names == ["Product Viewed", "Product Added"]
    bad = (await intake.rows(Event))[1]
    assert (bad.status, bad.attempts, bad.contact_id, bad.error) == (
        "new",
        1,
        None,
        "RuntimeError: this handler cannot take it",
    )
    assert bad.due_at > NOON
    assert len(await intake.rows(Contact)) == 2  # what it had begun was rolled back


async def test_an_event_that_never_works_ends_as_failed(database: Database) -> None:
    intake = Intake(database)
    intake.refusing = {"Bad Event"}
    await intake.tell("Bad Event", userId="u1")
    for _ in range(9):
        async with database.transaction() as session:
            await session.execute(table(Event).update().values(due_at=NOON))
        await intake.apply()
    bad = await intake.one(Event)
    assert (bad.status, bad.due_at, bad.attempts) == ("failed", None, 10)


async def test_only_one_process_applies(database: Database) -> None:
    mine, other = (Applier(database, [], worker, secret=SECRET, now=lambda: NOON) for worker in (1, 2))
    async with database.transaction() as session:
        await events.record(session, _event("1"))
    assert await mine.apply_due() == 1
    async with database.transaction() as session:
        await events.record(session, _event("2"))
    assert await other.apply_due() == 0
    assert await mine.apply_due() == 1


async def test_the_cart_of_the_visitor_follows_them_when_they_sign_in(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Added", {"cart_id": "c1", "product_id": "1", "price": 9}, anonymousId="phone")
    await intake.tell("identify", anonymousId="phone", userId="u1", email="ada@example.org")
    cart, signed_in = await intake.one(Cart), intake.heard[-1]
    assert cart.contact_id == signed_in.contact_id


async def test_an_alias_joins_the_visitor_but_never_two_users(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("page", anonymousId="a1")
    await intake.tell("alias", previousId="a1", userId="u1")
    await intake.tell("page", userId="u2")
    await intake.tell("alias", previousId="u2", userId="u1")
    people = [happened.contact_id for happened in intake.heard]
    assert people[0] == people[1] == people[3] != people[2]


async def test_what_tells_of_somebody_from_before_they_were_forgotten_is_dropped(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("Product Viewed", {"product_id": "1"}, userId="u1", email="ada@example.org")
    async with database.transaction() as session:
        await contacts.erase(session, SECRET, intake.heard[0].contact_id or 0, NOON)
    await intake.tell("Product Added", {"product_id": "1"}, email="ada@example.org", ts=NOON - timedelta(minutes=1))
    assert len(intake.heard) == 1
    late = (await intake.rows(Event))[-1]
    assert (late.status, late.body, late.contact_id) == ("erased", {}, None)


async def _word(database: Database, address: str = "ada@example.org") -> str | None:
    async with database.reading() as session:
        last = await contacts.allowed(session, SECRET, "email", address, "marketing")
    return last.action if last else None


@pytest.mark.parametrize("trait", ["marketing_consent", "email_marketing_consent", "accepts_marketing"])
async def test_a_consent_trait_goes_into_the_ledger_when_it_changes(database: Database, trait: str) -> None:
    intake = Intake(database)

    async def identify(wanted: bool, minute: int) -> None:
        traits = {"email": "ada@example.org", trait: wanted}
        await intake.tell(
            "identify", userId="u1", email="ada@example.org", traits=traits, ts=NOON + timedelta(minutes=minute)
        )

    await identify(True, 0)
    assert await _word(database) == "granted"
    await identify(False, 1)
    assert await _word(database) == "withdrawn"
    await identify(True, 2)
    assert await _word(database) == "granted"


@pytest.mark.parametrize(
    ("yes", "no"), [("yes", "no"), ("true", "false"), ("1", "0"), (1, 0), ("Subscribed", "UNSUBSCRIBED"), ("是", "否")]
)
async def test_consent_is_said_in_words_too(database: Database, yes: Any, no: Any) -> None:
    intake = Intake(database)
    for minute, (said, word) in enumerate(((yes, "granted"), (no, "withdrawn"), (yes, "granted"))):
        traits = {"email": "ada@example.org", "marketing_consent": said}
        at = NOON + timedelta(minutes=minute)
        await intake.tell("identify", userId="u1", email="ada@example.org", traits=traits, ts=at)
        assert await _word(database) == word


@pytest.mark.parametrize("said", ["perhaps", 2, ["yes"], {"email": True}])
async def test_a_consent_that_is_neither_yes_nor_no_is_told_and_counts_for_nothing(
    database: Database, said: Any
) -> None:
    intake = Intake(database)
    traits = {"email": "ada@example.org", "marketing_consent": said}
    with structlog.testing.capture_logs() as entries:
        await intake.tell("identify", userId="u1", email="ada@example.org", traits=traits)
    assert await _word(database) is None
    (warning,) = [entry for entry in entries if entry["log_level"] == "warning"]
    assert warning["key"] == "marketing_consent" and "ada@" not in str(warning)


async def test_a_page_that_still_says_yes_does_not_take_back_an_unsubscribe(database: Database) -> None:
    intake = Intake(database)
    yes = {"email": "ada@example.org", "marketing_consent": True}
    await intake.tell("identify", userId="u1", email="ada@example.org", traits=yes)
    async with database.transaction() as session:
        at = NOON + timedelta(minutes=1)
        await contacts.withdraw(session, SECRET, None, "email", "ada@example.org", "marketing", "link", at)
    await intake.tell("identify", userId="u1", email="ada@example.org", traits=yes, ts=NOON + timedelta(minutes=2))
    assert await _word(database) == "withdrawn"
    assert len(await intake.rows(Consent)) == 2


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (((3, True),), "withdrawn"),  # never seen before: the page may have said so all the time
        (((0, False), (3, True)), "withdrawn"),  # there was a yes since that no, and they left after it
        (((3, True), (4, True)), "withdrawn"),
        (((3, False), (4, True)), "granted"),
        (((4, False), (3, True)), "withdrawn"),  # a yes that arrives late
        (((0, True), (3, False), (4, True)), "granted"),
    ],
)
async def test_after_an_unsubscribe_the_page_has_to_say_no_before_its_yes_counts(
    database: Database, told: tuple[tuple[int, bool], ...], word: str
) -> None:
    intake = Intake(database)
    ada: dict[str, Any] = {"userId": "u1", "email": "ada@example.org"}

    async def identify(minute: int, wanted: bool) -> None:
        traits = {"email": "ada@example.org", "marketing_consent": wanted}
        await intake.tell("identify", traits=traits, ts=NOON + timedelta(minutes=minute), **ada)

    for minute, wanted in told:
        if minute == 0:
            await identify(minute, wanted)
    async with database.transaction() as session:
        about = session, SECRET, None, "email", "ada@example.org", "marketing"
        await contacts.allow(*about, "checkout", NOON + timedelta(minutes=1))
        at = NOON + timedelta(minutes=2)
        await contacts.withdraw(*about, "one_click", at)
        await contacts.suppress(session, SECRET, "email", "ada@example.org", "unsubscribed", at, topic="marketing")
    for minute, wanted in told:
        if minute:
            await identify(minute, wanted)
    assert await _word(database) == word
    async with database.reading() as session:
        about_now = session, SECRET, "email", "ada@example.org", "marketing", NOON + timedelta(minutes=9)
        assert await contacts.suppressed(*about_now) == (None if word == "granted" else "unsubscribed")


async def test_consent_is_of_an_address_not_of_a_person(database: Database) -> None:
    intake = Intake(database)
    for address in ("old@example.org", "new@example.org"):
        traits = {"email": address, "marketing_consent": True}
        await intake.tell("identify", userId="u1", email=address, traits=traits)
    assert (await _word(database, "old@example.org"), await _word(database, "new@example.org")) == (
        "granted",
        "granted",
    )


async def test_subscribed_and_unsubscribed_are_words_of_the_person(database: Database) -> None:
    intake = Intake(database)
    address = {"email": "ada@example.org"}
    await intake.tell("Subscribed", address, anonymousId="a1", **address)
    assert await _word(database) == "granted"
    await intake.tell("Unsubscribed", address, anonymousId="a1", ts=NOON + timedelta(minutes=1), **address)
    assert await _word(database) == "withdrawn"
    await intake.tell("Subscribed", address, anonymousId="a1", **address)  # arrives late
    assert await _word(database) == "withdrawn"


async def test_nobody_subscribes_the_address_of_another_user(database: Database) -> None:
    intake = Intake(database)
    await intake.tell("identify", userId="u1", email="ada@example.org")
    await intake.tell("Unsubscribed", {"email": "ada@example.org"}, userId="u2", email="ada@example.org")
    assert await _word(database) is None


def test_older_and_foreign_names_are_kept_under_ours() -> None:
    told = ["Completed Order", "Placed Order", "Viewed Product", "order completed", "Started Checkout", "My Event"]
    kept = ["Order Completed", "Order Completed", "Product Viewed", "Order Completed", "Checkout Started", "My Event"]
    assert [names.canonical(name) for name in told] == kept


def test_a_name_of_the_shops_own_is_one_name_however_its_blanks_and_letters_are_written() -> None:
    own = [
        "Quiz Finished",
        "Quiz\u00a0Finished",
        " Quiz \t Finished\u200b",
        "Ｑｕｉｚ　Ｆｉｎｉｓｈｅｄ",
        "Quiz\u2800Finished",
        "Qu\u00adiz Finished",
    ]
    assert {names.canonical(name) for name in own} == {"Quiz Finished"}
    assert names.canonical("Größe gewählt") == names.canonical("Gro\u0308ße gewählt") == "Größe gewählt"
    assert names.canonical("问卷　完成") == "问卷 完成" and names.canonical("quiz finished") == "quiz finished"
    assert names.canonical("\u200b\u3164") == "" and len(names.canonical("a " * 400)) <= 200


@pytest.mark.parametrize("given", ["1001", 1001, 1001.0, "#1001", " 1001 "])
def test_t57_an_id_is_one_text_however_it_is_written(given: object) -> None:
    assert names.properties("Order Completed", {"order_id": given})["order_id"] == "1001"


def test_klaviyo_words_are_read_as_ours() -> None:
    item = {"ProductID": 7, "SKU": "K", "ProductName": "Kettle", "Quantity": 2, "ItemPrice": 49.0}
    found = names.properties("Order Completed", {"$event_id": "1001", "$value": 98, "Items": [item]})
    assert (found["order_id"], found["value"]) == ("1001", 98)
    line = found["products"][0]
    assert (line["product_id"], line["name"], line["quantity"], line["price"]) == ("7", "Kettle", 2, 49.0)
    added = names.properties("Product Added", {"AddedItemProductID": 7, "AddedItemPrice": 49.0, "AddedItemQuantity": 1})
    assert (added["product_id"], added["price"], added["quantity"]) == ("7", 49.0, 1)
