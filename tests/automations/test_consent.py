"""Consent while flows run: it is of an address and a topic, ends what it carried, and gives nothing back by itself."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON
from shop_world import DAY, HOUR, MINUTE, ShopWorld, opened

from automations.consent import opt_in
from automations.definition import flow_files
from bot import contacts
from bot.base import ids
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.contacts import topics
from bot.events import choices
from bot.events.choices import At, How
from bot.tables.events import Event
from bot.tables.people import Consent, Identity, OptIn

ADA = "ada@example.org"
NEW = "ada@new.example"


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await opened(database, texts, shop={"name": "Juniper & Oak", "url": "https://shop.example"})


async def _choose(shop: ShopWorld, contact_id: int, address: str = ADA, /, **wanted: bool) -> None:
    known = shop.ground.config.automations.topic_names
    async with shop.database.transaction() as session:
        at = At(contact_id, "email", address)
        await choices.choose(
            session, shop.ground.secret, at, wanted, How("preference_page", "192.0.2.1", "Firefox", "v1"), shop.now,
            known=known,
        )  # fmt: skip
    while await shop.applier.apply_due():
        pass


async def _ledger(shop: ShopWorld) -> list[tuple[str, str, str]]:
    rows = table(Consent)
    async with shop.database.reading() as session:
        found = await session.execute(sa.select(rows.c.topic, rows.c.action, rows.c.source).order_by(rows.c.id))
        return [tuple(row) for row in found]


async def _standing(shop: ShopWorld, address: str = ADA) -> topics.Standing:
    async with shop.database.reading() as session:
        return await topics.standing(session, shop.ground.secret, "email", address, shop.now)


async def _moves(shop: ShopWorld, contact_id: int, address: str = NEW) -> None:
    """The person has another address from now on."""
    async with shop.database.transaction() as session:
        session.add(Identity(contact_id=contact_id, kind="email", value=address, created_at=shop.now))


async def _allow(shop: ShopWorld, contact_id: int, address: str, topic: str = "marketing") -> None:
    async with shop.database.transaction() as session:
        await contacts.allow(session, shop.ground.secret, contact_id, "email", address, topic, "checkout", shop.now)


async def test_t13_a_changed_address_gets_the_next_mail_if_it_has_consent_of_its_own(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    await shop.passes(2 * HOUR)
    await _moves(shop, contact_id)
    await _allow(shop, contact_id, NEW)
    await shop.passes(DAY)
    assert [message.payload["to"] for message in shop.mails.sent] == [ADA, NEW]
    assert (await _standing(shop)).stops == {}


async def test_t13_without_consent_of_its_own_the_new_address_gets_nothing(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    await shop.passes(2 * HOUR)
    await _moves(shop, contact_id)
    await shop.passes(DAY)
    assert [message.payload["to"] for message in shop.mails.sent] == [ADA]
    assert await shop.skipped() == ["no_consent"]


async def test_t14_an_address_that_is_suppressed_is_skipped_and_the_flow_goes_on(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    await _moves(shop, contact_id)
    await _allow(shop, contact_id, NEW)
    async with shop.database.transaction() as session:
        await contacts.suppress(session, shop.ground.secret, "email", NEW, "hard_bounce", shop.now)
    await shop.passes(2 * HOUR)
    assert await shop.skipped() == ["suppressed"]
    assert [row["status"] for row in await shop.enrolled()] == ["active"]
    async with shop.database.transaction() as session:  # they change it back
        known = table(Identity)
        await session.execute(sa.update(known).where(known.c.value == ADA).values(created_at=shop.now))
    await shop.passes(DAY)
    assert [message.payload["to"] for message in shop.mails.sent] == [ADA]


async def test_t15_leaving_a_topic_ends_its_flows_at_once_and_no_other(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.orders()
    await shop.sleeps(25 * HOUR)
    await shop.adds("chair", cart="c2")
    inside = [row["flow"] for row in await shop.enrolled() if row["status"] == "active"]
    assert {"abandoned_cart", "care_tips"} < set(inside)
    await _choose(shop, contact_id, care=False)
    ended = {row["flow"]: row["exit_reason"] for row in await shop.enrolled() if row["status"] == "exited"}
    assert ended["care_tips"] == "unsubscribed"
    inside.remove("care_tips")
    assert [row["flow"] for row in await shop.enrolled() if row["status"] == "active"] == inside
    await shop.passes(DAY)
    assert "abandoned_cart" in shop.templates()


async def test_t15_what_was_queued_and_not_handed_over_is_dropped(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    shop.now += HOUR + MINUTE
    while await shop.engine.move_due(shop.now):
        pass
    assert [row["status"] for row in await shop.written()] == ["planned"]
    await _choose(shop, contact_id, marketing=False)
    assert [(row["status"], row["skip_reason"]) for row in await shop.written()] == [("skipped", "exited")]
    await shop.passes(DAY)
    assert shop.mails.sent == []


async def test_leaving_marketing_ends_what_only_rested_on_it(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await _allow(shop, contact_id, ADA, "care")
    await shop.orders()
    await shop.sleeps(25 * HOUR)
    await shop.adds("chair", cart="c2")
    await shop.happens("Unsubscribed", topic="marketing")  # told by the shop's own page
    standing = {row["flow"]: row["status"] for row in await shop.enrolled()}
    assert (standing.pop("care_tips"), standing["abandoned_cart"]) == ("active", "exited")
    assert set(standing.values()) == {"exited"}
    assert (await _standing(shop)).gets("care") and not (await _standing(shop)).gets("birthday")


async def test_without_a_word_of_its_own_a_topic_goes_with_marketing(shop: ShopWorld) -> None:
    await shop.person()
    await shop.orders()
    await shop.happens("Unsubscribed", topic="marketing")
    assert [row["exit_reason"] for row in await shop.enrolled("care_tips")] == ["unsubscribed"]


async def test_a_word_about_telegram_leaves_mails_alone(shop: ShopWorld) -> None:
    await shop.person()
    await shop.adds()
    await shop.happens("Unsubscribed", topic="marketing", channel="telegram")
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["abandoned_cart"]


async def test_leaving_while_the_address_rests_ends_flows_and_outlasts_the_rest(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    async with shop.database.transaction() as session:
        about = session, shop.ground.secret, "email", ADA
        await contacts.suppress(*about, "soft_bounce", shop.now, topic="*", until=shop.now + 90 * DAY)
    await _choose(shop, contact_id, marketing=False)
    assert {row["exit_reason"] for row in await shop.enrolled()} == {"unsubscribed"}
    shop.now += 91 * DAY
    await shop.adds("chair", cart="c2")
    await shop.passes(2 * DAY)
    assert shop.templates() == []


async def test_t16_coming_back_revives_nothing(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    await _choose(shop, contact_id, marketing=False)
    shop.now += HOUR
    await _choose(shop, contact_id, marketing=True)
    assert (await _standing(shop)).gets("marketing")
    await shop.passes(5 * DAY)
    assert shop.mails.sent == []
    assert [row["exit_reason"] for row in await shop.enrolled("abandoned_cart")] == ["unsubscribed"]


async def test_t17_forgetting_ends_everything_and_the_hash_remembers(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    shop.now += HOUR + MINUTE
    while await shop.engine.move_due(shop.now):
        pass
    async with shop.database.transaction() as session:
        await contacts.erase(session, shop.ground.secret, contact_id, shop.now)
    assert [row["exit_reason"] for row in await shop.enrolled()] == ["erased"]
    assert [(row["status"], row["receiver"]) for row in await shop.written()] == [("skipped", "erased")]
    await shop.happens("Product Added", ADA, at=shop.now - HOUR, product_id="late", cart_id="c9")  # a late event
    async with shop.database.reading() as session:
        last = (await session.execute(sa.select(table(Event)).order_by(table(Event).c.id.desc()))).mappings().first()
        assert last is not None and (last["status"], last["body"]) == ("erased", {})
        ledger = (await session.execute(sa.select(table(Consent)))).mappings().one()
        assert (ledger["contact_id"], ledger["ip"]) == (None, None)
        assert ledger["address_hash"] == ids.hash_address(ADA, shop.ground.secret)
    assert (await _standing(shop)).stop("marketing") == "erased"


# -- signing up ---------------------------------------------------------------------------------------------------


async def _press(shop: ShopWorld) -> None:
    """They press the link of the newest mail that asks for a second yes."""
    async with shop.database.transaction() as session:
        row = (await session.scalars(sa.select(OptIn).order_by(OptIn.id.desc()))).first()  # type: ignore[union-attr]
        assert row is not None
        await opt_in.confirm(session, shop.ground, row, How("double_opt_in", "192.0.2.1", "Firefox", "v1"), shop.now)
    while await shop.applier.apply_due():
        pass


async def test_whoever_may_have_typed_it_is_asked_back_and_welcomed_once_confirmed(shop: ShopWorld) -> None:
    await shop.happens("Subscribed", ADA, email=ADA)
    await shop.settle()
    assert await _ledger(shop) == [("marketing", "requested", "web")]
    assert shop.templates() == ["confirm_subscription"]
    await _press(shop)
    await shop.settle()
    assert shop.templates() == ["confirm_subscription", "welcome"]
    mail = shop.mails.sent[-1]
    assert mail.payload["to"] == ADA and mail.payload["list_unsubscribe"]
    assert "/preferences/" in mail.payload["text"]
    assert (await shop.enrolled("welcome"))[0]["dedupe_key"] == f"welcome:{ids.hash_address(ADA, shop.ground.secret)}"


async def test_the_welcome_comes_at_night_too_and_once_ever(shop: ShopWorld) -> None:
    shop.now = NOON + 11 * HOUR
    for _ in range(3):
        await shop.happens("Subscribed", ADA, email=ADA)
        await shop.settle()
        await _press(shop)
        await shop.passes(MINUTE)
        await shop.happens("Unsubscribed", ADA, email=ADA)
        await shop.passes(2 * DAY)
    assert shop.templates().count("welcome") == 1
    assert shop.templates().count("confirm_subscription") == 3


async def test_a_welcome_comes_to_an_address_once_even_if_it_was_forgotten_in_between(shop: ShopWorld) -> None:
    for _ in range(2):
        await shop.happens("Subscribed", ADA, email=ADA)
        await shop.settle()
        await _press(shop)
        await shop.passes(2 * DAY)
        async with shop.database.transaction() as session:
            contact = await contacts.find(session, "email", ADA)
            assert contact is not None and contact.id is not None
            await contacts.erase(session, shop.ground.secret, contact.id, shop.now)
        shop.now += DAY
    assert shop.templates().count("welcome") == 1


async def test_the_link_of_a_sign_up_that_is_gone_is_never_anothers(shop: ShopWorld) -> None:
    links = []
    for address in (ADA, "bo@example.org"):
        await shop.happens("Subscribed", address, email=address)
        await shop.settle()
        async with shop.database.transaction() as session:
            (row,) = (await session.scalars(sa.select(OptIn))).all()
            links.append(opt_in.link(shop.ground, row))
            if address == ADA:
                found = await contacts.find(session, "email", ADA)
                assert found is not None and found.id is not None
                await contacts.erase(session, shop.ground.secret, found.id, shop.now)
    assert len(set(links)) == 2


async def test_a_confirmation_is_heard_after_the_sign_ups_of_before_are_gone(shop: ShopWorld) -> None:
    for address in (ADA, "bo@example.org"):
        await shop.happens("Subscribed", address, email=address)
        await shop.settle()
        await _press(shop)
        await shop.passes(40 * DAY)
        async with shop.database.transaction() as session:
            await opt_in.forget(session, shop.now)
    assert shop.templates().count("welcome") == 2


async def test_history_and_repeats_ask_nobody(shop: ShopWorld) -> None:
    await shop.happens("Subscribed", ADA, email=ADA, at=NOON - timedelta(days=700))
    await shop.happens("Subscribed", "bo@example.org", email="bo@example.org")
    await shop.happens("Subscribed", "bo@example.org", email="bo@example.org")
    await shop.settle()
    assert [message.payload["to"] for message in shop.mails.sent] == ["bo@example.org"]
    assert not (await _standing(shop)).gets("marketing")


async def test_nobody_claims_to_have_confirmed(shop: ShopWorld) -> None:
    forged: dict[str, Any] = {"email": ADA, "confirmed": True, "trigger_flows": True}
    await shop.happens("Subscribed", ADA, **forged)
    await shop.passes(HOUR)
    assert shop.templates() == ["confirm_subscription"]
    assert await _ledger(shop) == [("marketing", "requested", "web")]
    assert await shop.enrolled("welcome") == []


async def test_the_shop_system_asked_itself_and_is_believed(shop: ShopWorld) -> None:
    await shop.happens("Subscribed", ADA, email=ADA, source="shopify", opt_in="single_opt_in")
    await shop.passes(HOUR)
    assert (await _standing(shop)).gets("marketing")
    assert shop.templates() == []
    await shop.happens(
        "Subscribed", "bo@example.org", email="bo@example.org", source="shopify", opt_in="confirmed_opt_in"
    )
    await shop.passes(HOUR)
    assert shop.templates() == ["welcome"]


async def test_a_trait_that_says_yes_after_they_left_is_asked_back_too(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    shop.now += DAY
    await _choose(shop, contact_id, marketing=False)
    for wanted in (True, False, True):
        shop.now += HOUR
        await shop.happens("", ADA, kind="identify", traits={"email": ADA, "marketing_consent": wanted})
        await shop.settle()
        assert not (await _standing(shop)).gets("marketing")
        assert shop.templates() == ([] if (await _ledger(shop))[-1][1] == "withdrawn" else ["confirm_subscription"])
    assert [said[1] for said in await _ledger(shop)] == ["granted", "withdrawn", "requested"]
    shop.now += HOUR
    await _press(shop)
    assert (await _standing(shop)).gets("marketing")


async def test_a_first_yes_of_a_trait_is_taken_as_it_comes(shop: ShopWorld) -> None:
    await shop.happens("", ADA, kind="identify", traits={"email": ADA, "marketing_consent": True})
    await shop.settle()
    assert await _ledger(shop) == [("marketing", "granted", "web")] and shop.templates() == []


@pytest.fixture
async def plain(database: Database, texts: Texts) -> AsyncIterator[ShopWorld]:
    yield await opened(database, texts, automations={"double_opt_in": False})


async def test_a_call_of_the_api_welcomes_nobody_unless_it_says_so(plain: ShopWorld) -> None:
    await plain.happens("Subscribed", ADA, email=ADA)
    await plain.passes(HOUR)
    assert (await _standing(plain)).gets("marketing")
    assert plain.templates() == []
    await plain.happens("Subscribed", "bo@example.org", email="bo@example.org", trigger_flows=True)
    await plain.passes(HOUR)
    assert plain.templates() == ["welcome"]


async def test_a_wish_that_nobody_confirmed_is_no_consent_at_the_gate(shop: ShopWorld) -> None:
    await shop.person(consent=False)
    await shop.happens("Subscribed", ADA, email=ADA)
    await shop.adds()
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["confirm_subscription"]
    assert "no_consent" in await shop.skipped()


def test_a_flow_about_a_topic_that_nobody_can_choose_is_refused(tmp_path: Path) -> None:
    shipped = (flow_files.folders(Config())[0] / "welcome.toml").read_text("utf-8")
    (tmp_path / "welcome.toml").write_text(shipped.replace('topic = "marketing"', 'topic = "workshop"'), "utf-8")
    with pytest.raises(FindingsError, match=r"welcome.toml:5: topic: there is no topic 'workshop'"):
        flow_files.load([tmp_path], flow_files.around(Config()))
    config = Config.model_validate({"automations": {"topics": [{"name": "workshop"}]}})
    assert flow_files.load([tmp_path], flow_files.around(config)).by_name["welcome"].topic == "workshop"
