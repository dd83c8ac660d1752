from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import make
import pytest
import sqlalchemy as sa
from conftest import NOON

from bot import contacts
from bot.base import ids
from bot.base.database import Database, table
from bot.contacts import profile
from bot.tables.automations import Enrolment, FlowVersion
from bot.tables.catalogue import StockAlert
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, Identity, Suppression
from bot.tables.shop import Order

SECRET = "a secret of the tests"


async def _known(database: Database, *pairs: tuple[str, object], now: datetime = NOON, **more: Any) -> int:
    async with database.transaction() as session:
        contact = await contacts.find_or_create(session, pairs, now, **more)
        assert contact.id is not None
        return contact.id


async def _identities(database: Database, contact_id: int) -> set[tuple[str, str]]:
    async with database.reading() as session:
        return {(one.kind, one.value) for one in await contacts.identities(session, contact_id)}


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("email", "  Ada@Example.ORG ", "ada@example.org"),
        ("email", "ada@@example.org", None),
        ("email", "ada@localhost", None),
        ("email", "ada@example.org, bob@example.org", None),
        ("phone", "+49 (30) 123-4567", "49301234567"),
        ("phone", "0049 30 1234567", "49301234567"),
        ("phone", "12", None),
        ("telegram", 4711, "4711"),
        ("telegram", -100, None),
        ("user_id", 1001.0, "1001"),
        ("user_id", "", None),
        ("user_id", "null", None),
        ("user_id", "Anonymous", None),
        ("user_id", "-1", None),
        ("user_id", "000-000", None),
        ("user_id", 0, None),
        ("user_id", True, None),
        ("user_id", None, None),
        ("user_id", "x" * 256, None),
        ("user_id", "u\x001", "u1"),
    ],
)
def test_an_identity_has_one_form_and_nobody_has_none(kind: str, given: object, kept: str | None) -> None:
    assert contacts.normalise(kind, given) == kept


async def test_t12_blocked_ids_never_join_two_people(database: Database) -> None:
    first = await _known(database, ("user_id", "null"), ("anonymous_id", "a1"))
    second = await _known(database, ("user_id", "null"), ("anonymous_id", "a2"))
    assert first != second


async def test_the_visitor_who_signs_in_is_the_customer_of_that_address(database: Database) -> None:
    guest = await _known(database, ("email", "ada@example.org"))
    visitor = await _known(database, ("anonymous_id", "a1"))
    signed_in = await _known(database, ("user_id", "u1"), ("email", "ada@example.org"), ("anonymous_id", "a1"))
    assert signed_in == guest
    async with database.reading() as session:
        gone = await session.get_one(Contact, visitor)
        assert (gone.status, gone.merged_into) == ("merged", guest)
        found = await contacts.current(session, visitor)
        assert found is not None
        assert found.id == guest


async def test_t10_an_address_of_another_user_stays_with_them(database: Database) -> None:
    ada = await _known(database, ("user_id", "u1"), ("email", "ada@example.org"))
    bob = await _known(database, ("user_id", "u2"), ("email", "ada@example.org"))
    assert ada != bob
    assert await _identities(database, bob) == {("user_id", "u2")}
    assert ("email", "ada@example.org") in await _identities(database, ada)


async def test_a_known_user_keeps_their_profile_when_they_type_the_address_of_another(database: Database) -> None:
    ada = await _known(database, ("user_id", "u1"), ("email", "ada@example.org"))
    bob = await _known(database, ("user_id", "u2"))
    assert await _known(database, ("user_id", "u2"), ("email", "ada@example.org")) == bob
    assert await _known(database, ("email", "ada@example.org")) == ada


async def test_t11_a_tablet_that_many_share_is_no_identifier_any_more(database: Database) -> None:
    for number in range(6):
        await _known(database, ("user_id", f"u{number}"), ("anonymous_id", "tablet"))
    seventh = await _known(database, ("user_id", "u7"), ("anonymous_id", "tablet"))
    assert await _identities(database, seventh) == {("user_id", "u7")}
    first = await _known(database, ("user_id", "u0"))
    nobody = await _known(database, ("anonymous_id", "tablet"))
    assert nobody != first


