import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import shop_world
from fakes import RecordingSender
from shop_world import DAY, HOUR, MINUTE, ShopWorld
from structlog.testing import capture_logs

from automations.definition import flow_files
from automations.gate.marketing import REASONS, Marketing
from automations.reports import why
from bot import contacts, events
from bot.base import due, paths
from bot.base.config import Config
from bot.base.database import Database
from bot.base.texts import Texts
from bot.events import NewEvent
from bot.inbound.web.unsubscribe import Subject
from bot.outbound import outbox
from bot.outbound.email.mail_template import MailTemplate
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing, Receipt
from bot.tables.automations import FlowVersion
from bot.tables.people import Identity


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    world = await shop_world.opened(database, texts)
    await world.person()
    return world


async def left_cart(shop: ShopWorld) -> None:
    """A cart whose first mail is in the outbox, and due."""
    await shop.adds()
    shop.now += HOUR
    await shop.engine.move_due(shop.now)


async def verdicts(shop: ShopWorld) -> dict[str, Any]:
    return dict((await shop.written())[-1]["verdicts"])


async def test_a_mail_that_leaves_has_all_fourteen_answers_in_order(shop: ShopWorld) -> None:
    await left_cart(shop)
    await shop.settle()
    row = (await shop.written())[0]
    assert row["status"] == "sent" and row["receiver"] == "ada@example.org" and row["revision"]
    assert [answer.question for answer in why.answers(row["verdicts"])] == list(REASONS) and len(REASONS) == 14
    assert all(answer.said for answer in why.answers(row["verdicts"]))


async def test_the_mail_carries_what_one_click_unsubscribing_needs(shop: ShopWorld) -> None:
    await left_cart(shop)
    await shop.settle()
    payload = shop.mails.sent[0].payload
    assert payload["list_unsubscribe"].startswith("http") and "/u/" in payload["list_unsubscribe"]
    assert payload["list_unsubscribe"] in payload["html"]
    assert payload["list_id"] == "marketing.shop.example"
    assert payload["feedback_id"] == "abandoned_cart:first:marketing:shop"


async def test_a_stopped_flow_sends_nothing(shop: ShopWorld) -> None:
    await left_cart(shop)
    async with shop.database.transaction() as session:
        await session.execute(shop_world.table(FlowVersion).update().values(status="stopped"))
    await shop.settle()
    assert await shop.skipped() == ["flow_stopped"] and shop.templates() == []


async def test_somebody_forgotten_gets_nothing_more(shop: ShopWorld) -> None:
    await left_cart(shop)
    async with shop.database.transaction() as session:
        await contacts.erase(session, shop.ground.secret, (await shop.enrolled())[0]["contact_id"], shop.now)
    await shop.passes(5 * DAY)
    assert shop.templates() == [] and (await shop.enrolled())[0]["exit_reason"] == "erased"


async def test_without_an_address_that_takes_mail_it_is_skipped(shop: ShopWorld) -> None:
    await left_cart(shop)
    async with shop.database.transaction() as session:
        await session.execute(shop_world.table(Identity).update().values(unreachable_at=shop.now))
    await shop.settle()
    assert await shop.skipped() == ["no_address"]


async def test_a_suppressed_address_is_skipped_and_a_better_one_gets_the_next_mail(shop: ShopWorld) -> None:
    await left_cart(shop)
    async with shop.database.transaction() as session:
        await contacts.suppress(session, shop.ground.secret, "email", "ada@example.org", "hard_bounce", shop.now)
    await shop.settle()
    assert await shop.skipped() == ["suppressed"] and (await shop.enrolled())[0]["status"] == "active"
    await _new_address(shop, "ada@new.example", consent=True)
    await shop.passes(DAY)
    assert [message.payload["to"] for message in shop.mails.sent] == ["ada@new.example"]


async def test_consent_belongs_to_the_address(shop: ShopWorld) -> None:
    await left_cart(shop)
    await _new_address(shop, "ada@new.example", consent=False)
    await shop.settle()
    assert await shop.skipped() == ["no_consent"]


