"""What comes back by mail changes flows: bounces, complaints, addresses that changed meanwhile."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import deskwork
import letters
import pytest
import sqlalchemy as sa
from shop_world import DAY, HOUR, ShopWorld, opened

from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.inbound.mailbox import store
from bot.inbound.mailbox.taking import Taking
from bot.outbound import outbox
from bot.outbound.email import addresses
from bot.tables.events import Event
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message

BOUNCES = "bounce.shop.example"
messages = table(Message)


@pytest.fixture
async def shop(database: Database, texts: Texts) -> AsyncIterator[ShopWorld]:
    yield await opened(database, texts, mail={"from": "help@shop.example", "bounce_domain": BOUNCES})


async def comes(shop: ShopWorld, raw: bytes) -> ReceivedMail:
    """A mail arrives, and what it asks for is done."""
    shop.count += 1
    async with shop.database.transaction() as session:
        assert await store.keep(session, "INBOX", 1, store.Fetched(shop.count, raw, len(raw), shop.now), shop.now)
    await Taking(shop.database, deskwork.desk(shop.ground, shop.now), shop.worker, now=lambda: shop.now).take_due()
    while await shop.applier.apply_due():
        pass
    async with shop.database.reading() as session:
        return await session.get_one(
            ReceivedMail, await session.scalar(sa.select(sa.func.max(table(ReceivedMail).c.id)))
        )


def path_of(shop: ShopWorld, number: int = -1) -> str:
    return addresses.return_path(shop.mails.sent[number].id, shop.ground.secret, BOUNCES)


async def suppressed(shop: ShopWorld, address: str, topic: str = "marketing") -> str | None:
    async with shop.database.reading() as session:
        return await contacts.suppressed(session, shop.ground.secret, "email", address, topic, shop.now)


async def events_named(shop: ShopWorld, name: str) -> list[dict[str, Any]]:
    rows = table(Event)
    async with shop.database.reading() as session:
        found = await session.execute(sa.select(rows).where(rows.c.name == name))
        return [dict(row) for row in found.mappings()]


async def _reminded(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.passes(4 * HOUR)
    assert len(shop.mails.sent) == 1


async def moves_to(shop: ShopWorld, contact_id: int, address: str, *, consent: bool) -> None:
    """The customer has another address from now on."""
    async with shop.database.transaction() as session:
        found = await contacts.find_or_create(session, [("email", address)], shop.now)
        await contacts.merge(session, contact_id, found.id or 0, shop.now)
        if consent:
            about = (session, shop.ground.secret, contact_id, "email", address, "marketing", "checkout", shop.now)
            await contacts.allow(*about)


async def test_t13_the_next_mail_goes_to_the_new_address_and_a_bounce_of_the_old_one_stays_there(
    shop: ShopWorld,
) -> None:
    ada = await shop.person("old@example.org")
    await shop.happens("identify", "old@example.org", kind="identify")
    lamp = {"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1, "currency": "EUR", "cart_id": "c1"}
    await shop.happens("Product Added", "old@example.org", **lamp)
    await shop.passes(4 * HOUR)
    assert [one.payload["to"] for one in shop.mails.sent] == ["old@example.org"]
    shop.now += timedelta(minutes=5)
    await moves_to(shop, ada, "new@example.org", consent=True)
    await comes(shop, letters.bounce(to=path_of(shop), receiver="old@example.org"))
    assert await suppressed(shop, "old@example.org") == "hard_bounce"
    assert await suppressed(shop, "new@example.org") is None
    await shop.passes(10 * DAY)
    assert {one.payload["to"] for one in shop.mails.sent[1:]} == {"new@example.org"}


async def test_t13_without_consent_for_the_new_address_nothing_goes_there(shop: ShopWorld) -> None:
    ada = await shop.person()
    await _reminded(shop)
    shop.now += timedelta(minutes=5)
    await moves_to(shop, ada, "new@example.org", consent=False)
    await shop.passes(10 * DAY)
    assert {one.payload["to"] for one in shop.mails.sent} == {"ada@example.org"}
    assert await suppressed(shop, "ada@example.org") is None


async def test_t14_a_new_address_that_is_suppressed_is_skipped_and_the_flow_goes_on(shop: ShopWorld) -> None:
    ada = await shop.person()
    await _reminded(shop)
    shop.now += timedelta(minutes=5)
    await moves_to(shop, ada, "dead@example.org", consent=True)
    async with shop.database.transaction() as session:
        await contacts.suppress(session, shop.ground.secret, "email", "dead@example.org", "hard_bounce", shop.now)
    await shop.passes(DAY)
    assert len(shop.mails.sent) == 1
    assert await shop.skipped() == ["suppressed"]
    assert (await shop.enrolled())[0]["exit_reason"] in (None, "")


@pytest.mark.parametrize(
    ("action", "status", "ends"),
    [
        ("failed", "5.1.1", ("failed", "hard_bounce")),
        ("delivered", "2.0.0", ("sent", None)),
        ("delayed", "4.4.1", ("unknown", "worker_lost")),  # on its way is not there
    ],
)
async def test_t43_a_report_settles_a_mail_whose_fate_nobody_knew(
    shop: ShopWorld, action: str, status: str, ends: tuple[str, str | None]
) -> None:
    await shop.person()
    await _reminded(shop)
    async with shop.database.transaction() as session:
        await session.execute(sa.update(messages).values(status="unknown", skip_reason="worker_lost"))
    await comes(shop, letters.bounce(to=path_of(shop), action=action, status=status))
    (row, *_) = await shop.written()
    assert (row["status"], row["skip_reason"]) == ends
    assert len(shop.mails.sent) == 1


async def test_t53_only_the_address_of_that_message_is_suppressed(shop: ShopWorld) -> None:
    ada = await shop.person()
    await _reminded(shop)
    await moves_to(shop, ada, "new@example.org", consent=True)
    # The report names the new one: somebody forwards the old mailbox there. What was written to counts.
    mail = await comes(shop, letters.bounce(to=path_of(shop), receiver="new@example.org"))
    assert (mail.kind, mail.status, mail.about_id) == ("bounce", "done", shop.mails.sent[0].id)
    assert await suppressed(shop, "ada@example.org", "") == "hard_bounce"
    assert await suppressed(shop, "new@example.org") is None
    async with shop.database.reading() as session:
        known = {one.value: one.unreachable_reason for one in await contacts.identities(session, ada)}
    assert known == {"ada@example.org": "hard_bounce", "new@example.org": None}
    (row, *_) = await shop.written()
    assert (row["status"], row["skip_reason"]) == ("failed", "hard_bounce")
    assert "5.1.1" in row["error"] and "@" not in row["error"]
    (event,) = await events_named(shop, "Email Bounced")
    assert event["contact_id"] == ada
    assert event["body"]["properties"]["bounce"] == "hard"
    assert event["body"]["properties"]["flow"] == "abandoned_cart"


async def test_t53_the_same_bounce_again_changes_nothing(shop: ShopWorld) -> None:
    await shop.person()
    await _reminded(shop)
    await comes(shop, letters.bounce(to=path_of(shop)))
    await comes(shop, letters.bounce(to=path_of(shop), message_id="<another@mx.example.org>"))
    assert len(await events_named(shop, "Email Bounced")) == 1


@pytest.mark.parametrize("where", ["message_id", "return_path"])
async def test_t54_a_complaint_without_its_receiver_is_found_by_what_we_signed(shop: ShopWorld, where: str) -> None:
    ada = await shop.person()
    await _reminded(shop)
    name = addresses.message_name(shop.mails.sent[0].id, shop.ground.secret, "shop.example")
    given = {"returned_id": name} if where == "message_id" else {"return_path": path_of(shop)}
    mail = await comes(shop, letters.complaint(**given))
    assert (mail.kind, mail.status) == ("complaint", "done")
    for topic in ("marketing", "care", "feedback"):
        assert await suppressed(shop, "ada@example.org", topic) == "complaint"
    assert await suppressed(shop, "ada@example.org", "") is None  # what they ask for they still get
    (event,) = await events_named(shop, "Email Marked As Spam")
    assert event["contact_id"] == ada
    (row,) = await shop.enrolled()
    assert (row["status"], row["exit_reason"]) == ("exited", "complaint")
    await shop.passes(10 * DAY)
    assert len(shop.mails.sent) == 1


async def test_t54_nothing_lifts_a_complaint_by_itself(shop: ShopWorld) -> None:
    ada = await shop.person()
    await _reminded(shop)
    await comes(shop, letters.complaint(return_path=path_of(shop)))
    shop.now += DAY
    async with shop.database.transaction() as session:
        await contacts.allow(
            session, shop.ground.secret, ada, "email", "ada@example.org", "marketing", "checkout", shop.now
        )
    assert await suppressed(shop, "ada@example.org") == "complaint"
    await shop.adds(cart="c2")
    await shop.passes(10 * DAY)
    assert len(shop.mails.sent) == 1


async def test_t54_a_complaint_about_nothing_of_ours_is_kept_for_people(shop: ShopWorld) -> None:
    await shop.person()
    await _reminded(shop)
    forged = addresses.message_name(shop.mails.sent[0].id, "another secret", "shop.example")
    mail = await comes(shop, letters.complaint(returned_id=forged))
    assert (mail.status, mail.error) == ("failed", "about no message of ours")
    assert await suppressed(shop, "ada@example.org") is None


@pytest.mark.parametrize(("status", "diagnostic"), [("5.7.1", "550 5.7.1 blocked"), ("5.2.2", "552 5.2.2 full")])
async def test_what_is_not_the_fault_of_the_address_suppresses_nobody(
    shop: ShopWorld, status: str, diagnostic: str
) -> None:
    await shop.person()
    await _reminded(shop)
    await comes(shop, letters.bounce(to=path_of(shop), status=status, diagnostic=diagnostic))
    for topic in ("", "marketing"):
        assert await suppressed(shop, "ada@example.org", topic) is None
    (row, *_) = await shop.written()
    assert (row["status"], row["skip_reason"]) == ("failed", "policy_bounce")


async def _sent(shop: ShopWorld, contact_id: int, count: int) -> list[int]:
    """Mails that left for ada@example.org, one a day."""
    async with shop.database.transaction() as session:
        ids = []
        for _ in range(count):
            shop.now += DAY
            shop.count += 1
            ids.append(
                await outbox.queue(
                    session, channel="email", purpose="marketing", receiver="ada@example.org", payload={},
                    key=f"k{shop.count}", now=shop.now, once=True, contact_id=contact_id,
                )
            )  # fmt: skip
        await session.execute(sa.update(messages).values(status="sent", due_at=None))
    return [one for one in ids if one is not None]


async def _bounces_softly(shop: ShopWorld, message_id: int) -> None:
    path = addresses.return_path(message_id, shop.ground.secret, BOUNCES)
    name = f"<{message_id}.{shop.count}@mx.example.org>"
    await comes(shop, letters.bounce(to=path, status="4.4.7", diagnostic="expired", message_id=name))


async def test_an_address_that_fails_for_the_moment_rests_after_the_third_of_five(shop: ShopWorld) -> None:
    ada = await shop.person()
    first, second, _, third, _ = await _sent(shop, ada, 5)
    for message_id in (first, second, second):
        await _bounces_softly(shop, message_id)
    assert await suppressed(shop, "ada@example.org") is None
    await _bounces_softly(shop, third)
    assert await suppressed(shop, "ada@example.org") == "soft_bounce"
    assert await suppressed(shop, "ada@example.org", "") is None
    shop.now += timedelta(days=91)
    assert await suppressed(shop, "ada@example.org") is None


async def test_old_failures_are_forgiven_when_newer_mail_arrived(shop: ShopWorld) -> None:
    ada = await shop.person()
    first, second, *_ = await _sent(shop, ada, 6)
    last = (await _sent(shop, ada, 1))[0]
    for message_id in (first, second, last):
        await _bounces_softly(shop, message_id)
    assert await suppressed(shop, "ada@example.org") is None


async def test_a_mail_unsubscribes_like_the_link(shop: ShopWorld) -> None:
    await shop.person()
    await _reminded(shop)
    address = addresses.unsubscribe_address(shop.mails.sent[0].id, shop.ground.secret, BOUNCES)
    mail = await comes(shop, letters.letter("", to=address, sender="ada@example.org"))
    assert (mail.kind, mail.status) == ("unsubscribe", "done")
    assert await suppressed(shop, "ada@example.org") == "unsubscribed"
    assert (await shop.enrolled())[0]["exit_reason"] == "unsubscribed"
    async with shop.database.reading() as session:
        said = await contacts.allowed(session, shop.ground.secret, "email", "ada@example.org", "marketing")
    assert said is not None and (said.action, said.source) == ("withdrawn", "unsubscribe_mail")
