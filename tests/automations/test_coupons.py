"""Coupon codes: each to one person, held from the moment a mail may leave, free again if it does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import shop_world
from changed_flows import flows
from fakes import RecordingSender
from shop_world import DAY, HOUR, MINUTE, ShopWorld

from automations.gate import coupons
from automations.gate.marketing import Marketing
from bot.base import due, paths
from bot.base.config.sending import Pool
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing, Receipt
from bot.tables.coupons import CouponCode

CODES = shop_world.table(CouponCode)
POOL = {"name": "ten", "title": "10 % off", "title_zh": "九折", "valid": "14d"}
BODY = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{% if coupon.code %}{{ coupon.title }}: {{ coupon.code }} until"
    " {{ coupon.expires_on }}{% else %}nothing{% endif %}</mj-text></mj-column></mj-section></mj-body></mjml>"
)


async def opened(
    database: Database, texts: Texts, folder: Path, *, empty: str = "without", codes: int = 0, **pool: Any
) -> ShopWorld:
    (folder / "flows").mkdir()
    step = f'send = "abandoned_cart"\ncoupon = {{pool = "ten", empty = "{empty}"}}\n'
    changed = flows(folder / "flows", ('send = "abandoned_cart"\n', step))
    shop = await shop_world.opened(database, texts, changed, automations={"coupons": [{**POOL, **pool}]})
    mail = folder / "email" / "abandoned_cart"
    mail.mkdir(parents=True)
    for language in ("en", "zh_CN"):
        (mail / f"{language}.mjml").write_text('+++\nsubject = "x"\n+++\n' + BODY, "utf-8")
    shop.gate.mails = MailTemplates([paths.templates(), folder])
    async with database.transaction() as session:
        for number in range(codes):
            session.add(CouponCode(pool="ten", code=f"CODE{number}", added_at=shop.now))
    return shop


async def left_carts(shop: ShopWorld, people: int = 1) -> None:
    for number in range(people):
        address = f"p{number}@example.org"
        await shop.person(address)
        await shop.happens(
            "Product Added", address, product_id="lamp", name="Lamp", price=9, quantity=1, currency="EUR",
            cart_id=address,
        )  # fmt: skip
    shop.now += HOUR
    while await shop.engine.move_due(shop.now):
        pass


async def kept(shop: ShopWorld) -> list[dict[str, Any]]:
    return await shop._rows(CODES.select().order_by(CODES.c.id))


async def test_a_mail_has_a_code_that_counts_from_it(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await opened(database, texts, tmp_path, codes=2)
    await left_carts(shop)
    await shop.settle()
    assert "10 % off: CODE0 until March 18, 2026" in shop.mails.sent[0].payload["text"]
    first, second = await kept(shop)
    assert (first["status"], first["expires_at"]) == ("given", shop.now + 14 * DAY)
    assert first["contact_id"] == (await shop.enrolled())[0]["contact_id"]
    assert first["message_id"] == (await shop.written())[0]["id"] and second["status"] == "free"
    assert (await shop.written())[0]["verdicts"]["coupon"] == "CODE0"


@pytest.mark.parametrize("answer", ["refused", "lost"])
async def test_t49_a_refused_mail_gives_its_code_back_and_a_lost_one_does_not(
    database: Database, texts: Texts, tmp_path: Path, answer: str
) -> None:
    shop = await opened(database, texts, tmp_path, codes=1)

    def gone(message: Outgoing) -> Receipt:
        raise DeliveryError("no", permanent=answer == "refused", uncertain=answer == "lost", reason="rejected")

    shop.answer = gone
    await left_carts(shop)
    await shop.settle()
    (code,) = await kept(shop)
    assert code["status"] == ("released" if answer == "refused" else "given")
    assert (code["contact_id"] is None) == (answer == "refused")
    shop.answer = None
    await shop.person("later@example.org")
    await shop.happens("Product Added", "later@example.org", product_id="lamp", name="Lamp", price=9, quantity=1,
                       currency="EUR", cart_id="later")  # fmt: skip
    await shop.passes(2 * HOUR)
    assert ("CODE0" in shop.mails.sent[0].payload["text"]) == (answer == "refused")


async def test_t49_a_mail_that_is_tried_again_keeps_its_code(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await opened(database, texts, tmp_path, codes=3)
    tries: list[str] = []

    def later(message: Outgoing) -> Receipt:
        tries.append(message.payload["text"])
        if len(tries) < 3:
            raise DeliveryError("421 later", retry_after=60)
        return Receipt(shop.now, "x")

    shop.answer = later
    await left_carts(shop)
    await shop.passes(5 * MINUTE)
    assert len(tries) == 3 and all("CODE0" in text for text in tries)
    assert [code["status"] for code in await kept(shop)] == ["given", "free", "free"]


async def test_t49_an_empty_pool_leaves_the_code_out(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await opened(database, texts, tmp_path)
    await left_carts(shop)
    await shop.settle()
    assert "nothing" in shop.mails.sent[0].payload["text"]


async def test_t49_an_empty_pool_may_skip_the_mail(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await opened(database, texts, tmp_path, empty="skip")
    await left_carts(shop)
    await shop.settle()
    assert await shop.skipped() == ["no_coupon"] and shop.templates() == []
    assert (await shop.written())[0]["verdicts"]["fresh"] == {"reason": "no_coupon", "pool": "ten"}


@pytest.mark.parametrize("come", [True, False])
async def test_t49_an_empty_pool_may_hold_the_mail_for_a_day(
    database: Database, texts: Texts, tmp_path: Path, come: bool
) -> None:
    shop = await opened(database, texts, tmp_path, empty="hold")
    await left_carts(shop)
    await shop.passes(10 * HOUR)
    assert (await shop.written())[0]["status"] == "deferred"
    if come:
        async with database.transaction() as session:
            session.add(CouponCode(pool="ten", code="FRESH", added_at=shop.now))
    await shop.passes(DAY)
    first = next(row for row in await shop.written() if row["step_id"] == "first")
    assert (first["status"], first["skip_reason"]) == (("sent", None) if come else ("skipped", "no_coupon"))


async def test_a_mail_that_does_not_leave_after_all_takes_no_code(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    shop = await opened(database, texts, tmp_path, codes=1)
    await left_carts(shop)
    shop.now += 10 * HOUR  # too late: the question after the one that takes a code
    await shop.settle()
    assert await shop.skipped() == ["stale"] and [code["status"] for code in await kept(shop)] == ["free"]


async def test_four_workers_never_give_away_one_code_twice(database: Database, texts: Texts, tmp_path: Path) -> None:
    """On PostgreSQL the four really run side by side; on SQLite they take turns."""
    shop = await opened(database, texts, tmp_path, codes=8)
    await left_carts(shop, people=12)
    boxes = []
    for _ in range(4):
        async with database.transaction() as session:
            worker = await due.register(session, shop.now)
        sender = RecordingSender(ordered=False, answer=lambda message: Receipt(shop.now, "x"))
        sender.claim = 3
        gate = Marketing(shop.ground, shop.gate.mails, shop.gate.care)
        boxes.append(Outbox(database, {"email": sender}, {"marketing": gate}, worker, now=lambda: shop.now))

    async def work(box: Outbox) -> list[str]:
        for _ in range(12):
            await box.deliver_due("email")
            await asyncio.sleep(0)
        return [message.payload["text"] for message in box.senders["email"].sent]  # type: ignore[attr-defined]

    told = [text for part in await asyncio.gather(*(work(box) for box in boxes)) for text in part]
    codes = [word for text in told for word in text.split() if word.startswith("CODE")]
    assert len(told) == 12 and len(codes) == len(set(codes)) == 8
    assert {code["status"] for code in await kept(shop)} == {"given"}


async def test_codes_are_made_up_of_letters_that_nobody_mixes_up(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    shop = await opened(database, texts, tmp_path, pattern="WB-{8}")
    await left_carts(shop, people=5)
    await shop.settle()
    codes = [row["code"] for row in await kept(shop)]
    assert len(set(codes)) == 5 and len(shop.mails.sent) == 5
    for code in codes:
        assert code.startswith("WB-") and len(code) == 11 and set(code[3:]) <= set(coupons.LETTERS)
        assert not set("ILO01") & set(code[3:])


async def test_many_codes_can_be_made_ahead(database: Database) -> None:
    pool = Pool(name="ten", pattern="{6}")
    async with database.transaction() as session:
        made = await coupons.make(session, pool, 2500, shop_world.NOON)
    assert len({row.code for row in made}) == 2500


async def test_the_reader_gets_title_and_date_in_their_language(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    shop = await opened(database, texts, tmp_path, codes=1)
    await left_carts(shop)
    await shop.change((await shop.enrolled())[0]["contact_id"], language="zh_CN")
    await shop.settle()
    assert "九折: CODE0 until 2026年3月18日" in shop.mails.sent[0].payload["text"]