async def test_a_tablet_shared_long_ago_is_somebodys_again(database: Database) -> None:
    for number in range(6):
        await _known(database, ("user_id", f"u{number}"), ("anonymous_id", "tablet"))
    later = NOON + timedelta(days=8)
    assert await _known(database, ("anonymous_id", "tablet"), now=later) == await _known(database, ("user_id", "u0"))


async def test_five_addresses_are_enough_for_one_person(database: Database) -> None:
    ada = await _known(database, ("user_id", "u1"))
    for number in range(7):
        await _known(database, ("user_id", "u1"), ("email", f"ada{number}@example.org"))
    assert sum(kind == "email" for kind, _ in await _identities(database, ada)) == 5


async def test_a_claimed_address_does_not_open_orders_to_a_chat(database: Database) -> None:
    chat = await _known(database, ("telegram", 7), ("email", "mallory@example.org"), proven=True)
    victim = await _known(database, ("email", "ada@example.org"))
    async with database.transaction() as session:
        session.add(Order(order_id="1", contact_id=victim, ordered_at=NOON, changed_at=NOON))
    await _known(database, ("anonymous_id", "a1"), ("email", "ada@example.org"))
    await _known(database, ("anonymous_id", "a1"), ("email", "mallory@example.org"))
    assert await _known(database, ("telegram", 7)) == chat
    assert await _known(database, ("email", "ada@example.org")) == victim != chat


async def test_a_proven_address_joins_chat_and_shop(database: Database) -> None:
    guest = await _known(database, ("email", "ada@example.org"))
    async with database.transaction() as session:
        session.add(Order(order_id="1", contact_id=guest, ordered_at=NOON, changed_at=NOON))
    chat = await _known(database, ("telegram", 7))
    assert await _known(database, ("telegram", 7), ("email", "ada@example.org"), proven=True) == chat
    async with database.reading() as session:
        assert await session.scalar(sa.select(Order.contact_id)) == chat
        address = await contacts.address(session, chat, "email")
        assert address is not None
        assert address.proven


async def test_fields_fill_only_what_is_empty(database: Database) -> None:
    ada = await _known(database, ("telegram", 7), first_name="Ada", last_seen_at=NOON)
    await _known(database, ("telegram", 7), first_name="Other", language="en", last_seen_at=NOON - timedelta(hours=1))
    async with database.reading() as session:
        contact = await session.get_one(Contact, ada)
    assert (contact.first_name, contact.language, contact.last_seen_at) == ("Ada", "en", NOON)


async def test_mail_goes_to_the_newest_address_that_takes_it(database: Database) -> None:
    ada = await _known(database, ("user_id", "u1"), ("email", "old@example.org"))
    await _known(database, ("user_id", "u1"), ("email", "new@example.org"), now=NOON + timedelta(days=1))
    async with database.transaction() as session:
        newest = await contacts.address(session, ada, "email")
        assert newest is not None
        assert newest.value == "new@example.org"
        await contacts.mark_unreachable(session, "email", "NEW@example.org", "no_mailbox", NOON)
        session.expire_all()
        other = await contacts.address(session, ada, "email")
        assert other is not None
        assert other.value == "old@example.org"


async def _enrolled(database: Database, contact_id: int, key: str, entered_at: datetime, steps: tuple[str, ...]) -> int:
    async with database.transaction() as session:
        version = await session.scalar(sa.select(FlowVersion))
        if version is None:
            version = FlowVersion(
                flow="browse", number=1, digest="x", published_at=NOON,
                definition={"enrol": {"key": "browse:{contact}:{local_date}"}},
            )  # fmt: skip
            session.add(version)
            await session.flush()
        made = Enrolment(
            flow="browse", version_id=version.id, contact_id=contact_id, dedupe_key=key, step_id="idle",
            anchor_ts=entered_at, entered_at=entered_at, step_entered_at=entered_at, due_at=NOON,
        )  # fmt: skip
        session.add(made)
        await session.flush()
        for step in steps:
            session.add(
                Message(
                    key=f"{made.id}{step}",
                    channel="email",
                    purpose="marketing",
                    receiver="x",
                    contact_id=contact_id,
                    enrolment_id=made.id,
                    step_id=step,
                    status="sent",
                    planned_at=NOON,
                    created_at=NOON,
                )
            )
        assert made.id is not None
        return made.id


