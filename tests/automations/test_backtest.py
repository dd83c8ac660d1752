"""A back-test says what the program itself did, because it is the program itself."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import shop_world
from shop_world import DAY, HOUR, ShopWorld

from automations.backtest import outcome, past
from automations.backtest.outcome import Outcome
from automations.backtest.replay import Replay
from automations.definition import flow_files
from automations.definition.flow_files import Flows
from bot.base.config import Config
from bot.base.database import Database
from bot.base.texts import Texts


@pytest.fixture
async def shop(database: Database, texts: Texts) -> AsyncIterator[ShopWorld]:
    yield await shop_world.opened(database, texts)


async def replayed(shop: ShopWorld, span: timedelta = 7 * DAY, flows: Flows | None = None) -> Outcome:
    async with past.copied(shop.database, shop.now - span, shop.now) as found:
        tips, mails = shop_world._tips(), shop_world._mails()
        run = Replay(found, shop.ground, flows or shop.flows, tips, mails, shop.now - span, shop.now)
        await run.run()
        async with found.database.reading() as session:
            return await outcome.read(session, "abandoned_cart", run.taker.subjects)


def other(before: str, after: str, folder: Path) -> Flows:
    """All flows, the cart's with other words."""
    ours = flow_files.load(flow_files.folders(Config()))
    text = ours.files["abandoned_cart"].read_text()
    assert before in text
    (folder / "other.toml").write_text(text.replace(before, after, 1))
    made, definition = flow_files.load_one(folder / "other.toml", "abandoned_cart")
    return Flows(
        {**ours.by_name, "abandoned_cart": made}, {**ours.definitions, "abandoned_cart": definition}, ours.files
    )


async def test_it_tells_who_got_what_and_when_and_what_stopped_whom(shop: ShopWorld) -> None:
    await shop.person()
    await shop.person("bob@example.org", consent=False)
    await shop.person("cyd@example.org")
    await shop.adds()
    await shop.happens("Product Added", "bob@example.org", product_id="lamp", price=5, quantity=1, currency="EUR",
                       cart_id="b1")  # fmt: skip
    await shop.happens("Product Added", "cyd@example.org", product_id="lamp", price=5, quantity=1, currency="EUR",
                       cart_id="d1")  # fmt: skip
    await shop.passes(30 * timedelta(minutes=1))
    await shop.happens("Order Completed", "cyd@example.org", order_id="o9", revenue=5, currency="EUR", products=[])
    await shop.passes(5 * DAY)
    found = await replayed(shop)
    real = [row for row in await shop.written() if row["flow"] == "abandoned_cart"]
    assert [(line.contact_id, line.step, line.status, line.reason, line.at) for line in found.lines] == [
        (row["contact_id"], row["step_id"], row["status"], row["skip_reason"], row["settled_at"])
        for row in sorted(real, key=lambda row: (row["settled_at"], row["id"]))
    ]
    assert found.sent and found.sent[0].subject
    assert found.stopped["no_consent"] >= 1
    ends = [row["exit_reason"] or row["status"] for row in await shop.enrolled("abandoned_cart")]
    assert found.ended == Counter(ends) and "goal" in ends


async def test_nothing_of_the_shop_is_changed_and_no_mail_leaves(shop: ShopWorld) -> None:
    await shop.person()
    await shop.adds()
    await shop.passes(2 * HOUR)
    before, sent = await shop.written(), len(shop.mails.sent)
    await replayed(shop)
    assert await shop.written() == before and len(shop.mails.sent) == sent


async def test_two_versions_are_compared_mail_by_mail(shop: ShopWorld, tmp_path: Path) -> None:
    await shop.person()
    await shop.adds()
    await shop.passes(5 * DAY)
    now = await replayed(shop)
    later = await replayed(shop, flows=other('wait = "1h"', 'wait = "3h"', tmp_path))
    found = outcome.compare(now, later)
    assert [change.step for change in found][:1] == ["first"]
    assert found[0].shift == 2 * HOUR
    assert outcome.compare(now, await replayed(shop)) == []


async def test_consent_given_later_counts_from_then_only(shop: ShopWorld) -> None:
    contact_id = await shop.person(consent=False)
    await shop.adds()
    await shop.passes(3 * HOUR)
    from bot import contacts

    async with shop.database.transaction() as session:
        await contacts.allow(
            session, shop.ground.secret, contact_id, "email", "ada@example.org", "marketing", "checkout", shop.now
        )
    await shop.passes(4 * DAY)
    found = await replayed(shop)
    assert found.lines[0].reason == "no_consent"
    assert found.sent
