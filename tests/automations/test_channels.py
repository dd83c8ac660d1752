"""Where a message leaves: the first channel on which somebody can be reached, allows it and prefers it."""

from pathlib import Path
from typing import Any

import pytest
import shop_world
from changed_flows import cart_flow, flows
from fakes import RecordingSender
from shop_world import DAY, HOUR, ShopWorld

from bot import contacts
from bot.base import paths
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.chat_templates import ChatTemplates
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing, Receipt
from bot.tables.people import Identity

BOTH = ('send = "abandoned_cart"\n', 'send = "abandoned_cart"\nchannels = ["telegram", "email"]\n')
CHAT = "501"


async def opened(
    database: Database, texts: Texts, folder: Path, *changes: tuple[str, str], chat: bool = True, consent: bool = True,
    **person: Any,
) -> ShopWorld:  # fmt: skip
    shop = await shop_world.opened(database, texts, flows(folder, *changes))
    ada = await shop.person(**person)
    shop.chats = RecordingSender(ordered=True, answer=lambda message: Receipt(shop.now, "77"))  # type: ignore[attr-defined]
    senders = {"email": shop.mails, "telegram": shop.chats}  # type: ignore[attr-defined]
    shop.outbox = Outbox(database, senders, {"marketing": shop.gate}, shop.worker, now=lambda: shop.now)
    if chat:
        async with database.transaction() as session:
            session.add(Identity(contact_id=ada, kind="telegram", value=CHAT, proven=True, created_at=shop.now))
            if consent:
                await contacts.allow(session, shop.ground.secret, ada, "telegram", CHAT, "marketing", "chat", shop.now)
    return shop


async def leaves(shop: ShopWorld) -> dict[str, Any]:
    """The cart is left, its first message falls due, both channels do their work."""
    await shop.adds()
    shop.now += HOUR
    await both(shop)
    return (await shop.written())[0]


async def both(shop: ShopWorld) -> None:
    for _ in range(3):
        await shop.settle()
        await shop.outbox.deliver_due("telegram")
        await shop.outbox.landed()


def sent_to_chats(shop: ShopWorld) -> list[Outgoing]:
    return shop.chats.sent  # type: ignore[attr-defined,no-any-return]


