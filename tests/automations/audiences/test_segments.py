"""A small cast of contacts, and which of them each kind of condition finds."""

from datetime import timedelta
from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON

from automations.audiences import preview, segment_files
from automations.audiences.compiling import Compiler
from automations.audiences.segment_files import Segments
from bot import contacts
from bot.base.config import Config
from bot.base.database import Database, table
from bot.contacts import consent
from bot.tables.audiences import CustomerStats
from bot.tables.automations import Click
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Contact, ContactTag, Identity

DAY = timedelta(days=1)
SECRET = "a secret of the tests"
TIERS = [{"name": "silver", "from": 100}, {"name": "gold", "from": 500}, {"name": "platinum", "from": 2000}]
CONFIG = Config.model_validate({"automations": {"tiers": TIERS}, "shop": {"timezone": "Europe/Berlin"}})

CAST: dict[str, dict[str, Any]] = {
    "ada": {"language": "en", "country": "GB", "traits": {"plan": "pro", "score": 7, "vegan": True}},
    "bo": {"language": "zh_CN", "country": "CN", "traits": {"plan": "free", "score": "many"}},
    "cleo": {"language": None, "country": "DE", "created_at": NOON - 90 * DAY, "last_seen_at": NOON - DAY},
    "dan": {"language": "en", "country": None, "traits": {"score": 3, "vegan": False}},
    "gone": {"language": "en", "country": "GB", "status": "erased"},
    "twin": {"language": "en", "country": "GB", "status": "merged", "merged_into": 1},
}
STATS = {
    "ada": {"paid_orders": 5, "orders_365": 3, "revenue": 90_000, "revenue_365": 60_000, "rfm": "champions",
            "tier": "gold", "first_at": NOON - 500 * DAY, "last_at": NOON - 5 * DAY},
    "bo": {"paid_orders": 1, "orders_365": 1, "revenue": 2_000, "revenue_365": 2_000, "rfm": "new_customers",
           "tier": "", "first_at": NOON - 40 * DAY, "last_at": NOON - 40 * DAY},
    "cleo": {"paid_orders": 2, "orders_365": 0, "revenue": 12_000, "revenue_365": 0, "rfm": "lost", "tier": "silver",
             "first_at": NOON - 700 * DAY, "last_at": NOON - 400 * DAY},
    "gone": {"paid_orders": 9, "orders_365": 9, "revenue": 99_000, "revenue_365": 99_000, "rfm": "champions",
             "tier": "platinum", "first_at": NOON - 9 * DAY, "last_at": NOON - DAY},
}  # fmt: skip

DONE = (
    ("ada", "Product Viewed", 1, "done"), ("ada", "Product Viewed", 2, "done"), ("ada", "Product Viewed", 50, "done"),
    ("bo", "Product Viewed", 3, "done"), ("dan", "Order Completed", 1, "done"), ("dan", "Order Completed", 1, "known"),
)  # fmt: skip
"""Who, what, how many days ago, and whether another source had told it already."""


@pytest.fixture
async def cast(database: Database) -> dict[str, int]:
    """Ids by name."""
    ids: dict[str, int] = {}
    async with database.transaction() as session:
        for name, values in CAST.items():
            made = await make.contact(session, **{"first_name": name, **values})
            ids[name] = made.id or 0
        for name, values in STATS.items():
            session.add(CustomerStats(contact_id=ids[name], counted_at=NOON, **values))
        coffee = [{"product_id": "p1", "sku": "BEAN", "category": "Coffee", "quantity": 1, "price": 900}]
        lamp = [{"product_id": "p2", "sku": "LAMP", "category": "Lamps", "quantity": 1, "price": 9_000}]
        await make.order(session, "#1", contact_id=ids["ada"], items=coffee, net=900, ordered_at=NOON - 5 * DAY)
        await make.order(session, "#2", contact_id=ids["ada"], items=lamp, net=9_000, ordered_at=NOON - 80 * DAY)
        await make.order(
            session, "#3", contact_id=ids["bo"], items=[*lamp, *coffee], net=2_000, ordered_at=NOON - 40 * DAY
        )
        await make.order(session, "#4", contact_id=ids["dan"], items=coffee, status="refunded", ordered_at=NOON - DAY)
        for number, (name, event, days, status) in enumerate(DONE):
            body = {"properties": {"product_id": "p1" if name == "ada" else "p2", "price": number}}
            session.add(Event(source="web", message_id=str(number), name=event, contact_id=ids[name], status=status,
                              ts=NOON - days * DAY, received_at=NOON - days * DAY, body=body))  # fmt: skip
        session.add(ContactTag(contact_id=ids["bo"], tag="vip", by="flow", at=NOON))
        session.add(Identity(contact_id=ids["ada"], kind="email", value="ada@example.org", created_at=NOON))
        session.add(Identity(contact_id=ids["bo"], kind="email", value="bo@example.org", created_at=NOON,
                             unreachable_at=NOON, unreachable_reason="no_mailbox"))  # fmt: skip
        session.add(Identity(contact_id=ids["cleo"], kind="telegram", value="77", created_at=NOON))
        await _consents(session, ids)
        await _clicks(session, ids)
    return ids