async def test_the_same_reason_on_both_sides_goes_on_once_as_the_older_and_repeats_no_mail(database: Database) -> None:
    keep, gone = await _known(database, ("user_id", "u1")), await _known(database, ("anonymous_id", "a1"))
    newer = await _enrolled(database, keep, f"browse:{keep}:2026-03-04", NOON, ("second",))
    older = await _enrolled(database, gone, f"browse:{gone}:2026-03-04", NOON - timedelta(hours=1), ("first",))
    async with database.transaction() as session:
        await contacts.merge(session, keep, gone, NOON)
    async with database.reading() as session:
        first, second = await session.get_one(Enrolment, older), await session.get_one(Enrolment, newer)
        assert (first.status, first.dedupe_key, first.contact_id) == ("active", f"browse:{keep}:2026-03-04", keep)
        assert (second.status, second.exit_reason, second.due_at) == ("exited", "merged", None)
        mails = table(Message)
        sent = await session.scalars(sa.select(mails.c.step_id).where(mails.c.enrolment_id == older))
        assert set(sent) == {"first", "second"}


async def test_a_key_of_the_one_who_goes_names_the_one_who_stays(database: Database) -> None:
    keep, gone = await _known(database, ("user_id", "u1")), await _known(database, ("anonymous_id", "a1"))
    moved = await _enrolled(database, gone, f"browse:{gone}:2026-03-04", NOON, ())
    other = await _enrolled(database, gone, f"cart:{gone}", NOON, ())
    async with database.transaction() as session:
        await contacts.merge(session, keep, gone, NOON)
    async with database.reading() as session:
        assert (await session.get_one(Enrolment, moved)).dedupe_key == f"browse:{keep}:2026-03-04"
        assert (await session.get_one(Enrolment, other)).dedupe_key == f"cart:{gone}"


async def test_the_newest_word_about_an_address_and_topic_holds(database: Database) -> None:
    ada = await _known(database, ("email", "ada@example.org"))
    async with database.transaction() as session:
        say = (session, SECRET, ada, "email", "Ada@Example.org", "marketing")
        await contacts.allow(*say, "checkout", NOON, ip="203.0.113.7")
        await contacts.withdraw(*say, "link", NOON + timedelta(hours=2))
        await contacts.allow(*say, "import", NOON + timedelta(hours=1))  # heard late
        last = await contacts.allowed(session, SECRET, "email", "ada@example.org", "marketing")
        assert last is not None
        assert (last.action, last.source) == ("withdrawn", "link")
        assert await contacts.allowed(session, SECRET, "email", "ada@example.org", "alerts") is None


async def test_who_wants_mail_again_gets_it_but_no_import_wants_in_their_place(database: Database) -> None:
    async with database.transaction() as session:
        about = (session, SECRET, "email", "ada@example.org")
        await contacts.suppress(*about, "unsubscribed", NOON, topic="marketing")
        said = (session, SECRET, None, "email", "ada@example.org", "marketing")
        await contacts.allow(*said, "import", NOON + timedelta(days=1))
        assert await contacts.suppressed(*about, "marketing", NOON) == "unsubscribed"
        assert await contacts.suppressed(*about, "alerts", NOON) is None
        await contacts.allow(*said, "checkout", NOON + timedelta(days=1))
        assert await contacts.suppressed(*about, "marketing", NOON) is None


async def test_a_hard_bounce_outlives_consent_and_stops_one_address_only(database: Database) -> None:
    async with database.transaction() as session:
        await contacts.suppress(session, SECRET, "email", "old@example.org", "hard_bounce", NOON)
        later = NOON + timedelta(days=1)
        await contacts.allow(session, SECRET, None, "email", "old@example.org", "marketing", "checkout", later)
        about_old = await contacts.suppressed(session, SECRET, "email", "old@example.org", "marketing", later)
        about_new = await contacts.suppressed(session, SECRET, "email", "new@example.org", "marketing", later)
    assert (about_old, about_new) == ("hard_bounce", None)