async def test_the_first_channel_that_is_allowed_takes_it(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await opened(database, texts, tmp_path, BOTH, first_name="Ada")
    row = await leaves(shop)
    (message,) = sent_to_chats(shop)
    assert shop.templates() == [] and (row["status"], row["channel"]) == ("sent", "telegram")
    assert row["verdicts"]["channel"] == "telegram" and message.payload["chat_id"] == 501
    assert message.payload["text"].startswith("Ada, your basket is still here") and "Lamp" in message.payload["text"]
    assert message.payload["text"].endswith("Send STOP to hear no more of this here.")
    ((button,),) = message.payload["buttons"]
    assert "/c/" in button["url"] and "utm_medium%3Dtelegram" in button["url"]
    assert message.row["once"] and message.priority >= 80  # the lane of campaigns


@pytest.mark.parametrize(
    ("given", "why"), [({"chat": False}, "no chat"), ({"consent": False}, "nobody said yes in the chat")]
)
async def test_otherwise_the_next_one_does(
    database: Database, texts: Texts, tmp_path: Path, given: dict[str, bool], why: str
) -> None:
    shop = await opened(database, texts, tmp_path, BOTH, **given)
    row = await leaves(shop)
    assert shop.templates() == ["abandoned_cart"] and row["channel"] == "email", why


async def test_what_somebody_prefers_goes_before_the_order_of_the_flow(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    shop = await opened(database, texts, tmp_path, BOTH, traits={"preferred_channel": "email"})
    await leaves(shop)
    assert shop.templates() == ["abandoned_cart"] and sent_to_chats(shop) == []


async def test_a_chat_in_chinese(database: Database, texts: Texts, tmp_path: Path) -> None:
    shop = await opened(database, texts, tmp_path, BOTH, language="zh_CN")
    await leaves(shop)
    text = sent_to_chats(shop)[0].payload["text"]
    assert "您的购物车还在" in text and text.endswith("请发送 STOP。")


async def test_stop_in_the_chat_ends_the_flow_only_where_mail_is_not_allowed_either(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    shop = await opened(database, texts, tmp_path, BOTH)
    async with database.transaction() as session:
        await contacts.suppress(session, shop.ground.secret, "telegram", CHAT, "unsubscribed", shop.now)
    await leaves(shop)
    assert shop.templates() == ["abandoned_cart"]


async def test_the_cap_counts_over_channels(database: Database, texts: Texts, tmp_path: Path) -> None:
    cart_flow(tmp_path, name="abandoned_checkout")
    shop = await opened(database, texts, tmp_path, BOTH)
    await leaves(shop)
    await shop.checks_out()
    shop.now += HOUR
    await both(shop)
    assert len(sent_to_chats(shop)) == 1 and shop.templates() == []
    assert await shop.skipped() == ["frequency_cap"]


async def test_at_night_it_waits_and_holds_up_nobody_in_the_chat(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    shop = await opened(database, texts, tmp_path, BOTH, timezone="Asia/Tokyo")
    row = await leaves(shop)
    assert (row["status"], row["skip_reason"]) == ("deferred", "quiet_hours")
    assert row["receiver"] != CHAT  # the order of a chat is kept by receiver
    shop.now += 12 * HOUR
    await both(shop)
    assert len(sent_to_chats(shop)) == 1


async def test_a_channel_without_a_sender_says_so(database: Database, texts: Texts, tmp_path: Path) -> None:
    """Flows that name one are refused when they are read; a channel can be switched off later."""
    only = ('send = "abandoned_cart"\n', 'send = "abandoned_cart"\nchannels = ["telegram"]\n')
    shop = await opened(database, texts, tmp_path, only)
    shop.gate.channels = frozenset({"email"})
    row = await leaves(shop)
    assert row["skip_reason"] == "no_channel"
    assert row["verdicts"]["address"]["channels"] == {"telegram": "no_sender"}


async def test_who_blocked_the_bot_gets_the_next_one_by_mail(database: Database, texts: Texts, tmp_path: Path) -> None:
    second = ('send = "abandoned_cart_2"\n', 'send = "abandoned_cart"\nchannels = ["telegram", "email"]\n')
    shop = await opened(database, texts, tmp_path, BOTH, second)

    def blocked(message: Outgoing) -> Receipt:
        raise DeliveryError("blocked by the user", permanent=True, reason="blocked")

    shop.chats._answer = blocked  # type: ignore[attr-defined]
    row = await leaves(shop)
    assert (row["status"], row["skip_reason"]) == ("failed", "blocked")
    shop.now += DAY
    await both(shop)
    assert shop.templates() == ["abandoned_cart"]


def test_every_chat_that_ships_is_in_both_languages_and_has_no_findings() -> None:
    shipped = ChatTemplates([paths.templates()])
    assert {"abandoned_cart", "back_in_stock"} <= set(shipped.names())
    assert {tuple(languages) for languages in shipped.names().values()} == {("en", "zh_CN")}
    assert shipped.lint() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("+++\nbuton = 'x'\n+++\nHi", "unknown key buton"),
        ("+++\nbutton = 'x'\n+++\nHi", "a button needs both"),
        ("+++\nbutton = \n+++\nHi", "not valid TOML"),
        ("Hi {{ customer.nick }}", "nick"),
        ("Hi {% if %}", "Expected an expression"),
        ("{% if false %}x{% endif %}", "it says nothing"),
    ],
)
def test_a_wrong_chat_is_named_with_its_file(tmp_path: Path, words: str, said: str) -> None:
    (tmp_path / "chat" / "own").mkdir(parents=True)
    (tmp_path / "chat" / "own" / "en.txt").write_text(words, "utf-8")
    found = ChatTemplates([paths.templates(), tmp_path]).lint()
    assert any(said in str(finding) and "own/en.txt" in str(finding) for finding in found), found
