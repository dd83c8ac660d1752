"""Every table says what it keeps of a person, and copy, end, merge and retention do as it says."""

import io
import zipfile
from datetime import timedelta
from typing import Any

import every_row
import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from every_row import SECRET, Somebody
from sqlmodel import SQLModel, select

from bot import contacts
from bot.base import personal
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.personal import Delete, NotPersonal, Personal
from bot.contacts import endings, export, retention
from bot.contacts.merge import RULES, pointing_here
from bot.tables.chat import TelegramUpdate
from bot.tables.events import Event, RejectedEvent, WebhookDelivery
from bot.tables.people import Contact
from bot.tables.support import Ticket

LATER = NOON + timedelta(days=1)
_RETAINED = {"conversations": "30d", "messages": "30d", "events": "30d", "audit": "30d"}


@pytest.mark.parametrize("model", personal.models(), ids=lambda model: model.__name__)
def test_every_table_says_whose_it_is(model: type[SQLModel]) -> None:
    said = personal.of(model)
    if isinstance(said, NotPersonal):
        assert said.why
        assert not pointing_here(model), "it refers to a contact"


@pytest.mark.parametrize("model", personal.registry(), ids=lambda model: model.__name__)
def test_every_column_that_can_hold_words_is_emptied_or_said_to_hold_none(model: type[SQLModel]) -> None:
    said = personal.of(model)
    assert isinstance(said, Personal)
    columns, ours = set(table(model).c.keys()), set(said.ours.split())
    if isinstance(said.forget, Delete):
        assert not ours, "its rows go as a whole"
    else:
        emptied = set(said.forget.values)
        assert emptied <= columns
        assert ours <= personal.words(model)
        assert personal.words(model) <= ours | emptied, "columns that nothing is said of"
        assert not ours & emptied
    named = {by.column for by in (*said.whose, *said.shown)} | set(said.hidden.split()) | set(said.apart)
    named |= set(said.spare) | set(said.raw_if) | ({said.raw} if said.raw else set())
    assert named <= columns
    assert not said.rule or said.rule in endings.RULES
    assert not isinstance(said.merge, str) or said.merge in RULES


def test_a_table_that_says_nothing_is_found_out() -> None:
    class Forgotten(SQLModel):
        pass

    with pytest.raises(TypeError, match="Forgotten does not say"):
        personal.of(Forgotten)


def test_every_rule_is_named_by_a_table() -> None:
    said = personal.registry().values()
    assert {one.rule for one in said} - {""} == set(endings.RULES)
    assert {one.merge for one in said if isinstance(one.merge, str)} == set(RULES)


async def _two(database: Database) -> tuple[Somebody, Somebody]:
    """Ada with a row in every table, and Bob in whose rows the rest of them is."""
    async with database.transaction() as session:
        bob = await Somebody.come(session, "bob")
        ada = await Somebody.come(session, "ada")
        await every_row.fill(session, ada, bob)
    return ada, bob


async def _left(database: Database, *people: Somebody) -> list[str]:
    async with database.reading() as session:
        return await every_row.found(session, {word: at for one in people for word, at in one.words.items()})


async def test_whoever_is_forgotten_leaves_no_word_in_any_column_and_others_keep_theirs(database: Database) -> None:
    ada, bob = await _two(database)
    before = await _left(database, bob)
    assert len(await _left(database, ada)) >= len(ada.words)
    async with database.transaction() as session:
        await contacts.erase(session, SECRET, ada.ids["contact"], LATER)
    assert await _left(database, ada) == []
    assert await _left(database, bob) == before


async def test_the_copy_has_every_word_that_is_to_be_shown_and_none_of_anybody_else(database: Database) -> None:
    ada, bob = await _two(database)
    async with database.reading() as session:
        data = await export.zipped(session, ada.ids["contact"], SECRET, LATER)
    archive = zipfile.ZipFile(io.BytesIO(data))
    copy = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert [at for word, at in ada.words.items() if word in ada.shown and word not in copy] == []
    assert [at for word, at in bob.words.items() if word in copy] == []
    raw = {ada.words[word] for word in ada.shown}
    assert {"webhookdelivery.body", "rejectedevent.body", "event.body", "telegramupdate.body"} <= raw


async def test_what_a_page_put_her_address_into_is_no_word_of_hers_and_is_forgotten(database: Database) -> None:
    ada, _ = await _two(database)
    email, own = ada.known["email"], ada.known["anonymous_id"]
    plain: dict[str, Any] = {
        "source": "web",
        "rank": "page",
        "name": "x",
        "ts": NOON,
        "received_at": NOON,
        "attempts": 0,
    }
    bodies = {
        "his": {"email": email, "note": "of-a-stranger"},
        "hers": {"email": email, "anonymousId": own, "note": "of-ada"},
    }
    async with database.transaction() as session:
        for number, body in bodies.items():
            values = {**plain, "message_id": number, "status": "refused", "body": body}
            await session.execute(sa.insert(table(Event)).values(**values))
    async with database.reading() as session:
        copy = str(await export.collect(session, ada.ids["contact"], SECRET))
    assert "of-ada" in copy and "of-a-stranger" not in copy
    async with database.transaction() as session:
        await contacts.erase(session, SECRET, ada.ids["contact"], LATER)
    async with database.reading() as session:
        left = await session.scalars(sa.select(table(Event).c.body).where(table(Event).c.message_id.in_(bodies)))
        assert list(left.all()) == [{}, {}]


