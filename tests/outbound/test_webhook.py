"""Calls to systems of the shop: signed, repeated under one id, never into our own network."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from conftest import NOON
from pydantic import ValidationError

from bot.base import due
from bot.base.config.sending import Hook
from bot.base.database import Database, table
from bot.outbound import outbox, webhook
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing
from bot.outbound.webhook import WebhookSender, is_public
from bot.tables.outbox import Message

SECRET = "sixteen-letters-and-more"


class Receiver:
    """A real HTTP server that keeps what it was sent; `answers` are its next statuses, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.hangs = False

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        if self.hangs:
            await asyncio.sleep(5)
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers=self.headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{rest:.*}", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined,union-attr]
    yield made
    await runner.cleanup()


def hook(receiver: Receiver, **given: Any) -> Hook:
    url = f"http://127.0.0.1:{receiver.port}/in"  # type: ignore[attr-defined]
    return Hook.model_validate({"name": "warehouse", "url": url, "secret": SECRET, "allow_private": True, **given})


def outgoing(**payload: Any) -> Outgoing:
    row = {"created_at": NOON}
    return Outgoing(7, "wk-1", "webhook", 50, "webhook:warehouse", {"webhook": "warehouse", **payload}, row)


async def test_the_receiver_can_tell_that_it_was_us(receiver: Receiver) -> None:
    sender = WebhookSender([hook(receiver)], now=lambda: NOON)
    await sender.send(outgoing(flow="welcome", contact_id=3))
    await sender.close()
    ((headers, body),) = receiver.got
    assert json.loads(body) == {"id": "wk-1", "webhook": "warehouse", "flow": "welcome", "contact_id": 3}
    assert headers["webhook-id"] == "wk-1" and headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    signed = f"wk-1.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["Content-Type"] == "application/json"


