"""A page asks for mail to addresses that are not its own: who hears of it, how often, and in whose words."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import page_door
import pytest
import shop_world
import sqlalchemy as sa
from conftest import NOON
from page_door import Stranger, identify, raw, track
from shop_world import DAY, HOUR, ShopWorld

from automations.consent import held_sign_ups, opt_in
from bot import contacts
from bot.base import paths
from bot.base.config.limits import SignUpLimits
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.inbound.web import each_request, peers, sign_up
from bot.outbound.email.templates import MailTemplates
from bot.tables.catalogue import StockAlert
from bot.tables.outbox import Message
from bot.tables.people import Consent, OptIn

CONFIG: dict[str, Any] = {
    "shop": {"name": "Juniper & Oak", "url": "https://shop.example"},
    "web": {"public_url": "https://bot.example"},
    "mail": {"smtp_url": "smtp://127.0.0.1:25?tls=none", "from": "Juniper <help@shop.example>"},
    "automations": {"quiet_hours": "off"},
}
LIMITS = SignUpLimits()
ADA = "ada@example.org"


@pytest.fixture
async def attacker(database: Database, texts: Texts) -> AsyncIterator[Stranger]:
    shop = await shop_world.opened(database, texts, shop_world.only("back_in_stock", "welcome"), **CONFIG)
    async with page_door.stranger(shop, trusted_proxies=["10.0.0.0/8"]) as made:
        yield made


async def _rows(shop: ShopWorld, model: type[Any]) -> list[dict[str, Any]]:
    rows = table(model)
    async with shop.database.reading() as session:
        return [dict(row) for row in (await session.execute(sa.select(rows).order_by(rows.c.id))).mappings()]


async def _asking_mails(shop: ShopWorld) -> int:
    return len([row for row in await _rows(shop, Message) if row["purpose"] == opt_in.PURPOSE])


def _signs_up(number: int, **said: Any) -> list[dict[str, Any]]:
    email = f"stranger{number}@example.org"
    return [track(f"b{number}", "Subscribed", email=email, **said)]


async def test_three_hundred_sign_ups_in_three_requests_bring_ten_mails(attacker: Stranger) -> None:
    for start in (0, 100, 200):
        await attacker.sends(*(call for number in range(start, start + 100) for call in _signs_up(number)))
    assert await _asking_mails(attacker.shop) == LIMITS.network_per_hour
    kept = await _rows(attacker.shop, OptIn)
    assert len(kept) == 300 and {row["held_by"] for row in kept} == {"", "network"}


async def test_what_a_body_says_of_its_address_counts_for_nothing(attacker: Stranger) -> None:
    for number in range(30):
        (call,) = _signs_up(number)
        call["context"] = {"ip": f"198.51.{number}.1"}
        call["network"] = f"198.51.{number}.0/24"
        await attacker.sends(call, **{"X-Forwarded-For": f"192.0.{number}.1"})
    assert await _asking_mails(attacker.shop) == LIMITS.network_per_hour


async def test_behind_a_trusted_proxy_the_one_that_it_saw_counts(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("welcome"), **CONFIG)
    async with page_door.stranger(shop, "10.0.0.9", trusted_proxies=["10.0.0.0/8"]) as attacker:
        for number in range(15):  # what the client wrote itself stands to the left of what the proxy added
            seen = f"1.2.{number}.4, 203.0.113.{number}, 10.0.0.8"
            await attacker.sends(*_signs_up(number), **{"X-Forwarded-For": seen})
        assert await _asking_mails(shop) == LIMITS.network_per_hour
        await attacker.sends(*_signs_up(99), **{"X-Forwarded-For": "203.0.114.1"})
        assert await _asking_mails(shop) == LIMITS.network_per_hour + 1


async def test_a_whole_block_of_networks_asks_for_no_more_than_three(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("welcome"), **CONFIG)
    async with page_door.stranger(shop, "10.0.0.9", trusted_proxies=["10.0.0.0/8"]) as attacker:
        for number in range(3 * LIMITS.network_per_hour + 5):
            await attacker.sends(*_signs_up(number), **{"X-Forwarded-For": f"2001:db8:7:{number:x}::1"})
        assert await _asking_mails(shop) == 3 * LIMITS.network_per_hour
        await attacker.sends(*_signs_up(99), **{"X-Forwarded-For": "2001:db8:8::1"})
        assert await _asking_mails(shop) == 3 * LIMITS.network_per_hour + 1


async def test_many_networks_meet_the_limits_of_the_key_and_of_all(database: Database, texts: Texts) -> None:
    few = {**CONFIG, "automations": {"sign_up_limits": {"key_per_hour": 4, "all_per_hour": 6, "all_per_day": 11}}}
    shop = await shop_world.opened(database, texts, shop_world.only("welcome"), **few)
    now = shop.now

    async def asks(number: int, key: str) -> str:
        said = opt_in.Asked(
            f"s{number}@example.org", ["marketing"], "en", opt_in.How("x"), network=str(number), key=key
        )
        async with database.transaction() as session:
            await opt_in.ask(session, shop.ground, MailTemplates([paths.templates()]), said, now)
        return str((await _rows(shop, OptIn))[-1]["held_by"])

    assert [await asks(number, "one") for number in range(5)] == ["", "", "", "", "key"]
    assert [await asks(number, "two") for number in range(10, 13)] == ["", "", "all"]
    now += timedelta(hours=1, seconds=1)
    mails = MailTemplates([paths.templates()])
    assert await held_sign_ups.run(database, shop.ground, mails, now) == 2, "those who waited come first"
    assert [await asks(number, "three") for number in range(20, 22)] == ["all", "key"], (
        "what strangers may have of a day is used up"
    )
    now += timedelta(days=1)
    assert await held_sign_ups.run(database, shop.ground, mails, now) == 2
    assert await asks(30, "three") == ""


async def test_the_mail_that_asks_carries_no_word_of_the_event(attacker: Stranger) -> None:
    evil = "Your account is locked, visit evil.example"
    await attacker.sends(
        identify("b1", email=ADA, firstName="Mallory", name="Mallory"),
        {
            **track("b1", "Subscribed", email=ADA, source=evil, text_version=evil, name=evil),
            "context": {"locale": evil},
        },
        {**track("b2", "Subscribed", email=ADA, topic=evil), "context": {"locale": "zh-CN"}},
    )
    await attacker.shop.settle()
    [message] = attacker.shop.mails.sent
    mail = raw(attacker.shop, message)
    assert "Juniper & Oak" in mail and f"To: {ADA}" in mail
    for word in ("evil", "locked", "Mallory"):
        assert word not in mail


async def test_a_trait_is_asked_back_as_well_and_once_a_day(attacker: Stranger) -> None:
    for _ in range(5):
        await attacker.sends(identify("b1", email=ADA, marketing_consent=True))
    await attacker.shop.settle()
    assert not [row for row in await _rows(attacker.shop, Consent) if row["action"] == "granted"]
    assert await _asking_mails(attacker.shop) == 1


async def test_a_wish_to_be_told_of_stock_counts_once_the_mailbox_said_yes(attacker: Stranger) -> None:
    shop = attacker.shop
    lamp = {"product_id": "lamp", "name": "Brass lamp", "price": 20, "currency": "EUR"}
    await shop.happens("Product Updated", source="shopify", **lamp, stock=0)
    await attacker.sends(identify("b1", email=ADA), track("b1", "Back In Stock Requested", product_id="lamp"))
    await shop.settle()
    [message] = shop.mails.sent
    mail = raw(shop, message)
    assert "Brass lamp" not in mail and [row["status"] for row in await _rows(shop, StockAlert)] == ["asked"]
    assert not [row for row in await _rows(shop, Consent) if row["action"] == "granted"]
    app = each_request.build([sign_up.routes(shop.database, shop.ground)])
    link = "/confirm/" + message.payload["text"].partition("/confirm/")[2].split()[0].rstrip(")>")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://bot.example") as web:
        assert (await web.get(link)).status_code == 200
        assert [row["status"] for row in await _rows(shop, StockAlert)] == ["asked"]
        assert (await web.post(link)).status_code == 200
    [alert] = await _rows(shop, StockAlert)
    async with shop.database.reading() as session:
        owner = await contacts.find(session, "email", ADA)
        browser = await contacts.find(session, "anonymous_id", "b1")
    assert owner is not None and browser is not None and owner.id != browser.id
    assert (alert["status"], alert["contact_id"]) == ("waiting", owner.id)
    await shop.happens("Product Updated", source="shopify", **lamp, stock=5)
    await shop.passes(2 * HOUR)
    assert "back_in_stock" in shop.templates()


async def test_wishes_that_others_invent_take_nothing_from_the_one_that_was_asked_about(attacker: Stranger) -> None:
    shop = attacker.shop
    await shop.happens("Product Updated", source="shopify", product_id="lamp", name="Lamp", price=20, stock=0)
    await attacker.sends(identify("b1", email=ADA), track("b1", "Back In Stock Requested", product_id="lamp"))
    await shop.settle()
    link = "/confirm/" + shop.mails.sent[0].payload["text"].partition("/confirm/")[2].split()[0].rstrip(")>")
    for number in range(15):
        await attacker.sends(
            identify(f"e{number}", email=ADA), track(f"e{number}", "Back In Stock Requested", product_id=f"x{number}")
        )
    app = each_request.build([sign_up.routes(shop.database, shop.ground)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://bot.example") as web:
        assert (await web.post(link)).status_code == 200
    waiting = [row["product_id"] for row in await _rows(shop, StockAlert) if row["status"] == "waiting"]
    assert "lamp" in waiting and len(waiting) <= 10


async def test_what_a_stranger_asked_before_takes_nothing_from_the_owners_own_wish(attacker: Stranger) -> None:
    """The mail is the one that a stranger asked for; the owner asks while its link holds, and presses it."""
    shop = attacker.shop
    await shop.happens("Product Updated", source="shopify", product_id="lamp", name="Lamp", price=20, stock=0)
    strange = [track("evil", "Back In Stock Requested", product_id=f"x{number}") for number in range(15)]
    await attacker.sends(identify("evil", email=ADA), *strange)
    await attacker.sends(identify("b1", email=ADA), track("b1", "Back In Stock Requested", product_id="lamp"))
    await attacker.sends(*(track("evil", "Back In Stock Requested", product_id=f"y{number}") for number in range(15)))
    await shop.settle()
    [message] = shop.mails.sent
    link = "/confirm/" + message.payload["text"].partition("/confirm/")[2].split()[0].rstrip(")>")
    app = each_request.build([sign_up.routes(shop.database, shop.ground)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://bot.example") as web:
        assert (await web.post(link)).status_code == 200
    waiting = [row["product_id"] for row in await _rows(shop, StockAlert) if row["status"] == "waiting"]
    assert "lamp" in waiting and len(waiting) == 10


async def test_a_wish_that_nobody_confirmed_brings_nothing_and_takes_nobodys_turn(attacker: Stranger) -> None:
    shop = attacker.shop
    await shop.person(ADA)
    lamp = {"product_id": "lamp", "name": "Brass lamp", "price": 20, "currency": "EUR"}
    await shop.happens("Product Updated", source="shopify", **lamp, stock=0)
    for number in range(5):
        await attacker.sends(
            identify(f"b{number}", email=ADA), track(f"b{number}", "Back In Stock Requested", product_id="lamp")
        )
    await shop.happens("Product Updated", source="shopify", **lamp, stock=1)
    await shop.passes(DAY)
    assert "back_in_stock" not in shop.templates() and await _asking_mails(shop) == 1


def test_networks_are_what_one_subscriber_has() -> None:
    assert peers.network_of("203.0.113.77") == peers.network_of("::ffff:203.0.113.4") == "203.0.113.0/24"
    assert peers.network_of("2001:db8:1:2:3::4") == peers.network_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert peers.network_of("nonsense") == peers.network_of("") == "unknown"


class _Office:
    """Sign-ups of networks and keys at times of their own, and the work that mails those who wait."""

    def __init__(self, shop: ShopWorld) -> None:
        self.shop = shop
        self.mails = MailTemplates([paths.templates()])
        self.now = shop.now
        self.number = 0

    async def asks(self, network: str, key: str = "page", address: str = "") -> str:
        """Returns the address."""
        self.number += 1
        address = address or f"s{self.number}@example.org"
        said = opt_in.Asked(address, ["marketing"], "en", opt_in.How("x"), network=network, key=key)
        async with self.shop.database.transaction() as session:
            await opt_in.ask(session, self.shop.ground, self.mails, said, self.now)
        return address

    async def passes(self, time: timedelta) -> None:
        self.now += time
        await held_sign_ups.run(self.shop.database, self.shop.ground, self.mails, self.now)

    async def mailed(self) -> list[str]:
        rows = [row for row in await _rows(self.shop, Message) if row["purpose"] == opt_in.PURPOSE]
        return [row["payload"]["to"] for row in rows]


async def test_what_strangers_ask_for_takes_nothing_from_what_the_shops_server_tells(
    database: Database, texts: Texts
) -> None:
    keys = [{"key": "k" * 20, "name": "backend", "kind": "server"}]
    shop = await shop_world.opened(database, texts, shop_world.only("welcome"), **CONFIG, events={"keys": keys})
    office = _Office(shop)
    for _ in range(10):
        office.now += timedelta(days=1)
        await office.asks("198.51.1.0/24", address=ADA)
    before = len(await office.mailed())
    for _ in range(10):
        await office.asks("", key="backend", address=ADA)
        office.now += timedelta(hours=2)
    assert len(await office.mailed()) == before + 1


@pytest.fixture
async def office(database: Database, texts: Texts) -> _Office:
    return _Office(await shop_world.opened(database, texts, shop_world.only("welcome"), **CONFIG))


async def _small_office(database: Database, texts: Texts) -> _Office:
    few = {"network_per_hour": 1, "key_per_hour": 6, "all_per_hour": 12, "all_per_day": 60}
    config = {**CONFIG, "automations": {**CONFIG["automations"], "sign_up_limits": few}}
    return _Office(await shop_world.opened(database, texts, shop_world.only("welcome"), **config))


async def test_strangers_of_six_networks_leave_room_for_others(office: _Office) -> None:
    for _ in range(12):
        for network in range(6):
            await office.asks(f"198.51.{network}.0/24")
    assert len(await office.mailed()) < LIMITS.key_per_hour
    await office.passes(timedelta(seconds=10))
    real = [await office.asks(f"203.0.{number}.0/24") for number in range(10)]
    await office.passes(timedelta(seconds=10))
    assert set(real) <= set(await office.mailed())


async def test_who_finds_no_room_is_mailed_later_those_first_whose_network_had_the_fewest(office: _Office) -> None:
    for network in range(LIMITS.key_per_hour):
        await office.asks(f"198.51.{network}.0/24")
    crowd = [await office.asks(f"198.51.{network}.0/24") for network in range(LIMITS.key_per_hour)]
    real = [await office.asks(f"203.0.{number}.0/24") for number in range(3)]
    await office.passes(timedelta(minutes=50))
    assert len(await office.mailed()) == LIMITS.key_per_hour
    office.now += timedelta(minutes=11)
    late = await office.asks("198.51.1.0/24")  # at the right moment: passes nobody
    await office.passes(timedelta(seconds=1))
    mailed = (await office.mailed())[LIMITS.key_per_hour :]
    assert mailed[:3] == real and late not in mailed and set(mailed[3:]) <= set(crowd)
    await office.passes(timedelta(minutes=2))
    every = await office.mailed()
    assert len(every) == len(set(every)) and len(every) <= 2 * LIMITS.key_per_hour


async def test_who_waits_for_two_days_is_not_mailed_any_more(office: _Office) -> None:
    for network in range(LIMITS.key_per_hour):
        await office.asks(f"198.51.{network}.0/24")
    late = await office.asks("203.0.1.0/24")
    await office.passes(timedelta(days=2, seconds=1))
    assert late not in await office.mailed()


async def test_in_a_rush_of_a_whole_day_whoever_else_signs_up_is_mailed_soon(database: Database, texts: Texts) -> None:
    """A tenth of the usual limits, and six networks that ask by both doors as often as they may, all day long."""
    office = await _small_office(database, texts)
    real: dict[str, timedelta] = {}
    for hour in range(24):
        real[await office.asks(f"203.0.{hour}.0/24")] = office.now - NOON
        for network in range(6):
            for key in ("form", "page"):
                await office.asks(f"198.51.{network}.0/24", key)
        await office.passes(timedelta(hours=1, seconds=1))
    await office.passes(timedelta(seconds=1))
    mailed = await office.mailed()
    assert len(mailed) <= 60 and set(real) <= set(mailed)


async def test_of_a_rush_from_everywhere_those_that_the_shop_knows_see_nothing(
    database: Database, texts: Texts
) -> None:
    office = await _small_office(database, texts)
    async with database.transaction() as session:
        for number in range(3):
            address = f"customer{number}@example.org"
            await contacts.allow(session, office.shop.ground.secret, None, "email", address, "care", "shop", NOON)
    for hour in range(6):
        for network in range(12):
            await office.asks(f"198.{hour}.{network}.0/24", "form" if network % 2 else "page")
        await office.passes(timedelta(hours=1, seconds=1))
    assert len(await office.mailed()) == 45
    customers = [
        await office.asks(f"198.51.{number}.0/24", address=f"customer{number}@example.org") for number in range(3)
    ]
    await office.passes(timedelta(seconds=10))
    assert set(customers) <= set(await office.mailed())
    stranger = await office.asks("203.0.1.0/24")
    await office.passes(timedelta(days=1))
    for _ in range(6):
        await office.passes(timedelta(hours=1, seconds=1))
    assert stranger in await office.mailed(), "kept, and asked when the day is over"


async def test_what_a_form_of_the_shops_server_lets_in_leaves_the_reserve_to_known_addresses(
    database: Database, texts: Texts
) -> None:
    office = await _small_office(database, texts)
    async with database.transaction() as session:
        await contacts.allow(session, office.shop.ground.secret, None, "email", ADA, "care", "shop", NOON)
    for _ in range(10):
        for _ in range(6):
            await office.asks("", key="backend")
        await office.passes(timedelta(hours=1, seconds=1))
    assert len(await office.mailed()) == 45
    await office.asks("", key="backend", address=ADA)
    await office.passes(timedelta(seconds=10))
    assert (await office.mailed())[-1] == ADA


async def test_an_address_that_waits_twice_is_mailed_once(office: _Office) -> None:
    for network in range(LIMITS.key_per_hour):
        await office.asks(f"198.51.{network}.0/24")
    for network in range(3):
        await office.asks(f"203.0.{network}.0/24", address=ADA)
    for _ in range(3):
        await office.passes(timedelta(hours=1, seconds=1))
    assert (await office.mailed()).count(ADA) == 1


async def test_what_the_shops_own_server_tells_is_not_of_one_network(office: _Office) -> None:
    told = [await office.asks("", key="backend") for _ in range(LIMITS.network_per_hour + 5)]
    assert await office.mailed() == told