async def test_nothing_refers_to_whoever_was_merged_and_both_are_forgotten_as_one(database: Database) -> None:
    ada, bob = await _two(database)
    async with database.transaction() as session:
        other = await Somebody.come(session, "ada2")
        await every_row.fill(session, other, bob)
    async with database.transaction() as session:
        await contacts.merge(session, other.ids["contact"], ada.ids["contact"], LATER)
    async with database.reading() as session:
        for model in personal.models():
            for column in pointing_here(model):
                asked = sa.select(sa.func.count()).where(column == ada.ids["contact"])
                assert await session.scalar(asked) == 0, f"{model.__name__}.{column.name}"
    before = await _left(database, bob)
    async with database.transaction() as session:
        await contacts.erase(session, SECRET, other.ids["contact"], LATER)
    assert await _left(database, ada, other) == []
    assert await _left(database, bob) == before


async def test_what_the_shop_keeps_no_longer_loses_its_words_where_the_table_says_so(database: Database) -> None:
    ada, _ = await _two(database)
    async with database.transaction() as session:
        await session.execute(sa.update(table(Ticket)).values(status="resolved", resolved_at=NOON))
    config = Config.model_validate({"support": {"retention": _RETAINED}})
    assert set((await retention.run(database, config, NOON + timedelta(days=29))).values()) == {0}
    assert min((await retention.run(database, config, NOON + timedelta(days=31))).values()) > 0
    gone = {
        f"{table(model).name}.{column}"
        for model, said in personal.registry().items()
        for keeps in said.keeps
        for column in (personal.words(model) if isinstance(keeps.gone, Delete) else keeps.gone.values)
    }
    assert {place for place in await _left(database, ada) if place.partition(" ")[0] in gone} == set()
    async with database.transaction() as session:
        await contacts.erase(session, SECRET, ada.ids["contact"], LATER)
    assert await _left(database, ada) == []


async def test_what_is_still_to_be_worked_off_ends_only_if_it_tells_of_them_for_certain(database: Database) -> None:
    plain: dict[str, Any] = {"received_at": NOON, "due_at": NOON, "rank": "shop", "attempts": 0, "system": "shopify"}
    async with database.transaction() as session:
        ada = await Somebody.come(session, "ada")
        number = ada.known["shopify"]
        for key, body in (("theirs", f'{{"customer": {{"id": {number}}}}}'), ("others", f'{{"price": {number}}}')):
            session.add(WebhookDelivery(**plain, topic="orders/create", delivery_key=key, body=body))
        body = f'{{"message":{{"chat":{{"id":{ada.known["telegram"]}}},"text":"hello"}}}}'
        session.add(TelegramUpdate(update_id=1, chat_id=int(ada.known["telegram"]), body=body, received_at=NOON))
        await session.flush()
        await contacts.erase(session, SECRET, ada.ids["contact"], LATER)
    async with database.reading() as session:
        left = {row.delivery_key: (row.status, row.body) for row in await session.scalars(sa.select(WebhookDelivery))}
        assert left == {"theirs": ("erased", ""), "others": ("new", f'{{"price": {number}}}')}
        assert (await session.scalars(select(TelegramUpdate.body))).one() == body, "they wrote again since"


async def test_a_number_that_is_an_order_of_theirs_and_the_price_of_another_is_not_in_the_copy(
    database: Database,
) -> None:
    async with database.transaction() as session:
        ada = await make.contact(session)
        await make.order(session, order_id="1234567", contact_id=ada.id)
        session.add(
            RejectedEvent(
                source="shop", rank="shop", reason="x", body='{"price": 1234567, "note": "of bob"}', received_at=NOON
            )
        )
        event: dict[str, Any] = {
            "source": "page",
            "kind": "track",
            "ts": NOON,
            "received_at": NOON,
            "status": "failed",
            "rank": "shop",
        }
        session.add(Event(**event, message_id="1", body={"properties": {"order_id": "1234567"}, "note": "of ada"}))
    async with database.reading() as session:
        found = await export.collect(session, ada.id or 0, SECRET)
    assert found["events refused"] == []
    assert [row["body"]["note"] for row in found["events"]] == ["of ada"]


async def test_what_a_page_said_of_an_address_and_was_rejected_is_in_no_copy_for_its_owner(database: Database) -> None:
    async with database.transaction() as session:
        ada = await contacts.find_or_create(session, [("email", "ada@example.org")], NOON, proven=True)
        for rank in ("page", "shop"):
            session.add(
                RejectedEvent(
                    source="key", rank=rank, reason="x", body='{"email": "ada@example.org"}', received_at=NOON
                )
            )
    async with database.reading() as session:
        found = await export.collect(session, ada.id or 0, SECRET)
    assert [row["rank"] for row in found["events refused"]] == ["shop"]


async def test_a_second_address_is_forgotten_with_the_first(database: Database) -> None:
    async with database.transaction() as session:
        pairs = [("email", "ada@example.org"), ("email", "ada@second.example")]
        ada = await contacts.find_or_create(session, pairs, NOON, proven=True)
        session.add(RejectedEvent(source="page", reason="x", body='{"e": "ADA@second.example"}', received_at=NOON))
        await session.flush()
        await contacts.erase(session, SECRET, ada.id or 0, LATER)
    async with database.reading() as session:
        assert (await session.scalars(sa.select(RejectedEvent))).all() == []
        for _, address in pairs:
            assert await contacts.suppressed(session, SECRET, "email", address, "", LATER) == "erased"
        assert (await session.get_one(Contact, ada.id)).status == "erased"
