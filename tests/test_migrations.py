import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import make
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from conftest import NOON
from sqlmodel import SQLModel

from bot import migrations
from bot.base import work_postgres
from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.migrations import comparing
from bot.tables.automations import Enrolment, FlowVersion
from bot.tables.chat import FormerTopic, Topic
from bot.tables.events import Event
from bot.tables.feedback import SurveyAnswer
from bot.tables.outbox import Message
from bot.tables.people import ClaimedIdentity, Contact, Identity, Proof
from bot.tables.shop import Order


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Database]:
    """A database without any table."""
    opened = Database(empty_url)
    yield opened
    await opened.close()


def _differences(connection: sa.Connection) -> list[object]:
    options = comparing.options(connection)
    metadata = options.pop("target_metadata")
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


async def test_the_revisions_make_the_tables_that_the_program_has(empty: Database) -> None:
    await migrations.upgrade(empty)
    if not empty.is_sqlite:
        await work_postgres.install(empty)
    async with empty.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_the_revisions_keep_the_promise_to_give_no_id_twice(empty: Database) -> None:
    if not empty.is_sqlite:
        return  # its sequences never go back
    promised = {one.name for one in SQLModel.metadata.sorted_tables if one.dialect_options["sqlite"]["autoincrement"]}
    await migrations.upgrade(empty)
    async with empty.engine.connect() as connection:
        made = await connection.execute(sa.text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"))
        assert promised and {name for (name,) in made} == promised
        highest = await connection.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'optin'"))
        assert highest.scalar_one() >= 1_000_000  # links of before may name any below


async def test_only_what_is_pending_is_applied(empty: Database) -> None:
    todo = await migrations.pending(empty)
    assert todo
    assert await migrations.upgrade(empty) == todo
    assert await migrations.pending(empty) == []
    assert await migrations.upgrade(empty) == []


async def test_programs_that_start_together_upgrade_once(empty: Database) -> None:
    other = Database(empty.url)
    done = await asyncio.gather(migrations.upgrade(empty), migrations.upgrade(other))
    await other.close()
    assert sorted(len(one) for one in done)[0] == 0
    assert await migrations.pending(empty) == []


async def test_a_database_that_is_newer_than_the_program_is_refused(empty: Database) -> None:
    await migrations.upgrade(empty)
    async with empty.transaction() as session:
        await session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(FindingsError, match="9999"):
        await migrations.pending(empty)


def test_every_constraint_has_a_name() -> None:
    for found in SQLModel.metadata.sorted_tables:
        assert all(constraint.name for constraint in found.constraints), found.name
        assert all(index.name for index in found.indexes), found.name


async def test_partial_indexes_stay_partial(empty: Database) -> None:
    await migrations.upgrade(empty)
    async with empty.engine.connect() as connection:
        if empty.is_sqlite:
            query = "SELECT sql FROM sqlite_master WHERE name = 'ix_message_due'"
        else:
            query = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_message_due'"
        assert "due_at IS NOT NULL" in str(await connection.scalar(sa.text(query)))


async def test_tickets_that_shared_a_topic_are_parted(empty: Database) -> None:
    await migrations.upgrade(empty)
    topics, former = table(Topic), table(FormerTopic)
    states = ["ready", "ready", "gone", "ready", "gone", "gone"]
    async with empty.transaction() as session:
        for number, state in enumerate(states, 1):
            made = await make.ticket(session, 1000 + number)
            assert made.id is not None
            values: dict[str, Any] = {
                "state": state,
                "card": {"text": "card"},
                "card_message_id": 5,
                "changed_at": NOON,
            }
            session.add(Topic(ticket_id=made.id, chat_id=-5, thread_id=number, **values))
    async with empty.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrations.settings(sync), "0002"))
        for thread_id, last in ((7, 3), (8, 5)):  # 1, 2 and 3 in one; 4 and 5 in another; 6 alone
            found = topics.c.ticket_id.between(last - (2 if thread_id == 7 else 1), last)
            await connection.execute(sa.update(topics).where(found).values(thread_id=thread_id))
    await migrations.upgrade(empty)
    async with empty.reading() as session:
        columns = topics.c.thread_id, topics.c.state, topics.c.card_message_id
        rows = (await session.execute(sa.select(*columns).order_by(topics.c.ticket_id))).all()
        left = (await session.execute(sa.select(former.c.ticket_id, former.c.chat_id, former.c.thread_id))).all()
    nowhere = (None, "gone", None)
    assert [tuple(row) for row in rows] == [nowhere, nowhere, nowhere, (8, "ready", 5), nowhere, (6, "gone", 5)]
    assert [tuple(row) for row in left] == [(2, -5, 7)]


async def test_an_order_gets_the_address_that_the_newest_event_of_the_shop_names(empty: Database) -> None:
    await migrations.upgrade(empty)
    events = table(Event)
    told = [
        ("shop", "Order Completed", "o1", "Ada@Example.org", 1), ("shop", "Order Updated", "o1", "ada@new.example", 3),
        ("page", "Order Completed", "o1", "mallory@example.net", 9), ("shop", "Product Viewed", "o1", "x@y.example", 9),
        ("page", "Order Completed", "o2", "mallory@example.net", 1),
    ]  # fmt: skip
    async with empty.transaction() as session:
        for number in ("o1", "o2"):
            await make.order(session, number, order_id=number)
        for at, (rank, name, order_id, email, hours) in enumerate(told):
            values = {"source": "web", "message_id": str(at), "kind": "track", "name": name, "rank": rank}
            body = {"email": email, "properties": {"order_id": order_id}}
            when = NOON + timedelta(hours=hours)
            await session.execute(sa.insert(events).values(**values, body=body, ts=when, received_at=when))
    async with empty.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrations.settings(sync), "0011"))
    await migrations.upgrade(empty)
    async with empty.reading() as session:
        rows = (await session.execute(sa.select(table(Order).c.order_id, table(Order).c.email))).all()
    assert {tuple(row) for row in rows} == {("o1", "ada@new.example"), ("o2", "")}