async def test_a_suppression_for_a_while_ends_and_is_only_made_longer(database: Database) -> None:
    async with database.transaction() as session:
        about = (session, SECRET, "email", "ada@example.org")
        await contacts.suppress(*about, "soft_bounces", NOON, until=NOON + timedelta(days=2))
        await contacts.suppress(*about, "soft_bounces", NOON, until=NOON + timedelta(days=1))
        assert await contacts.suppressed(*about, "", NOON + timedelta(days=1, hours=1)) == "soft_bounces"
        assert await contacts.suppressed(*about, "", NOON + timedelta(days=3)) is None


async def test_a_forgotten_person_leaves_counts_and_hashes_but_no_name(database: Database) -> None:
    ada = await _known(database, ("user_id", "u-ada"), ("email", "ada@example.org"), first_name="Ada")
    enrolment = await _enrolled(database, ada, "cart:77", NOON, ())
    async with database.transaction() as session:
        session.add(
            Message(
                key="k",
                channel="email",
                purpose="marketing",
                receiver="ada@example.org",
                contact_id=ada,
                due_at=NOON,
                enrolment_id=enrolment,
                step_id="first",
                payload={"to": "ada@example.org"},
                planned_at=NOON,
                created_at=NOON,
            )
        )
        event = Event(source="page", message_id="1", name="Product Viewed", ts=NOON, received_at=NOON, contact_id=ada)
        event.body = {"email": "ada@example.org"}
        session.add(event)
        await contacts.allow(session, SECRET, ada, "email", "ada@example.org", "marketing", "x", NOON, ip="203.0.113.7")
        await contacts.erase(session, SECRET, ada, NOON)
    async with database.reading() as session:
        contact = await session.get_one(Contact, ada)
        assert (contact.status, contact.first_name) == ("erased", "")
        assert (await session.scalars(sa.select(Identity))).all() == []
        left = await session.get_one(Enrolment, enrolment)
        assert (left.status, left.exit_reason) == ("exited", "erased")
        message = (await session.scalars(sa.select(Message))).one()
        assert (message.status, message.skip_reason, message.payload, message.due_at) == ("skipped", "erased", {}, None)
        kept = (await session.scalars(sa.select(Event))).one()
        assert (kept.name, kept.body) == ("Product Viewed", {})
        consent = (await session.scalars(sa.select(Consent))).one()
        assert (consent.ip, consent.contact_id) == (None, None)
        hashes = {row.address_hash for row in await session.scalars(sa.select(Suppression))}
        assert ids.hash_address("ada@example.org", SECRET) in hashes
        assert await contacts.suppressed(session, SECRET, "email", "ada@example.org", "marketing", NOON) == "erased"


NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1990-05-17", "1990-05-17"),
        ("1990-05-17T00:00:00.000Z", "1990-05-17"),
        ("1990/05/17", "1990-05-17"),
        ("19900517", "1990-05-17"),
        ("17.05.1990", "1990-05-17"),
        ("17.5.", "--05-17"),
        ("--02-29", "--02-29"),
        ("02-29", "--02-29"),
        ("0004-02-29", "--02-29"),
        ("1604-05-17", "--05-17"),
        ("05/17/1990", "1990-05-17"),
        ("17/05/1990", "1990-05-17"),
        ("05/06/1990", None),
        ("2027-01-01", None),
        ("1990-02-30", None),
        ("1990年5月1日", "1990-05-01"),
        ("5月1日", "--05-01"),
        ("1990-5-1", "1990-05-01"),
        ("12/31", "--12-31"),
        ("05/06", None),
        ("31-12-1990", "1990-12-31"),
        ("soon", None),
        (19900517, None),
    ],
)
def test_birthdays_come_in_many_forms_and_a_doubtful_one_is_none(given: object, kept: str | None) -> None:
    assert profile.birthday(given, NOW) == kept


@pytest.mark.parametrize(
    ("given", "zone", "kept"),
    [
        ("1990-05-16T22:00:00Z", "Europe/Berlin", "1990-05-17"),
        ("1990-05-17T00:00:00.000Z", "Europe/Berlin", "1990-05-17"),
        ("1990-05-17T00:00:00+08:00", "Asia/Shanghai", "1990-05-17"),
        ("1990-05-17T00:00:00Z", "America/New_York", None),
        ("1990-05-17T03:00:00Z", "America/New_York", "1990-05-16"),
        ("1990-05-17 08:00:00", "America/New_York", "1990-05-17"),
    ],
)
def test_a_birthday_that_comes_as_an_instant_is_the_day_of_the_shop(given: str, zone: str, kept: str | None) -> None:
    assert profile.birthday(given, NOW, ZoneInfo(zone)) == kept