async def _consents(session: Any, ids: dict[str, int]) -> None:
    for name, topic, days in (
        ("ada", "marketing", 9),
        ("bo", "marketing", 9),
        ("cleo", "marketing", 9),
        ("dan", "care", 9),
    ):
        await consent.allow(
            session, SECRET, ids[name], "email", f"{name}@example.org", topic, "form", NOON - days * DAY
        )
    await consent.withdraw(session, SECRET, ids["bo"], "email", "bo@example.org", "marketing", "link", NOON - DAY)
    await consent.suppress(session, SECRET, "email", "cleo@example.org", "bounced", NOON)


async def _clicks(session: Any, ids: dict[str, int]) -> None:
    for name, label, days in (("ada", "human", 10), ("bo", "prefetch", 1), ("cleo", "human", 100)):
        sent = Message(channel="email", purpose="marketing", receiver="x", key=name, contact_id=ids[name],
                       status="sent", created_at=NOON, planned_at=NOON)  # fmt: skip
        session.add(sent)
        await session.flush()
        session.add(Click(message_id=sent.id, contact_id=ids[name], link=1, url="", label=label, at=NOON - days * DAY))


async def _found(database: Database, definition: dict[str, Any], known: Segments | None = None) -> set[str]:
    known = known or Segments()
    segment = segment_files.of_tree(definition, CONFIG, known)
    contacts = table(Contact)
    async with database.reading() as session:
        ids = (await session.scalars(Compiler(known, CONFIG, NOON).members(segment))).all()
        names = await session.scalars(sa.select(contacts.c.first_name).where(contacts.c.id.in_(ids)))
        return set(names)


EVERYBODY = {"ada", "bo", "cleo", "dan"}
RULES: list[tuple[dict[str, Any], set[str]]] = [
    ({"language": "zh_CN"}, {"bo"}),
    ({"language": ["en"]}, {"ada", "cleo", "dan"}),  # cleo never told: the shop speaks English
    ({"country": ["GB", "CN"]}, {"ada", "bo"}),
    ({"not": {"country": "GB"}}, {"bo", "cleo", "dan"}),  # and dan, of whom no country is known
    ({"tag": "vip"}, {"bo"}),
    ({"trait": {"name": "plan"}}, {"ada", "bo"}),
    ({"trait": {"name": "plan", "is": ["pro", "max"]}}, {"ada"}),
    ({"trait": {"name": "score", "at_least": 5}}, {"ada"}),
    ({"trait": {"name": "score", "at_most": 5}}, {"dan"}),
    ({"trait": {"name": "score", "is": 7}}, {"ada"}),
    ({"trait": {"name": "vegan", "is": True}}, {"ada"}),
    ({"trait": {"name": "vegan", "is": False}}, {"dan"}),
    ({"joined": {"before": "30d"}}, {"cleo"}),
    ({"joined": {"after": "2026-03-01"}}, {"ada", "bo", "dan"}),
    ({"seen": {"after": "2d"}}, {"cleo"}),
    ({"event": {"name": "Product Viewed"}}, {"ada", "bo"}),
    ({"event": {"name": "Product Viewed", "at_least": 2, "within": "30d"}}, {"ada"}),
    ({"event": {"name": "Product Viewed", "at_least": 3, "within": "30d"}}, set()),
    ({"event": {"name": "Product Viewed", "at_least": 3}}, {"ada"}),
    ({"event": {"name": "Product Viewed", "at_most": 0}}, {"cleo", "dan"}),
    ({"event": {"name": "Product Viewed", "at_most": 1}}, {"bo", "cleo", "dan"}),
    ({"event": {"name": "Product Viewed", "where": {"product_id": "p2"}}}, {"bo"}),
    ({"event": {"name": "Product Viewed", "where": {"product_id": "p1", "price": 1}}}, {"ada"}),
    ({"event": {"name": "Order Completed", "at_least": 2}}, set()),  # two sources told of one order
    ({"orders": {"at_least": 2}}, {"ada", "cleo"}),
    ({"orders": {"at_least": 1, "within": "365d"}}, {"ada", "bo"}),
    ({"orders": {"within": "30d"}}, {"ada"}),
    ({"orders": {"at_most": 0}}, {"dan"}),
    ({"revenue": {"at_least": 120}}, {"ada", "cleo"}),
    ({"revenue": {"at_least": 600, "within": "365d"}}, {"ada"}),
    ({"revenue": {"at_least": 20, "within": "60d"}}, {"bo"}),
    ({"revenue": {"at_most": 0, "within": "60d"}}, {"cleo", "dan"}),
    ({"last_order": {"before": "180d"}}, {"cleo"}),
    ({"last_order": {"after": "60d", "before": "7d"}}, {"bo"}),
    ({"first_order": {"before": "2025-01-01"}}, {"ada", "cleo"}),
    ({"bought": {"category": "coffee"}}, {"ada", "bo"}),
    ({"bought": {"category": "coffee", "within": "30d"}}, {"ada"}),
    ({"bought": {"product": "p2"}}, {"ada", "bo"}),
    ({"bought": {"product": ["BEAN"], "within": "10d"}}, {"ada"}),
    ({"rfm": ["champions", "lost"]}, {"ada", "cleo"}),
    ({"not": {"rfm": "champions"}}, {"bo", "cleo", "dan"}),
    ({"tier": "silver"}, {"cleo"}),
    ({"tier_at_least": "silver"}, {"ada", "cleo"}),
    ({"consent": {}}, {"ada"}),
    ({"consent": {"topic": "care"}}, {"ada", "dan"}),
    ({"reachable": "email"}, {"ada"}),
    ({"reachable": "telegram"}, {"cleo"}),
    ({"clicked": {"within": "90d"}}, {"ada"}),
    ({"any": [{"tag": "vip"}, {"tier": "gold"}]}, {"ada", "bo"}),
    ({"all": [{"language": "en"}, {"not": {"any": [{"tier": "gold"}, {"tag": "vip"}]}}]}, {"cleo", "dan"}),
]


