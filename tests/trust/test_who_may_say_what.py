"""Every event, call and field by every rank, as this table says, against the running program."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trust_world
from trust_world import ADA, EVE, MUG, TrustWorld, track

from bot.base.database import Database
from bot.base.texts import Texts
from bot.events import names, permissions
from bot.tables.events import Event
from bot.tables.people import ClaimedIdentity, Contact, Identity, OptIn
from bot.tables.shop import Cart, Order, Product

A, H, R = "allowed", "hint", "refused"
RANKS = ("shop", "person", "page")
EVENTS = {
    "Products Searched": (A, A, A), "Product List Viewed": (A, A, A), "Product List Filtered": (A, A, A),
    "Promotion Viewed": (A, A, A), "Promotion Clicked": (A, A, A), "Product Clicked": (A, A, A),
    "Product Viewed": (A, A, A), "Product Added": (A, A, A), "Product Removed": (A, A, A), "Cart Viewed": (A, A, A),
    "Cart Updated": (A, A, A), "Checkout Started": (A, A, A), "Checkout Updated": (A, A, A),
    "Checkout Step Viewed": (A, A, A), "Checkout Step Completed": (A, A, A), "Payment Info Entered": (A, A, A),
    "Order Completed": (A, H, H), "Order Updated": (A, R, R), "Order Paid": (A, R, R),
    "Order Fulfillment Cancelled": (A, R, R), "Order Fulfilled": (A, R, R), "Order Not Delivered": (A, R, R),
    "Order Edited": (A, R, R), "Customer Merged": (A, R, R), "Customer Deleted": (A, R, R),
    "Customer Tags Changed": (A, R, R),
    "Order Delivered": (A, R, R), "Order Refunded": (A, R, R), "Order Cancelled": (A, R, R),
    "Coupon Entered": (A, A, A), "Coupon Applied": (A, A, A), "Coupon Denied": (A, A, A), "Coupon Removed": (A, A, A),
    "Product Added to Wishlist": (A, A, A), "Product Removed from Wishlist": (A, A, A),
    "Wishlist Product Added to Cart": (A, A, A), "Product Shared": (A, A, A), "Cart Shared": (A, A, A),
    "Product Reviewed": (A, A, A), "Back In Stock Requested": (A, A, A), "Back In Stock Cancelled": (A, A, A),
    "Product Price Changed": (A, R, R), "Product Stock Changed": (A, R, R), "Product Back In Stock": (R, R, R),
    "Product Price Dropped": (R, R, R), "Product Updated": (A, R, R), "Product Deleted": (A, R, R),
    "Inventory Item Updated": (A, R, R), "Inventory Level Updated": (A, R, R),
    "Site Visited": (A, A, A), "Subscribed": (A, A, H), "Unsubscribed": (A, A, H), "Subscription Started": (A, R, R),
    "Subscription Cancelled": (A, R, R), "Email Bounced": (R, R, R), "Email Marked As Spam": (R, R, R),
    "Tier Changed": (R, R, R), "Tier Reverted": (R, R, R), "Survey Answered": (R, R, R),
    # of the shop's own, and what looks like one of ours
    "Quiz Finished": (A, A, A), "Order Stolen": (A, R, R), "order completed": (A, H, H), "Placed Order": (A, H, H),
    "ORDER PAID": (A, R, R), "Task Requested": (A, R, R), "Tier Won": (A, R, R), "Email Opened": (A, R, R),
}  # fmt: skip
CALLS = {
    "identify": (A, A, A), "page": (A, A, A), "screen": (A, A, A), "group": (A, A, A), "alias": (A, H, H),
}  # fmt: skip
FIELDS = {
    "userId": (A, A, H), "email": (A, A, H), "anonymousId": (A, A, A), "previousId": (A, R, R), "traits": (A, A, H),
    "traits.marketing_consent": (A, A, H), "traits.phone": (A, R, R), "traits.shop_tags": (A, R, R),
    "context.locale": (A, A, H),
    "context.timezone": (A, A, H), "properties.cart_id": (A, A, H), "properties.checkout_id": (A, A, H),
    "properties.products": (A, R, R), "properties.order_id": (A, R, R),
}  # fmt: skip
WRITTEN = {
    "nbsp": lambda name: name.replace(" ", "\u00a0"), "ideographic blank": lambda name: name.replace(" ", "\u3000"),
    "narrow blanks": lambda name: name.replace(" ", "\u202f\u2009"), "tab": lambda name: name.replace(" ", "\t"),
    "two blanks": lambda name: f"  {name.replace(' ', '  ')} ",
    "blank of braille": lambda name: name.replace(" ", "\u2800"),
    "full width": lambda name: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in name),
    "mathematical": lambda name: "".join(chr(ord(one) + 0x1D3BF) if "A" <= one <= "Z" else one for one in name),
    "zero width": "\u200b".join, "word joiner": lambda name: f"\ufeff{name}\u2060",
    "soft hyphen": lambda name: name[:3] + "\u00ad" + name[3:], "control": lambda name: name[:2] + "\x08" + name[2:],
    "variation": lambda name: name.replace("e", "e\ufe0f"), "joiner of graphemes": lambda name: name + "\u034f",
    "filler": lambda name: f"{name}\u3164", "long s": lambda name: name.replace("s", "\u017f"),
    "tags": lambda name: name + "\U000e0041", "far behind": lambda name: "\u200b" * 300 + name,
}  # fmt: skip
"""Ways to write a name that nobody sees, or that only look another way."""
BECOMES = {A: {"done", "known"}, H: {"hint"}, R: {"refused"}}
OF_ADAS = {"order_id": "1001", "checkout_id": "k-ada", "cart_id": "c-ada", "product_id": "mug", "refund_id": "r9",
           "total": 1, "revenue": 1, "status": "cancelled", "tracking_number": "EVIL", "price": 1, "stock": 0,
           "email": ADA, "quantity": 5, "products": [{**MUG, "name": "Evil", "price": 1, "quantity": 9}],
           "tracking_url": "https://evil.example", "created_at": "2020-01-01T00:00:00Z", "url": "https://evil.example",
           "cancelled_at": "2026-11-01T00:00:00Z", "currency": "EUR", "tier": "gold", "name": "Evil"}  # fmt: skip


@pytest.fixture
async def world(database: Database, texts: Texts) -> AsyncIterator[TrustWorld]:
    async with await trust_world.opened(database, texts) as opened:
        await opened.history()
        yield opened


def test_every_event_has_its_row_and_no_other() -> None:
    """A new name fails here until somebody says who may tell it."""
    assert set(names.EVENTS) <= EVENTS.keys()
    assert set(permissions.EVENTS) == set(names.EVENTS)
    assert permissions.CALLS.keys() == CALLS.keys()
    assert permissions.FIELDS.keys() == FIELDS.keys()


@pytest.mark.parametrize("rank", RANKS)
def test_the_program_declares_what_this_table_says(rank: Any) -> None:
    at = RANKS.index(rank)
    assert {name: permissions.of_event("track", name, rank) for name in EVENTS} == {
        name: words[at] for name, words in EVENTS.items()
    }
    assert {kind: permissions.of_event(kind, "", rank) for kind in CALLS} == {
        kind: words[at] for kind, words in CALLS.items()
    }
    assert {name: words[rank] for name, words in permissions.FIELDS.items()} == {
        name: words[at] for name, words in FIELDS.items()
    }


@pytest.mark.parametrize("way", WRITTEN)
def test_however_a_name_is_written_the_same_is_allowed(way: str) -> None:
    for name, words in EVENTS.items():
        written = WRITTEN[way](name)
        assert names.canonical(written) == names.canonical(name)
        assert tuple(permissions.of_event("track", written, rank) for rank in RANKS) == words, name  # type: ignore[arg-type]
        if name in names.EVENTS:
            assert permissions.of_event("page", written, "page") == R


async def test_a_name_that_is_written_otherwise_is_the_one_that_it_looks_like_everywhere(world: TrustWorld) -> None:
    before = await world.truth()
    calls = [track(write("Order Cancelled"), userId="u-ada", **OF_ADAS) for write in WRITTEN.values()]
    calls += [track(write("Order Stolen"), userId="u-ada", **OF_ADAS) for write in WRITTEN.values()]
    assert set(await world.page(*calls)) == {"refused"}
    assert await world.truth() == before
    assert await world.server(track("Order\u00a0Cancelled\u200b", userId="u-ada", order_id="1001")) == ["done"]
    assert (await world.rows(Order))[0].status == "cancelled"
    kept = {event.name for event in await world.rows(Event) if event.name.startswith("Order ")}
    assert {"Order Cancelled", "Order Stolen"} <= kept <= set(EVENTS)


def _every_call(**who: Any) -> list[dict[str, Any]]:
    of_another = {"fulfillment_id": "f9"}  # all of one second: the parcel stays Ada's
    another = {"Order Fulfillment Cancelled": of_another, "Order Not Delivered": of_another}
    calls: list[dict[str, Any]] = [track(name, **who, **OF_ADAS, **another.get(name, {})) for name in EVENTS]
    more: dict[str, dict[str, Any]] = {
        "identify": {"traits": {"email": ADA, "firstName": "Eve"}}, "group": {"groupId": "g"},
        "alias": {"previousId": "u-ada"},
    }  # fmt: skip
    return [*calls, *({"type": kind, **who, **more.get(kind, {})} for kind in CALLS)]


async def test_what_a_page_says_becomes_what_the_table_says_and_changes_nothing_that_is_true(world: TrustWorld) -> None:
    before = await world.truth()
    found = await world.page(*_every_call(userId="u-ada", anonymousId="eve-browser"))
    for (name, words), became in zip({**EVENTS, **CALLS}.items(), found, strict=True):
        assert became in BECOMES[words[2]], name
    assert await world.truth() == before
    errors = {event.error for event in await world.rows(Event) if event.status == "refused"}
    assert errors == {"rank"}


async def test_what_somebody_signed_in_says_becomes_what_the_table_says_and_stays_with_them(world: TrustWorld) -> None:
    before = await world.truth()
    found = await world.person("u-eve", EVE, *_every_call(anonymousId="eve-browser"))
    for (name, words), became in zip({**EVENTS, **CALLS}.items(), found, strict=True):
        assert became in BECOMES[words[1]], name
    after = await world.truth()
    for told in ("order", "product", "pricechange", "credit"):
        assert after[told] == before[told], told
    assert [row for row in after["people"] if "u-ada" in row] == before["people"]
    assert [row for row in after["cart"] if "u-ada" in row] == before["cart"]
    assert [row for row in after["consent"] if "u-ada" in row] == before["consent"]


async def test_what_a_server_says_becomes_what_the_table_says(world: TrustWorld) -> None:
    found = await world.server(*_every_call(userId="u-ada"))
    for (name, words), became in zip({**EVENTS, **CALLS}.items(), found, strict=True):
        assert became in BECOMES[words[0]], name
    (order,) = await world.rows(Order)
    assert (order.tracking_number, order.parcel) == ("EVIL", "delivered")
    assert not (await world.rows(Product))[0].published


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("userId", {"type": "identify", "userId": "u-new", "anonymousId": "b1"}),
        ("email", {"type": "identify", "anonymousId": "b1", "traits": {"email": "new@example.org"}}),
    ],
)
async def test_who_somebody_is_may_be_told_by_a_server_and_claimed_by_a_page(
    world: TrustWorld, field: str, call: dict[str, Any]
) -> None:
    kind = {"userId": "user_id", "email": "email"}[field]
    await world.page(call)
    assert [row.kind for row in await world.rows(ClaimedIdentity)] == [kind]
    assert not [one for one in await world.rows(Identity) if one.value in ("u-new", "new@example.org")]
    await world.server(call)
    (known,) = [one for one in await world.rows(Identity) if one.value in ("u-new", "new@example.org")]
    assert (known.kind, known.rank) == (kind, "shop")
    assert await world.rows(ClaimedIdentity) == []
    (browser,) = [one for one in await world.rows(Identity) if one.value == "b1"]
    assert browser.contact_id == known.contact_id


async def test_a_signed_identity_is_who_it_says_whatever_the_call_names(world: TrustWorld) -> None:
    call = {"type": "identify", "userId": "u-ada", "anonymousId": "b1", "traits": {"email": ADA, "firstName": "Eve"}}
    assert await world.person("u-eve", EVE, call) == ["done"]
    (eve,) = [one.contact_id for one in await world.rows(Identity) if one.value == EVE]
    mine = {one.value: one.rank for one in await world.rows(Identity, contact_id=eve)}
    assert mine == {"u-eve": "person", EVE: "person", "b1": "person"}
    assert (await world.rows(Contact, id=eve))[0].first_name == "Eve"
    assert "identity" not in ((await world.rows(Event))[-1].body.get("context") or {})


async def test_traits_of_a_page_stay_with_its_browser_and_go_when_it_is_known_whose_it_is(world: TrustWorld) -> None:
    said = {"firstName": "Evil", "email": ADA, "phone": "+491701234567", "birthday": "1990-01-01", "vip": True}
    call = {"type": "identify", "anonymousId": "b1", "userId": "u-ada", "traits": said,
            "context": {"locale": "zh-CN", "timezone": "Asia/Shanghai"}}  # fmt: skip
    before = await world.truth()
    await world.page(call)
    assert await world.truth() == before
    (browser,) = [one.contact_id for one in await world.rows(Identity) if one.value == "b1"]
    (row,) = await world.rows(Contact, id=browser)
    assert (row.first_name, row.language, row.timezone, row.claimed) == ("Evil", "zh_CN", "Asia/Shanghai", True)
    await world.server({"type": "identify", "anonymousId": "b1", "userId": "u-ada"})
    (ada,) = [one for one in await world.rows(Contact, status="active") if one.first_name]
    assert (ada.first_name, ada.language, ada.timezone, ada.traits.get("vip")) == ("Ada", "en", None, None)
    assert await world.rows(ClaimedIdentity) == []
    await world.page(call)  # now it is her own browser: still no page names her
    (ada,) = [one for one in await world.rows(Contact, status="active") if one.first_name]
    assert (ada.first_name, ada.language, ada.timezone, ada.traits.get("vip")) == ("Ada", "en", None, None)


@pytest.mark.parametrize("asked", [True, False], ids=["second yes", "no second yes"])
async def test_a_yes_of_a_page_is_asked_back_whatever_the_shop_wants(
    database: Database, texts: Texts, asked: bool
) -> None:
    async with await trust_world.opened(database, texts, automations={"double_opt_in": asked}) as world:
        said = {"email": "new@example.org", "marketing_consent": True}
        before = await world.truth()
        await world.page(
            {"type": "identify", "anonymousId": "b1", "traits": said},
            track("Subscribed", anonymousId="b2", email="other@example.org", trigger_flows=True),
        )
        assert await world.truth() == before
        assert sorted(row.address for row in await world.rows(OptIn)) == ["new@example.org", "other@example.org"]
        assert all(row.mailed and row.confirmed_at is None for row in await world.rows(OptIn))


async def test_a_no_of_a_page_changes_no_word_of_the_ledger(world: TrustWorld) -> None:
    before = await world.truth()
    no = {"email": ADA, "marketing_consent": False}
    await world.page(
        {"type": "identify", "userId": "u-ada", "anonymousId": "b1", "traits": no},
        track("Unsubscribed", userId="u-ada", anonymousId="b1", email=ADA),
    )
    assert await world.truth() == before


async def test_somebody_signed_in_decides_about_their_own_mail(world: TrustWorld) -> None:
    await world.person("u-ada", ADA, track("Unsubscribed", anonymousId="b1"))
    assert any("'action': 'withdrawn'" in row for row in (await world.truth())["consent"])


async def test_goods_that_a_page_names_are_not_in_the_catalogue(world: TrustWorld) -> None:
    evil = {"product_id": "evil", "name": "Evil", "price": 1, "url": "https://evil.example"}
    await world.page(
        track("Product Viewed", anonymousId="b1", **evil),
        track("Cart Viewed", anonymousId="b1", cart_id="c9", products=[{**evil, "quantity": 1}]),
    )
    assert [row.product_id for row in await world.rows(Product)] == ["mug"]
    await world.server(track("Product Viewed", userId="u-ada", **evil))
    assert sorted(row.product_id for row in await world.rows(Product)) == ["evil", "mug"]


async def test_a_cart_is_of_the_browser_that_made_it(world: TrustWorld) -> None:
    lamp = {"product_id": "lamp", "name": "Lamp", "price": 5, "quantity": 1}
    await world.page(track("Cart Viewed", anonymousId="b1", cart_id="c1", products=[lamp], currency="EUR"))
    await world.page(
        track("Cart Viewed", anonymousId="b2", cart_id="c1", products=[], currency="EUR"),
        track("Product Added", anonymousId="b2", cart_id="c-ada", **lamp),
        track("Product Added", anonymousId="b2", cart_id="contact-1", **lamp),
    )
    cart, others = await world.rows(Cart, cart_id="c1")
    assert [line["product_id"] for line in cart.items] == ["lamp"] and others.items == []
    assert cart.contact_id != others.contact_id
    (hers,) = await world.rows(Cart, cart_id="c-ada")
    assert [line["product_id"] for line in hers.items] == ["mug"]
    await world.page(track("Cart Viewed", anonymousId="b1", cart_id="c1", products=[], currency="EUR"))
    assert (await world.rows(Cart, cart_id="c1"))[0].items == []


async def test_an_alias_of_a_page_joins_nobody(world: TrustWorld) -> None:
    await world.page({"type": "page", "anonymousId": "b1"}, {"type": "page", "anonymousId": "b2"})
    before = await world.truth()
    await world.page(
        {"type": "alias", "userId": "u-ada", "anonymousId": "b1", "previousId": "b2"},
        {"type": "alias", "userId": "u-eve", "anonymousId": "b1", "previousId": "u-ada"},
    )
    assert await world.truth() == before
    owners = {one.value: one.contact_id for one in await world.rows(Identity)}
    assert len({owners["b1"], owners["b2"], owners["u-ada"]}) == 3