async def test_an_answer_to_a_survey_is_of_the_store_that_its_flow_asked_about(empty: Database) -> None:
    await migrations.upgrade(empty)
    async with empty.transaction() as session:
        who = (await make.contact(session)).id
        version = FlowVersion(flow="review", number=1, digest="d", definition={}, published_at=NOON)
        session.add(version)
        await session.flush()
        for order_id, store in (("1", "shopify:lamps"), ("2", None)):
            context = {"store": store} if store else {}
            run = Enrolment(
                flow="review", version_id=version.id, contact_id=who, dedupe_key=order_id, status="finished",
                step_id="mail", step_entered_at=NOON, context=context, anchor_ts=NOON, entered_at=NOON,
            )  # fmt: skip
            session.add(run)
            await session.flush()
            mail = Message(key=order_id, channel="email", purpose="marketing", receiver="x", contact_id=who,
                           status="sent", enrolment_id=run.id, planned_at=NOON, created_at=NOON)  # fmt: skip
            session.add(mail)
            await session.flush()
            session.add(SurveyAnswer(survey="review", kind="nps", contact_id=who, order_id=order_id, score=9,
                                     message_id=mail.id, comment="", answered_at=NOON, changed_at=NOON))  # fmt: skip
    async with empty.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrations.settings(sync), "0016"))
    await migrations.upgrade(empty)
    async with empty.reading() as session:
        columns = table(SurveyAnswer).c.order_id, table(SurveyAnswer).c.store
        rows = (await session.execute(sa.select(*columns))).all()
    assert sorted(tuple(row) for row in rows) == [("1", "shopify:lamps"), ("2", "")]


async def test_a_chat_has_proved_the_only_address_that_its_person_showed(empty: Database) -> None:
    await migrations.upgrade(empty)
    async with empty.transaction() as session:
        for chat, addresses in ((1, {"one@x.example": True}), (2, {"two@x.example": True, "too@x.example": True}),
                                (3, {"three@x.example": False})):  # fmt: skip
            person = await make.telegram_contact(session, chat)
            for address, proven in addresses.items():
                known = Identity(contact_id=person.id or 0, kind="email", value=address, proven=proven, created_at=NOON)
                session.add(known)
    async with empty.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrations.settings(sync), "0011"))
    await migrations.upgrade(empty)
    async with empty.reading() as session:
        rows = (await session.scalars(sa.select(Proof))).all()
    assert [(one.channel, one.chat, one.address, one.used_at) for one in rows] == [
        ("telegram", "1", "one@x.example", NOON)
    ]


async def test_what_only_pages_told_of_people_becomes_a_claim(empty: Database) -> None:
    """u1 was told by a page alone, u2 by a page and by the shop, u3 by no event that is kept, u4 by a page and no
    browser; u5 proved the address.
    """
    await migrations.upgrade(empty)
    async with empty.transaction() as session:
        people = {name: (await make.contact(session)).id for name in ("u1", "u2", "u3", "u4", "u5")}
        for name, contact_id in people.items():
            assert contact_id is not None
            known = {"user_id": name, "email": f"{name}@example.org", "anonymous_id": f"b-{name}"}
            for kind, value in known.items():
                if (name, kind) != ("u4", "anonymous_id"):
                    proven = (name, kind) == ("u5", "email")
                    session.add(Identity(contact_id=contact_id, kind=kind, value=value, created_at=NOON, proven=proven))
            body = {"userId": name, "email": f"{name}@example.org"}
            for source, rank in (("key-1", "page"), *((("shopify", "shop"),) if name == "u2" else ())):
                if name != "u3":
                    session.add(
                        Event(source=source, rank=rank, message_id=f"{source}{name}", kind="identify", ts=NOON,
                              received_at=NOON, contact_id=contact_id, body=body, status="done")
                    )  # fmt: skip
    async with empty.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrations.settings(sync), "0012"))
    await migrations.upgrade(empty)
    async with empty.reading() as session:
        claims = (await session.scalars(sa.select(ClaimedIdentity).order_by(ClaimedIdentity.value))).all()
        known = (await session.scalars(sa.select(Identity))).all()
        claimed = set((await session.scalars(sa.select(Contact.id).where(table(Contact).c.claimed))).all())
    assert [one.value for one in claims] == ["u1", "u1@example.org", "u4", "u4@example.org", "u5"]
    assert {one.contact_id for one in claims} == {people["u1"], people["u4"], people["u5"]}
    ranks = {one.value: (one.kind, one.rank) for one in known}
    assert ranks["u2"] == ("user_id", "shop") and ranks["u2@example.org"] == ("email", "shop")
    assert ranks["u3@example.org"] == ("email", "shop")
    assert ranks["u5@example.org"] == ("email", "person")
    assert ranks["u4"] == ("claimed_user", "page")
    assert ranks["b-u1"] == ("anonymous_id", "page")
    assert claimed == {people["u1"], people["u4"]}
