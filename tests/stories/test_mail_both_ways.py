"""A shopper answers a marketing mail: staff see which one it was, their answer goes back into the same thread.

The program runs as it does at a shop, between a real IMAP server (Dovecot, where there is one), an SMTP server and a
stand-in for Telegram.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dovecot
import httpx
import letters
import pytest
from imap_stand_in import Mailbox, serving
from program import Program, taking

from bot.base import paths
from bot.demo.mail_catcher import Catcher, Caught, catch
from bot.demo.telegram import Telegram

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BOUNCES = "bounce.shop.example"


def _flows(folder: Path) -> str:
    """Our own flow with a wait of a second instead of an hour."""
    folder.mkdir()
    source = paths.templates().parent / "automations" / "flows" / "abandoned_checkout.toml"
    text = source.read_text("utf-8").replace('wait = "1h"', 'wait = "1s"', 1)
    assert 'wait = "1s"' in text
    (folder / source.name).write_text(text, "utf-8")
    return str(folder)


def _config(tmp_path: Path, telegram: Telegram, catcher: Catcher, imap_url: str) -> dict[str, Any]:
    return {
        "database": {"url": f"sqlite:///{tmp_path / 'aftercart.db'}"},
        "telegram": {"token": telegram.token, "api_base": telegram.url, "staff_chat_id": telegram.group.id},
        "mail": {
            "smtp_url": catcher.url, "from": "Juniper & Oak <help@shop.example>",
            "from_marketing": "Juniper & Oak <news@shop.example>", "bounce_domain": BOUNCES,
        },
        "mailbox": {"imap_url": imap_url, "done_folder": "Taken", "poll": "5s"},
        "events": taking("key"),
        "support": {"undo": "0s"},
        "automations": {"flows_folder": _flows(tmp_path / "flows"), "quiet_hours": "off", "frequency_cap": []},
    }  # fmt: skip


async def _leaves_a_checkout(url: str, email: str) -> None:
    person = {"userId": "u1", "writeKey": "key"}
    traits = {"email": email, "firstName": "Bea", "marketing_consent": True}
    product = {"product_id": "1001", "name": "Mug", "price": 18, "quantity": 1, "url": "https://shop.example/p/1"}
    checkout = {"checkout_id": "c1", "order_id": "o1", "value": 18, "currency": "EUR", "products": [product]}
    batch = [
        {"type": "identify", "messageId": "i1", "traits": traits, **person},
        {"type": "track", "event": "Checkout Started", "messageId": "t1", "properties": checkout, **person},
    ]
    async with httpx.AsyncClient(timeout=5) as client:
        answer = await client.post(f"{url}/v1/batch", json={"batch": batch, "writeKey": "key"})
        assert answer.status_code == 200


def _reply(mail: Caught, words: str, number: int) -> bytes:
    """As a mail program writes it: quoted below, threaded."""
    quoted = "\n".join(f"> {line}" for line in mail.part("plain").splitlines()[:6])
    read = mail.message
    return letters.letter(
        f"{words}\n\nOn Wed, Mar 4, 2026 at 1:00 PM Juniper & Oak <news@shop.example> wrote:\n{quoted}\n",
        sender="Bea <bea@example.com>", to=read["Reply-To"] or read["From"], subject=f"Re: {read['Subject']}",
        message_id=f"<bea-{number}@mail.example.com>", In_Reply_To=read["Message-ID"], References=read["Message-ID"],
    )  # fmt: skip


@pytest.mark.skipif(dovecot.missing() is not None, reason=str(dovecot.missing()))
async def test_a_shopper_answers_a_marketing_mail_and_a_person_answers_them(tmp_path: Path) -> None:
    async with Telegram() as telegram, catch() as catcher:
        with dovecot.server() as (port, maildir):
            url = f"imap://ada:secret@127.0.0.1:{port}?tls=none"
            with Program(tmp_path, _config(tmp_path, telegram, catcher, url)) as program:
                await _leaves_a_checkout(program.url, "bea@example.com")
                (reminder,) = await catcher.wait_for(1, 30)
                assert reminder.message["Reply-To"] == "help@shop.example"
                assert "<mailto:unsub+" in reminder.message["List-Unsubscribe"].replace("\n", "")

                dovecot.deliver(maildir, _reply(reminder, "Is the mug dishwasher safe?", 1), "1.reply")
                topic = await telegram.wait_for(lambda: telegram.topic_of("#1001 Bea"), 30)
                shown = await telegram.wait_for(lambda: _in_topic(telegram, topic.thread_id, "dishwasher"), 30)
                subject = reminder.message["Subject"]
                assert f"✉️ Answers your mail “{subject}” (abandoned checkout, step first)" in shown
                assert "> " not in shown

                mia = telegram.staff(1, "Mia")
                mia.says("/take", topic.thread_id)
                mia.says("Yes, it is.", topic.thread_id)
                answer = await _mail_with(catcher, "Yes, it is.")
                read = answer.message
                assert answer.receivers == ("bea@example.com",)
                assert read["Subject"] == f"Re: {subject}"
                assert read["In-Reply-To"] == "<bea-1@mail.example.com>"
                assert read["References"].split() == [reminder.message["Message-ID"], "<bea-1@mail.example.com>"]

                dovecot.deliver(maildir, _reply(answer, "Great, thank you! And the lid?", 2), "2.reply")
                await telegram.wait_for(lambda: _in_topic(telegram, topic.thread_id, "And the lid?"), 30)
                assert len(telegram.group.topics) == 1
                await _within(10, lambda: not list((maildir / "new").iterdir()))
                assert await asyncio.to_thread(program.stop) == 0


def _in_topic(telegram: Telegram, thread_id: int, words: str) -> str:
    found = telegram.messages(telegram.group.id, thread_id)
    return next((one.text for one in found if one.by_bot and words in one.text), "")


async def _mail_with(catcher: Catcher, words: str) -> Caught:
    found: list[Caught] = []

    def look() -> bool:
        found[:] = [mail for mail in catcher.mails if words in mail.part("plain")]
        return bool(found)

    await _within(30, look)
    return found[0]


async def _within(seconds: float, found: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


class _Deadly:
    """Kills the program when a command comes to the IMAP server, before it is done."""

    def __init__(self, box: Mailbox, program: Program) -> None:
        self.box, self.program = box, program

    async def dies_at(self, command: str) -> None:
        self.box.drop_after.append(f"!{command}")
        await _within(60, lambda: f"!{command}" not in self.box.drop_after)
        self.program.kill()
        await asyncio.to_thread(self.program.start, wait=False)
        await asyncio.to_thread(self.program.wait_until_healthy, 90)


async def test_whenever_it_dies_a_mail_is_said_once(tmp_path: Path) -> None:
    async with Telegram() as telegram, catch() as catcher, serving() as box:
        program = Program(tmp_path, _config(tmp_path, telegram, catcher, box.url))
        deadly = _Deadly(box, program)
        try:
            await asyncio.to_thread(program.start)
            # Before it was fetched; stored and not moved yet; moved, and nobody wrote that down.
            for number, command in enumerate(("UID FETCH", "UID MOVE", "IDLE")):
                words = f"I want to talk to a human please, case {number}"
                box.add(letters.letter(words, message_id=f"<{number}@x.example>", sender=f"s{number}@example.com"))
                await deadly.dies_at(command)
                await telegram.wait_for(lambda words=words: _said(telegram, words), 60)
            await _within(30, lambda: not box.inbox)
            await asyncio.sleep(1)
        finally:
            program.kill()
        assert [_said(telegram, f"case {number}") for number in range(3)] == [1, 1, 1]
        assert len(box.folders["Taken"]) == 3
        with sqlite3.connect(tmp_path / "aftercart.db") as database:
            assert database.execute("SELECT status, put_away FROM receivedmail").fetchall() == [("done", 1)] * 3


def _said(telegram: Telegram, words: str) -> int:
    return sum(words in one.text for one in telegram.messages(telegram.group.id) if one.by_bot)
