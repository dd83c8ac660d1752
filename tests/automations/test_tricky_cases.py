"""Tricky cases that belong to no single flow."""

import pytest
import shop_world
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from bot import contacts
from bot.base.database import Database
from bot.base.texts import Texts


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await shop_world.opened(database, texts)


async def test_t18_whoever_is_erased_while_a_worker_holds_the_mail_does_not_get_it(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    await shop.passes(59 * MINUTE)
    shop.now += MINUTE
    await shop.engine.move_due(shop.now)
    _, ready = await shop.outbox._take("email", shop.mails, shop.now)
    assert len(ready) == 1
    async with shop.database.transaction() as session:
        await contacts.erase(session, shop.ground.secret, contact_id, shop.now)
    await shop.outbox._hand_over(shop.mails, ready)
    await shop.passes(5 * DAY)
    assert shop.templates() == []
    [row] = await shop.written()
    assert (row["status"], row["skip_reason"], row["receiver"], row["payload"]) == ("skipped", "erased", "erased", {})
    [enrolment] = await shop.enrolled()
    assert (enrolment["status"], enrolment["exit_reason"], enrolment["context"]) == ("exited", "erased", {})


async def test_t17_nothing_brings_an_erased_person_back(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    async with shop.database.transaction() as session:
        await contacts.erase(session, shop.ground.secret, contact_id, shop.now)
    before = shop.now
    await shop.passes(HOUR)
    late = await shop.happens("Product Added", at=before - MINUTE, product_id="lamp", cart_id="c1", currency="EUR",
                              price=5, quantity=1, received=before - MINUTE)  # fmt: skip
    await shop.passes(5 * DAY)
    assert late and shop.templates() == []