async def _new_address(shop: ShopWorld, address: str, *, consent: bool) -> None:
    person = (await shop.enrolled())[0]["contact_id"]
    shop.now += MINUTE
    async with shop.database.transaction() as session:
        session.add(Identity(contact_id=person, kind="email", value=address, created_at=shop.now))
        if consent:
            secret = shop.ground.secret
            await contacts.allow(session, secret, person, "email", address, "marketing", "page", shop.now)


async def test_unsubscribing_ends_the_flow_and_coming_back_does_not_revive_it(shop: ShopWorld) -> None:
    await left_cart(shop)
    await shop.happens("Unsubscribed")
    await shop.settle()
    assert shop.templates() == [] and (await shop.enrolled())[0]["exit_reason"] == "unsubscribed"
    await shop.happens("Subscribed", source="shopify")
    await shop.passes(3 * DAY)
    assert shop.templates() == []


async def test_a_withdrawn_consent_is_seen_at_the_last_moment(shop: ShopWorld) -> None:
    await left_cart(shop)
    person = (await shop.enrolled())[0]["contact_id"]
    async with shop.database.transaction() as session:
        await contacts.withdraw(session, shop.ground.secret, person, "email", "ada@example.org", "marketing", "u",
                                shop.now)  # fmt: skip
    await shop.settle()
    assert await shop.skipped() == ["unsubscribed"]
    assert (await shop.enrolled())[0]["exit_reason"] == "unsubscribed"


async def test_an_order_that_no_handler_told_of_is_found_by_the_gate(shop: ShopWorld) -> None:
    await left_cart(shop)
    shop.applier.handlers = [shop.applier.handlers[0]]
    await shop.orders()
    await shop.settle()
    assert await shop.skipped() == ["goal"] and (await shop.enrolled())[0]["exit_reason"] == "goal"
    assert (await verdicts(shop))["no_exit"]["reason"] == "goal"