def test_the_signature_of_a_published_example() -> None:
    """The worked example that the Standard Webhooks libraries test against."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = webhook.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_it_is_tried_again_under_the_same_id_until_it_is_taken(database: Database, receiver: Receiver) -> None:
    receiver.answers = [500, 302, 404]
    now = [NOON]
    sender = WebhookSender([hook(receiver)], now=lambda: now[0])
    async with database.transaction() as session:
        worker = await due.register(session, NOON)
        await outbox.queue(
            session, channel="webhook", purpose="webhook", receiver="webhook:warehouse", key="wk-1", now=NOON,
            payload={"webhook": "warehouse", "step": "told"},
        )  # fmt: skip
    box = Outbox(database, {"webhook": sender}, {}, worker, now=lambda: now[0])
    for _ in range(40):
        await box.deliver_due("webhook")
        now[0] += timedelta(minutes=10)
    await sender.close()
    assert [headers["webhook-id"] for headers, _ in receiver.got] == ["wk-1"] * 4  # a redirect is not followed
    assert len({body for _, body in receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 4
    async with database.reading() as session:
        row = (await session.execute(table(Message).select())).mappings().one()
    assert row["status"] == "sent"


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "later"),
    [(500, {}, False, None), (410, {}, True, None), (429, {"Retry-After": "120"}, False, 120.0)],
)
async def test_what_the_answer_means(
    receiver: Receiver, status: int, headers: dict[str, str], permanent: bool, later: float | None
) -> None:
    receiver.answers, receiver.headers = [status], headers
    sender = WebhookSender([hook(receiver)], now=lambda: NOON)
    with pytest.raises(DeliveryError) as refused:
        await sender.send(outgoing())
    await sender.close()
    assert (refused.value.permanent, refused.value.retry_after) == (permanent, later)


async def test_who_asks_for_patience_gets_two_days_of_it(receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [503], {"Retry-After": "120"}
    sender = WebhookSender([hook(receiver)], now=lambda: NOON + timedelta(days=3))
    with pytest.raises(DeliveryError) as refused:
        await sender.send(outgoing())
    await sender.close()
    assert refused.value.permanent and refused.value.reason == "gave_up"


async def test_an_answer_that_does_not_come_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert webhook._ANSWER_WITHIN == 10
    monkeypatch.setattr(webhook, "_ANSWER_WITHIN", 0.2)
    receiver.hangs = True
    sender = WebhookSender([hook(receiver)])
    with pytest.raises(DeliveryError, match="no answer") as refused:
        await sender.send(outgoing())
    await sender.close()
    assert refused.value.uncertain and not refused.value.permanent


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::",
        "fd00::1", "fec0::1", "::127.0.0.1", "::ffff:0:127.0.0.1",
        "fe80::1", "fe80::1%eth0", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "224.0.0.1", "255.255.255.255", "240.0.0.1", "fd00:ec2::254", "192.0.0.192",
    ],
)  # fmt: skip
def test_addresses_inside_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_world_are_let_through(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "2130706433",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "[::ffff:7f00:1]",
        "127.0.0.1.",
        "１２７.0.0.1",
        "127。0。0。1",
    ],
)
async def test_a_number_for_an_address_inside_is_refused(receiver: Receiver, host: str) -> None:
    url = f"http://{host}:{receiver.port}/"  # type: ignore[attr-defined]
    sender = WebhookSender([hook(receiver, url=url, allow_private=False)])
    with pytest.raises(DeliveryError) as refused:
        await sender.send(outgoing())
    await sender.close()
    assert refused.value.permanent and refused.value.reason == "forbidden_address" and receiver.got == []


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.216.34", "169.254.169.254"]])
async def test_a_name_that_leads_inside_is_refused(receiver: Receiver, found: list[str]) -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return found

    url = f"http://metadata.example:{receiver.port}/"  # type: ignore[attr-defined]
    sender = WebhookSender([hook(receiver, url=url, allow_private=False)], lookup)
    with pytest.raises(DeliveryError) as refused:
        await sender.send(outgoing())
    await sender.close()
    assert refused.value.reason == "forbidden_address" and refused.value.permanent and receiver.got == []


async def test_the_address_that_was_checked_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers with another address the second time gets nobody past: nobody asks a second time."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    asked: list[str] = []
    tried: list[str] = []

    async def lookup(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0)

    async def connect(addr_infos: Any, **_more: Any) -> Any:
        tried.extend(str(one[4][0]) for one in addr_infos)
        raise OSError("no way out of this test")

    monkeypatch.setattr("aiohappyeyeballs.start_connection", connect)
    url = f"http://turns.example:{receiver.port}/"  # type: ignore[attr-defined]
    sender = WebhookSender([hook(receiver, url=url, allow_private=False)], lookup)
    with pytest.raises(DeliveryError, match="not reached"):
        await sender.send(outgoing())
    await sender.close()
    assert asked == ["turns.example"] and set(tried) == {"93.184.216.34"} and receiver.got == []


async def test_a_hook_of_our_own_network_may_be_called_if_the_shop_says_so(receiver: Receiver) -> None:
    url = f"http://localhost:{receiver.port}/"  # type: ignore[attr-defined]
    sender = WebhookSender([hook(receiver, url=url)])
    await sender.send(outgoing())
    await sender.close()
    assert len(receiver.got) == 1


async def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    sender = WebhookSender([hook(receiver)])
    await sender.send(outgoing())
    await sender.close()
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "wrong", [{"url": "ftp://x.example"}, {"url": "file:///etc/passwd"}, {"secret": "short"}, {"name": "Ware House"}]
)
def test_a_wrong_hook_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Hook.model_validate({"name": "warehouse", "url": "https://x.example", "secret": SECRET, **wrong})


async def test_a_call_for_a_hook_that_nobody_knows_waits_for_the_operator(receiver: Receiver) -> None:
    sender = WebhookSender([], now=lambda: NOON)
    with pytest.raises(DeliveryError, match="no webhook named warehouse") as refused:
        await sender.send(outgoing())
    assert not refused.value.permanent and refused.value.retry_after