@pytest.mark.parametrize(
    ("name", "code"),
    [("中国", "CN"), ("Deutschland", "DE"), ("Allemagne", "DE"), ("Alemania", "DE"), ("DEU", "DE"), ("UK", "GB"),
     ("U.S.A.", "US"), ("Österreich", "AT"), ("日本", "JP"), ("台灣", "TW"), ("Czech Republic", "CZ"), ("XX", None),
     ("Atlantis", None), ("de", "DE"), ("Côte d'Ivoire", "CI"), ("Niger", "NE"), ("Georgia", "GE")],
)  # fmt: skip
def test_a_country_is_known_by_its_names(name: str, code: str | None) -> None:
    assert profile.country(name) == code


async def test_traits_become_fields_null_deletes_and_nonsense_changes_nothing(database: Database) -> None:
    async with database.transaction() as session:
        ada = await make.contact(session, first_name="", language=None)
        traits = {
            "firstName": "Ada",
            "locale": "zh-Hant-TW",
            "timezone": "Europe/Berlin",
            "country": "Germany",
            "plan": 1,
        }
        await contacts.learn(session, ada, traits, {}, NOON)
        assert (ada.first_name, ada.language, ada.timezone, ada.country) == ("Ada", "zh_CN", "Europe/Berlin", "DE")
        nonsense = {"timezone": "GMT+2", "country": "Atlantis", "birthday": "soon", "plan": None}
        await contacts.learn(session, ada, nonsense, {"timezone": "Asia/Shanghai"}, NOON)
        assert (ada.timezone, ada.country, ada.birthday) == ("Europe/Berlin", "DE", None)
        assert "plan" not in ada.traits
        await contacts.learn(session, ada, {"firstName": None, "timezone": None}, {}, NOON)
        assert (ada.first_name, ada.timezone) == ("", None)
        await contacts.learn(session, ada, {}, {"timezone": "Asia/Shanghai"}, NOON)
        assert ada.timezone == "Asia/Shanghai"


async def _wishes(database: Database, contact_id: int, *statuses: str) -> None:
    async with database.transaction() as session:
        for status in statuses:
            held = {"requested_at": NOON, "expires_at": NOON + timedelta(days=90), "due_at": NOON + timedelta(days=90)}
            session.add(StockAlert(contact_id=contact_id, product_id="lamp", status=status, **held))


async def _wished(database: Database) -> list[str]:
    rows = table(StockAlert)
    async with database.reading() as session:
        return list((await session.scalars(sa.select(rows.c.status).order_by(rows.c.id))).all())


@pytest.mark.parametrize(
    ("keeps", "goes", "left"),
    [
        ("waiting", "asked", ["waiting", "cancelled"]),
        ("asked", "waiting", ["cancelled", "waiting"]),
        ("asked", "asked", ["cancelled", "asked"]),
        ("released", "asked", ["released", "cancelled"]),
        ("waiting", "released", ["cancelled", "released"]),
    ],
)
async def test_of_two_who_are_one_the_wish_that_counts_stays(
    database: Database, keeps: str, goes: str, left: list[str]
) -> None:
    keep, gone = await _known(database, ("user_id", "u1")), await _known(database, ("anonymous_id", "a1"))
    await _wishes(database, keep, keeps)
    await _wishes(database, gone, goes)
    async with database.transaction() as session:
        await contacts.merge(session, keep, gone, NOON)
    assert sorted(await _wished(database)) == sorted(left)


async def test_who_is_forgotten_waits_for_nothing_also_not_for_what_a_page_asked(database: Database) -> None:
    gone = await _known(database, ("email", "ada@example.org"))
    await _wishes(database, gone, "asked", "waiting", "released", "sent")
    async with database.transaction() as session:
        await contacts.erase(session, SECRET, gone, NOON)
    assert await _wished(database) == ["cancelled", "cancelled", "cancelled", "sent"]