async def test_a_mail_too_late_is_stale(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.sleeps(8 * HOUR)
    await shop.settle()
    assert await shop.skipped() == ["stale"]


async def test_a_mail_five_and_a_half_hours_late_still_leaves_and_the_next_keeps_its_distance(
    shop: ShopWorld,
) -> None:
    await shop.adds()
    await shop.sleeps(HOUR + 5 * HOUR + 30 * MINUTE)
    await shop.settle()
    assert shop.templates() == ["abandoned_cart"]
    sent = shop.now
    await shop.passes(DAY)
    assert shop.mails.sent[1].row["planned_at"] == sent + 23 * HOUR


async def test_at_night_it_waits_for_the_morning_of_the_reader(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person(timezone="Asia/Tokyo")  # noon in UTC is 21:00 there
    await shop.adds()
    await shop.passes(HOUR)
    row = (await shop.written())[0]
    assert row["skip_reason"] == "quiet_hours" and row["verdicts"]["awake"]["zone"] == "Asia/Tokyo"
    await shop.passes(DAY)
    left = shop.mails.sent[0].row["due_at"].astimezone(ZoneInfo("Asia/Tokyo"))
    assert left.hour == 8 and left.minute < 15 and left.date().isoformat() == "2026-03-05"


async def test_one_mail_in_sixteen_hours_and_the_capped_one_does_not_end_its_flow(shop: ShopWorld) -> None:
    await left_cart(shop)
    await shop.settle()
    await shop.checks_out()
    await shop.passes(2 * HOUR)
    assert shop.templates() == ["abandoned_cart"] and await shop.skipped() == ["frequency_cap"]
    await shop.passes(DAY)
    assert shop.templates() == ["abandoned_cart", "abandoned_checkout_2"]


async def test_a_birthday_waits_for_a_free_slot(shop: ShopWorld) -> None:
    await left_cart(shop)
    await shop.settle()
    await shop.happens("", kind="identify", traits={"birthday": "1990-03-04"})
    await shop.settle()
    row = (await shop.written())[-1]
    assert (row["status"], row["skip_reason"]) == ("deferred", "frequency_cap")
    await shop.passes(DAY)
    assert "birthday" in shop.templates()


async def test_t46_of_two_mails_due_together_the_higher_one_leaves(shop: ShopWorld) -> None:
    await two_due(shop)
    await shop.settle()
    assert shop.templates() == ["abandoned_checkout"]
    tips = next(row for row in await shop.written() if row["flow"] == "care_tips")
    assert (tips["status"], tips["skip_reason"]) == ("deferred", "frequency_cap")  # its flow says: on_cap = "defer"


async def two_due(shop: ShopWorld) -> None:
    """A care tip and a checkout reminder to one person, due at one moment."""
    fern = {"product_id": "fern", "name": "Fern", "price": 10, "quantity": 1, "category": "Plants"}
    await shop.orders(products=[fern])
    await shop.sleeps(DAY)
    await shop.checks_out()
    await shop.sleeps(HOUR)
    async with shop.database.transaction() as session:
        rows = shop_world.enrolments
        await session.execute(
            rows.update().where(rows.c.status == "active").values(due_at=shop.now, planned_at=shop.now)
        )
        care = rows.c.flow == "care_tips"
        old = (shop.now - 3 * DAY).isoformat()
        row = next(row for row in await shop.enrolled("care_tips"))
        context = {**row["context"], "delivered_at": old}
        await session.execute(rows.update().where(care).values(context=context, step_entered_at=shop.now - 3 * DAY))


async def test_t46_four_workers_and_two_flows_share_one_slot(database: Database, texts: Texts) -> None:
    """On PostgreSQL the four really run side by side; on SQLite they take turns."""
    shop = await shop_world.opened(database, texts)
    people = [f"p{number}@example.org" for number in range(12)]
    for address in people:
        await shop.person(address)
        for checkout in ("a", "b", "c"):
            await shop.happens(
                "Checkout Started", address, checkout_id=f"{address}{checkout}", currency="EUR",
                products=[{"product_id": "lamp", "name": "Lamp", "price": 5, "quantity": 1}],
            )  # fmt: skip
    shop.now += HOUR
    while await shop.engine.move_due(shop.now):
        pass
    boxes = []
    for _ in range(4):
        async with database.transaction() as session:
            worker = await due.register(session, shop.now)
        gate = Marketing(shop.ground, shop.gate.mails, shop.gate.care)
        sender = RecordingSender(ordered=False, answer=lambda message: Receipt(shop.now, "x"))
        sender.claim = 3
        boxes.append(Outbox(database, {"email": sender}, {"marketing": gate}, worker, now=lambda: shop.now))

    async def work(box: Outbox) -> list[Outgoing]:
        for _ in range(30):
            await box.deliver_due("email")
            shop.now += timedelta(milliseconds=200)
        return box.senders["email"].sent  # type: ignore[attr-defined,no-any-return]

    sent = [message for part in await asyncio.gather(*(work(box) for box in boxes)) for message in part]
    assert sorted(message.payload["to"] for message in sent) == sorted(people)
    assert (await shop.skipped()).count("frequency_cap") == 24


async def test_the_hold_out_gets_nothing_counts_like_a_send_and_takes_no_slot(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts, automations={"holdout": 0.999999})
    await shop.person()
    await left_cart(shop)
    await shop.settle()
    row = (await shop.written())[0]
    assert row["status"] == "withheld" and row["skip_reason"] == "withheld" and row["handed_at"] is None
    assert row["verdicts"]["under_cap"] is True and "rendered" not in row["verdicts"]


async def test_t48_a_name_that_looks_like_a_template_is_printed_as_it_is(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    await shop.person(first_name="{{ 7*7 }}<script>")
    await left_cart(shop)
    await shop.settle()
    mail = shop.mails.sent[0].payload
    assert "49" not in mail["subject"] and "{{ 7*7 }}" in mail["subject"] and "<script>" not in mail["html"]


def _own_cart(folder: Any, subject: str) -> MailTemplates:
    file = folder / "email" / "abandoned_cart" / "en.mjml"
    file.parent.mkdir(parents=True, exist_ok=True)
    body = "<mjml><mj-body><mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section></mj-body></mjml>"
    file.write_text(f'+++\nsubject = "{subject}"\n+++\n{body}')
    return MailTemplates([paths.templates(), folder])


async def test_t47_a_mail_that_cannot_be_written_waits_and_leaves_once_after_the_mend(
    shop: ShopWorld, tmp_path: Any
) -> None:
    shop.gate.mails = _own_cart(tmp_path, "Hi {{ customer.nick }}")
    await left_cart(shop)
    await shop.settle()
    row = (await shop.written())[0]
    assert (row["status"], row["skip_reason"]) == ("deferred", "render_error")
    assert "nick" in row["verdicts"]["rendered"]["error"] and shop.templates() == []
    with capture_logs() as logged:
        await shop.passes(HOUR)
    assert not [one for one in logged if one["log_level"] == "error"], "it was told when it happened first"
    shop.gate.mails = _own_cart(tmp_path, "Hi {{ customer.first_name }}")
    async with shop.database.transaction() as session:
        await outbox.ask_again(session, None, "render_error", shop.now)
    await shop.settle()
    assert shop.templates() == ["abandoned_cart"]
    await shop.passes(HOUR)
    assert shop.templates() == ["abandoned_cart"] and (await shop.enrolled())[0]["step_id"] == "next_day"


async def test_a_mail_that_could_not_be_written_for_too_long_is_not_sent_late(shop: ShopWorld, tmp_path: Any) -> None:
    shop.gate.mails = _own_cart(tmp_path, "Hi {{ customer.nick }}")
    await left_cart(shop)
    await shop.passes(30 * HOUR)
    shop.gate.mails = _own_cart(tmp_path, "Hi {{ customer.first_name }}")
    await shop.passes(HOUR)
    assert (await shop.written())[0]["skip_reason"] == "stale" and "abandoned_cart" not in shop.templates()[:1]


async def test_a_template_that_asks_too_much_of_every_reader_is_given_up_after_three(
    database: Database, texts: Texts, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("abandoned_cart"))
    folder = tmp_path / "email" / "abandoned_cart"
    folder.mkdir(parents=True)
    body = "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"
    endless = "x"
    for name in "abc":
        endless = f"{{% for {name} in unsubscribe_url %}}{endless}{{% endfor %}}"

    async def left_by(number: int) -> None:
        who = f"reader{number}@example.org"
        await shop.person(who)
        lamp = {"product_id": "lamp", "name": "Lamp", "price": 19.9, "quantity": 1, "currency": "EUR"}
        await shop.happens("Product Added", who, cart_id=f"c{number}", **lamp)

    def written(words: str) -> None:
        (folder / "en.mjml").write_text('+++\nsubject = "Hi"\n+++\n' + body.format(words))
        shop.gate.mails = MailTemplates([paths.templates(), tmp_path])

    rendered: list[str] = []
    render = MailTemplate.render

    def counted(template: MailTemplate, *args: Any, **more: Any) -> Any:
        rendered.append(template.name)
        return render(template, *args, **more)

    monkeypatch.setattr(MailTemplate, "render", counted)
    written(endless)
    for number in range(5):
        await left_by(number)
    with capture_logs() as logged:
        await shop.passes(HOUR)
    assert [row["skip_reason"] for row in await shop.written()] == ["render_error"] * 5 and len(rendered) == 3
    assert sum("until it is changed" in one["event"] for one in logged) == 1
    assert len([one for one in logged if one["log_level"] == "error"]) == 4
    written("Your cart")
    await left_by(5)
    await shop.passes(HOUR)
    assert len(shop.mails.sent) == 6


async def test_t60_quiet_hours_defer_three_times_at_most(database: Database, texts: Texts) -> None:
    shop = await shop_world.opened(database, texts)
    person = await shop.person(timezone="Asia/Tokyo")
    await left_cart(shop)
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):  # a traveller who flies into every night
        await shop.outbox.deliver_due("email")
        shop.now = (await shop.written())[0]["due_at"]
        await shop.change(person, timezone=zone)
    await shop.outbox.deliver_due("email")
    assert await shop.skipped() == ["deferred_too_often"] and shop.templates() == []


async def test_a_hard_bounce_at_hand_over_suppresses_that_address_alone(shop: ShopWorld) -> None:
    def refuse(message: Outgoing) -> Receipt:
        raise DeliveryError("550 5.1.1 no such user", permanent=True, reason="bad_address")

    shop.answer = refuse
    await left_cart(shop)
    await shop.settle()
    async with shop.database.reading() as session:
        why_not = await contacts.suppressed(session, shop.ground.secret, "email", "ada@example.org", "", shop.now)
    assert why_not == "hard_bounce" and (await shop.written())[0]["status"] == "failed"
    assert (await shop.enrolled())[0]["status"] == "active"


async def test_an_answer_lost_after_the_hand_over_is_not_sent_again(shop: ShopWorld) -> None:
    def vanish(message: Outgoing) -> Receipt:
        raise DeliveryError("connection lost", uncertain=True)

    shop.answer = vanish
    await left_cart(shop)
    await shop.passes(2 * HOUR)
    assert [row["status"] for row in await shop.written()] == ["unknown"]
    assert (await shop.enrolled())[0]["step_id"] == "next_day"


async def test_why_a_person_got_no_mail_can_be_told(shop: ShopWorld) -> None:
    await shop.adds()
    await shop.sleeps(8 * HOUR)
    await shop.settle()
    async with shop.database.reading() as session:
        told = await why.explain(session, (await shop.enrolled())[0]["contact_id"])
    assert [(one.flow, one.step, one.status, one.reason) for one in told] == [
        ("abandoned_cart", "first", "skipped", "stale")
    ]
    no = next(answer for answer in told[0].answers if answer.said is False)
    assert no.question == "in_time" and no.detail["late_seconds"] == 7 * 3600
    assert datetime(2026, 3, 4, tzinfo=UTC) < told[0].entered_at


async def test_the_mail_waits_until_every_event_that_reached_us_is_applied(shop: ShopWorld) -> None:
    await shop.checks_out()
    shop.now += HOUR - MINUTE
    body = {"email": "ada@example.org", "properties": {"order_id": "o1", "revenue": 19.9, "currency": "EUR"}}
    async with shop.database.transaction() as session:  # by the web process, while the one that works is down
        await events.record(
            session, NewEvent("web", "late", "track", "Order Completed", shop.now, shop.now, body, rank="shop")
        )
    shop.now += 2 * MINUTE
    await shop.engine.move_due(shop.now)
    await shop.outbox.deliver_due("email")
    (mail,) = await shop.written()
    assert (mail["status"], mail["skip_reason"]) == ("deferred", "events_wait")
    await shop.applier.apply_due()
    await shop.passes(HOUR)
    assert shop.templates() == []


async def test_unsubscribing_is_about_the_topic_of_the_flow(database: Database, texts: Texts, tmp_path: Path) -> None:
    folder = flow_files.folders(Config())[0]
    words = (folder / "abandoned_cart.toml").read_text("utf-8").replace('topic = "marketing"', 'topic = "reminders"')
    (tmp_path / "abandoned_cart.toml").write_text(words, "utf-8")
    shop = await shop_world.opened(database, texts, flow_files.load([tmp_path]))
    ada = await shop.person()
    async with database.transaction() as session:
        await contacts.allow(
            session, shop.ground.secret, ada, "email", "ada@example.org", "reminders", "checkout", shop.now
        )
    await left_cart(shop)
    await shop.settle()
    (mail,) = await shop.written()
    assert mail["status"] == "sent"
    assert Subject.of(mail).topic == "reminders"
