"""How much room a stranger takes: in the rows of a browser, in the time of the shop's words, before the shop's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import trust_world
from trust_world import ADA, MUG, TrustWorld, track

from bot.base import clock, logs
from bot.base.database import Database, table
from bot.base.hosts import Hosts
from bot.base.texts import Texts
from bot.events import page_words
from bot.tables.automations import Enrolment
from bot.tables.people import ClaimedIdentity, Contact, Identity
from bot.tables.shop import Cart

ONE = {"product_id": "mug", "quantity": 1, "price": 18}


@pytest.fixture
async def world(database: Database, texts: Texts) -> AsyncIterator[TrustWorld]:
    async with await trust_world.opened(database, texts) as made:
        await made.history()
        yield made


async def _browser(world: TrustWorld, value: str) -> int:
    (found,) = await world.rows(Identity, value=value)
    return int(found.contact_id)


async def test_a_cart_that_is_told_line_by_line_ends_somewhere(world: TrustWorld) -> None:
    for first in (0, 150):
        adds = [track("Product Added", anonymousId="eve", product_id=f"p{first + at}", quantity=1) for at in range(150)]
        await world.page(*adds)
    more = track("Product Added", anonymousId="eve", product_id="p3", quantity=4)
    await world.page(more, track("Product Removed", anonymousId="eve", product_id="p4", quantity=1))
    (cart,) = await world.rows(Cart, contact_id=await _browser(world, "eve"))
    assert len(cart.items) == 199
    assert next(line["quantity"] for line in cart.items if line["product_id"] == "p3") == 5


async def test_traits_of_a_page_end_somewhere_and_known_ones_still_change(world: TrustWorld) -> None:
    said = [{"plan": "free"}, *({f"t{at}": "x" * 8000} for at in range(9)), {"plan": "gold", "firstName": "Eve"}]
    await world.page(*({"type": "identify", "anonymousId": "eve", "traits": traits} for traits in said))
    (contact,) = await world.rows(Contact, id=await _browser(world, "eve"))
    assert sorted(contact.traits) == ["firstName", "plan", "t0", "t1", "t2", "t3"]
    assert (contact.traits["plan"], contact.first_name) == ("gold", "Eve")


async def test_the_shops_word_does_not_wait_for_all_who_claim_to_be_its_buyer(world: TrustWorld) -> None:
    now = clock.now()
    crowd, line = range(10_000, 14_000), {**ONE, "variant_id": "", "sku": ""}
    async with world.database.transaction() as session:
        people = [{"id": number, "created_at": now, "status": "active"} for number in crowd]
        await session.execute(sa.insert(table(Contact)), people)
        claims = [{"contact_id": number, "kind": "email", "value": ADA, "at": now} for number in crowd]
        await session.execute(sa.insert(table(ClaimedIdentity)), claims)
        carts = [{"kind": "cart", "cart_id": f"c{number}", "contact_id": number, "rank": "page", "items": [line],
                  "changed_at": now} for number in crowd]  # fmt: skip
        await session.execute(sa.insert(table(Cart)), carts)
    await world.page(
        {"type": "identify", "anonymousId": "hers", "traits": {"email": ADA}},
        track("Checkout Started", anonymousId="hers", checkout_id="k-hers", currency="EUR", products=[ONE]),
    )
    hers = await _browser(world, "hers")
    started = time.process_time()
    await world.server(track("Order Completed", userId="u-ada", order_id="1002", currency="EUR", products=[ONE]))
    assert time.process_time() - started < 5
    assert {row.status for row in await world.rows(Enrolment, contact_id=hers)} == {"exited"}
    assert (await world.rows(Cart, cart_id="k-hers"))[0].ordered_at is not None


@pytest.mark.parametrize(("name", "kind"), [("Checkout Started", "checkout"), ("Cart Updated", "cart")])
async def test_who_guesses_the_id_of_a_cart_takes_nothing_from_it(world: TrustWorld, name: str, kind: str) -> None:
    guessed = {f"{kind}_id": "900", "currency": "EUR"}
    late = (clock.now() + timedelta(days=9000)).isoformat()
    await world.page(track(name, anonymousId="eve", products=[ONE], updated_at=late, **guessed))
    (mine,) = await world.rows(Cart, cart_id="900")
    assert mine.changed_at < clock.now() + timedelta(minutes=1)
    await world.page(track(name, anonymousId="eve", products=[ONE], **guessed, updated_at=_soon()))
    lines = [{**ONE, "quantity": 7}]
    assert await world.server(track(name, userId="u-ada", products=lines, **guessed)) == ["done"]
    (cart,) = await world.rows(Cart, cart_id="900")
    assert (cart.contact_id, cart.rank, cart.items[0]["quantity"]) == (await _browser(world, "u-ada"), "shop", 7)
    assert MUG["product_id"] == cart.items[0]["product_id"]


async def test_others_have_their_turn_while_a_long_batch_is_read(
    world: TrustWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = page_words.hold

    def slowly(body: Mapping[str, Any], hosts: Hosts) -> dict[str, Any]:
        time.sleep(0.02)
        return hold(body, hosts)

    monkeypatch.setattr(page_words, "hold", slowly)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.005)

    others = asyncio.create_task(count())
    batch = [{**track("Site Visited", anonymousId="eve"), "messageId": f"b{at}"} for at in range(20)]
    await world.client.post("/v1/batch", json={"batch": batch, "writeKey": trust_world.PAGE})
    others.cancel()
    assert turns > 5


def test_words_of_others_are_cleaned_for_the_log_in_no_time() -> None:
    started = time.process_time()
    for words in ("a" * 300_000, "a@" * 100_000, "@" + "a." * 100_000):
        logs.clean(words)
    assert time.process_time() - started < 8
    assert logs.clean(f"550 <{ADA}>: no such user") == "550 <<address>>: no such user"


def _soon() -> str:
    return (clock.now() + timedelta(minutes=8)).isoformat()