async def test_each_condition_finds_whom_it_means(database: Database, cast: dict[str, int]) -> None:
    wrong = {}
    for rule, expected in RULES:
        found = await _found(database, {"all": [rule]})
        if found != expected:
            wrong[str(rule)] = found
    assert wrong == {}


async def test_every_condition_has_its_opposite(database: Database, cast: dict[str, int]) -> None:
    """Whoever is not in a segment is in its opposite, also where nothing is known of them."""
    for rule, expected in RULES:
        assert await _found(database, {"not": rule}) == EVERYBODY - expected, rule


async def test_all_any_and_not_stand_together(database: Database, cast: dict[str, int]) -> None:
    definition = {"all": [{"language": "en"}], "any": [{"country": "GB"}, {"country": "DE"}], "not": {"rfm": "lost"}}
    assert await _found(database, definition) == {"ada"}


async def test_a_segment_may_build_on_others(database: Database, cast: dict[str, int]) -> None:
    inner = segment_files.of_tree({"any": [{"tag": "vip"}, {"rfm": "lost"}]}, CONFIG, Segments())
    known = Segments({"inner": inner})
    assert await _found(database, {"all": [{"segment": "inner"}]}, known) == {"bo", "cleo"}
    assert await _found(database, {"not": {"segment": "inner"}}, known) == {"ada", "dan"}


async def test_a_preview_counts_and_tells_why(database: Database, cast: dict[str, int]) -> None:
    definition = {"any": [{"tier": "gold"}, {"orders": {"at_least": 2}}, {"consent": {}}]}
    segment = segment_files.of_tree(definition, CONFIG, Segments())
    compiler = Compiler(Segments(), CONFIG, NOON)
    async with database.reading() as session:
        assert await preview.count(session, compiler, segment) == 2
        assert await preview.everybody(session) == 4
        shown = await preview.sample(session, compiler, segment)
    assert [(one.name, one.email, one.why) for one in shown] == [
        ("cleo", "", ("orders at_least 2",)),
        ("ada", "ada@example.org", ("tier gold", "orders at_least 2", "consent")),
    ]


async def test_a_preview_tells_an_address_that_only_a_page_claimed(database: Database, cast: dict[str, int]) -> None:
    async with database.transaction() as session:
        browser = await contacts.find_or_create(session, [("anonymous_id", "b1")], NOON, rank="page")
        assert browser.id is not None
        await contacts.claim(session, browser.id, [("email", "eve@example.org")], NOON)
    every = segment_files.of_tree({"not": {"tier": "gold"}}, CONFIG, Segments())
    async with database.reading() as session:
        shown = await preview.sample(session, Compiler(Segments(), CONFIG, NOON), every)
    assert (shown[0].contact_id, shown[0].email, shown[0].claimed) == (browser.id, "eve@example.org", True)
    assert shown[0].address == "eve@example.org (claimed)"
    assert not any(one.claimed for one in shown[1:])


@pytest.mark.parametrize("name", list(segment_files.load(Config())))
async def test_every_shipped_segment_can_be_counted(database: Database, cast: dict[str, int], name: str) -> None:
    known = segment_files.load(CONFIG)
    compiler = Compiler(known, CONFIG, NOON)
    async with database.reading() as session:
        found = await preview.count(session, compiler, known.by_name[name])
        shown = await preview.sample(session, compiler, known.by_name[name])
    assert found == len(shown) < 4
    assert all(one.why for one in shown) or name in ("sunset", "never_bought")
    assert known.by_name[name].title and known.by_name[name].description
