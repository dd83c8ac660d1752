"""What somebody tried who has read the key in the source of a page; each of these worked once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import intake
import pytest
import trust_world
from trust_world import ADA, EVE, MUG, TrustWorld, signed, track

from bot import contacts
from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.tables.automations import Enrolment
from bot.tables.events import Event, RejectedEvent
from bot.tables.people import Identity, OptIn
from bot.tables.shop import Cart, Order, Product

LAMP = {"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1}


@pytest.fixture
async def world(database: Database, texts: Texts) -> AsyncIterator[TrustWorld]:
    async with await trust_world.opened(database, texts) as opened:
        await opened.history()
        yield opened


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("Order Fulfilled", {"fulfillment_id": "p2", "tracking_url": "https://evil.example"}),
        ("Order Updated", {"total": 0.01, "status": "cancelled", "updated_at": "2027-01-01T00:00:00Z"}),
        ("Order Completed", {"total": 0.01, "created_at": "2020-01-01T00:00:00Z", "status": "pending"}),
        ("Order Cancelled", {}),
        ("Order Refunded", {"refund_id": "r1", "total": 18}),
        ("Order Delivered", {"tracking_number": "EVIL"}),
        ("Order Whatever", {"status": "cancelled"}),
    ],
)
@pytest.mark.parametrize("named", ["1001", "#1001"])
async def test_a_real_order_stays_as_the_shop_told_it(
    world: TrustWorld, event: str, said: dict[str, Any], named: str
) -> None:
    before = await world.truth()
    await world.page(track(event, anonymousId="eve", userId="u-ada", email=ADA, order_id=named, **said))
    assert await world.truth() == before


async def test_an_order_of_a_page_is_no_order(world: TrustWorld) -> None:
    await world.page(
        track("Order Completed", anonymousId="eve", email=ADA, order_id="1002", total=1000, products=[LAMP]),
        track("Order Paid", anonymousId="eve", order_id="1002"),
    )
    assert [row.order_id for row in await world.rows(Order)] == ["1001"]
    await world.server(track("Order Completed", userId="u-eve", order_id="1002", total=20, currency="EUR"))
    (order,) = await world.rows(Order, order_id="1002")
    assert (order.total, order.told[0]) == (2000, "Order Completed")


async def test_an_order_of_a_page_ends_the_reminders_of_that_browser_alone(world: TrustWorld) -> None:
    said = {"email": ADA, "firstName": "Ada"}
    for browser in ("b1", "b2"):
        await world.page(
            {"type": "identify", "anonymousId": browser, "traits": said},
            track("Checkout Started", anonymousId=browser, checkout_id=f"k-{browser}", currency="EUR", products=[LAMP]),
        )
    flows = [row for row in await world.rows(Enrolment) if row.flow == "abandoned_checkout" and row.status == "active"]
    assert len(flows) >= 2
    over = {row.id for row in await world.rows(Enrolment) if row.status != "active"}
    await world.page(track("Order Completed", anonymousId="b1", order_id="1001", checkout_id="k-b2", products=[LAMP]))
    ended = {row.contact_id for row in await world.rows(Enrolment) if row.exit_reason == "goal" and row.id not in over}
    (mine,) = [one.contact_id for one in await world.rows(Identity) if one.value == "b1"]
    assert ended == {mine}
    carts = {row.cart_id: row.ordered_at for row in await world.rows(Cart, kind="checkout")}
    assert carts["k-b1"] is not None
    assert carts["k-b2"] is None


async def test_the_shops_word_of_an_order_ends_reminders_of_browsers_that_claim_its_buyer(world: TrustWorld) -> None:
    await world.page(
        {"type": "identify", "anonymousId": "b1", "traits": {"email": ADA}},
        track("Checkout Started", anonymousId="b1", checkout_id="k-b1", currency="EUR", products=[LAMP]),
    )
    (mine,) = [one.contact_id for one in await world.rows(Identity) if one.value == "b1"]
    (open_,) = await world.rows(Enrolment, contact_id=mine, status="active")
    await world.server(track("Order Completed", userId="u-ada", order_id="1002", currency="EUR", products=[LAMP]))
    assert [row.exit_reason for row in await world.rows(Enrolment, id=open_.id)] == ["goal"]
    assert (await world.rows(Cart, cart_id="k-b1"))[0].ordered_at is not None


async def test_somebody_elses_user_id_with_ones_own_address_hangs_nothing_on_them(world: TrustWorld) -> None:
    before = await world.truth()
    await world.page(
        {"type": "identify", "userId": "u-ada", "anonymousId": "eve", "traits": {"email": EVE, "firstName": "Eve"}},
        {"type": "identify", "userId": "u-ada", "traits": {"email": EVE}},
        {"type": "alias", "userId": "u-ada", "previousId": "eve"},
        {"type": "group", "userId": "u-ada", "groupId": "g", "traits": {"email": EVE}},
    )
    assert await world.truth() == before
    async with world.database.reading() as session:
        ada = await contacts.find(session, "user_id", "u-ada")
        assert ada is not None and ada.id is not None
        found = await contacts.address(session, ada.id, "email")
        assert found is not None and found.value == ADA
        assert await contacts.find(session, "email", EVE) is None


async def test_a_user_id_alone_never_gets_an_address_by_a_page(world: TrustWorld) -> None:
    """Whoever sends a user id and no browser could be two people: none of them hears of what the other did."""
    await world.page(track("Cart Viewed", userId="u-bob", cart_id="c-bob", products=[LAMP]))
    await world.page({"type": "identify", "userId": "u-bob", "traits": {"email": EVE}})
    (bob,) = [one.contact_id for one in await world.rows(Identity) if one.value == "u-bob"]
    async with world.database.reading() as session:
        assert await contacts.address(session, bob, "email") is None


async def test_a_browser_that_many_claim_is_nobodys(world: TrustWorld) -> None:
    for number in range(7):
        await world.page({"type": "identify", "anonymousId": "till", "traits": {"email": f"{number}@example.org"}})
    (till,) = [one.contact_id for one in await world.rows(Identity) if one.value == "till"]
    async with world.database.reading() as session:
        assert await contacts.address(session, till, "email") is None


async def test_the_catalogue_is_neither_overwritten_nor_emptied(world: TrustWorld) -> None:
    before = await world.truth()
    evil = {**MUG, "name": "Evil", "price": 1, "url": "https://evil.example", "updated_at": "2027-01-01T00:00:00Z"}
    await world.page(
        track("Product Updated", anonymousId="eve", **evil, variants=[{"variant_id": "v", "price": 1}]),
        track("Product Deleted", anonymousId="eve", product_id="mug"),
        track("Product Stock Changed", anonymousId="eve", product_id="mug", **{"from": 3, "to": 0}),
        track("Product Price Changed", anonymousId="eve", product_id="mug", old="18", new="1"),
        track("Product Back In Stock", anonymousId="eve", product_id="mug"),
        track("Product Viewed", anonymousId="eve", **evil),
    )
    assert await world.truth() == before
    assert [row.name for row in await world.rows(Product)] == ["Mug"]


async def test_others_are_not_signed_off_by_a_page(world: TrustWorld) -> None:
    before = await world.truth()
    for who in ({"userId": "u-ada"}, {"anonymousId": "eve"}, {"anonymousId": "eve", "userId": "u-ada"}):
        await world.page(track("Unsubscribed", **who, email=ADA), track("Email Marked As Spam", **who, email=ADA))
    assert await world.truth() == before


async def test_a_yes_for_a_stranger_is_only_asked(world: TrustWorld) -> None:
    before = await world.truth()
    await world.page(
        track("Subscribed", anonymousId="eve", email="bob@example.org", source="double_opt_in", confirmed=True),
        track("Back In Stock Requested", anonymousId="eve", product_id="mug", email="bob@example.org"),
        {"type": "identify", "anonymousId": "eve", "traits": {"email": "bob@example.org", "marketing_consent": True}},
    )
    assert await world.truth() == before
    assert {row.confirmed_at for row in await world.rows(OptIn)} == {None}


async def test_a_page_is_not_the_shop_by_naming_itself_so(world: TrustWorld) -> None:
    before = await world.truth()
    said = {"source": "shopify", "rank": "shop", "contact_id": 1, "status": "new"}
    became = await world.page({**track("Order Cancelled", anonymousId="eve", order_id="1001"), **said})
    assert became == ["refused"]
    assert await world.truth() == before


async def test_carts_of_the_shop_itself_go_to_no_browser_that_guessed_their_number(world: TrustWorld) -> None:
    checkout = intake.payload("shopify_checkout") if (intake.PAYLOADS / "shopify_checkout.json").exists() else None
    await world.page(
        {"type": "identify", "anonymousId": "eve", "traits": {"email": EVE}},
        track("Checkout Started", anonymousId="eve", checkout_id="k-ada", currency="EUR", products=[LAMP]),
    )
    assert checkout is None or checkout
    (hers,) = await world.rows(Cart, cart_id="k-ada")
    assert [line["product_id"] for line in hers.items] == ["mug"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "u-ada"}, "not what the shop signed"),
        ({"email": ADA}, "not what the shop signed"),
        ({"exp": 99999999999}, "not what the shop signed"),
        ({"sig": "0" * 64}, "not what the shop signed"),
        ({"sig": None}, "lacks its"),
        ({"sig": "é"}, "not what the shop signed"),
        ({"id": "u-eve\nx"}, "no plain text"),
        ({"exp": "soon"}, "no time in seconds"),
    ],
)
async def test_an_identity_that_the_shop_did_not_sign_is_refused_and_listed(
    world: TrustWorld, changes: dict[str, Any], reason: str
) -> None:
    before = await world.truth()
    assert await world.person("u-eve", EVE, track("Unsubscribed", anonymousId="b"), **changes) == ["not taken"]
    assert await world.truth() == before
    (refused,) = await world.rows(RejectedEvent)
    assert reason in refused.reason
    assert "sig" not in refused.body


async def test_an_identity_holds_for_a_day_and_not_longer(world: TrustWorld) -> None:
    for lasts, became in ((-1, "hint"), (23 * 3600, "done"), (25 * 3600, "not taken")):
        call = track("Unsubscribed", anonymousId="b1", email="x@example.org")
        identity = {"identity": signed("u-eve", EVE, lasts=lasts)}
        assert await world.page({**call, "context": identity}) == [became], lasts
    flags = [row.body.get("flags") for row in await world.rows(Event, name="Unsubscribed")]
    assert ["identity_expired"] in flags


async def test_a_refused_event_is_kept_and_looked_at_by_nobody(world: TrustWorld) -> None:
    assert await world.page(track("Order Paid", anonymousId="eve", order_id="1001")) == ["refused"]
    (kept,) = await world.rows(Event, status="refused")
    assert (kept.error, kept.contact_id, kept.due_at) == ("rank", None, None)
    assert kept.body["properties"]["order_id"] == "1001"


async def test_forgetting_somebody_forgets_the_browsers_that_say_they_are_theirs(world: TrustWorld) -> None:
    mine = {"email": ADA, "firstName": "Ada"}
    await world.page({"type": "identify", "anonymousId": "b1", "traits": mine})
    await world.page({"type": "identify", "anonymousId": "b2", "traits": {"email": EVE}})
    async with world.database.transaction() as session:
        ada = await contacts.find(session, "email", ADA)
        assert ada is not None and ada.id is not None
        await contacts.erase(session, world.shop.ground.secret, ada.id, clock.now() + timedelta(seconds=1))
    left = [one.value for one in await world.rows(Identity)]
    assert "b1" not in left
    assert "b2" in left


async def test_an_address_that_only_pages_named_can_be_forgotten_too(world: TrustWorld) -> None:
    await world.page({"type": "identify", "anonymousId": "b1", "traits": {"email": EVE, "firstName": "Eve"}})
    await world.page({"type": "identify", "anonymousId": "b2", "traits": {"email": "bob@example.org"}})
    async with world.database.transaction() as session:
        secret = world.shop.ground.secret
        assert await contacts.erase_claimed(session, secret, "email", EVE, clock.now()) == contacts.Browsers(1)
        assert await contacts.suppressed(session, secret, "email", EVE, "", clock.now()) == "erased"
    known = {one.value for one in await world.rows(Identity)}
    assert "b1" not in known
    assert {"b2", "u-ada"} <= known
