"""A flow that asks staff to call and tells the warehouse, end to end: one ticket, one signed call."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import shop_world
from aiohttp import web
from deskwork import GROUP, desk
from shop_world import HOUR, MINUTE
from sqlmodel import select

from automations.definition import flow_files
from bot.base.config.sending import Hook
from bot.base.database import Database
from bot.base.texts import Texts
from bot.outbound.outbox import Outbox
from bot.outbound.webhook import WebhookSender
from bot.support.tickets.tasks import Tasks
from bot.tables.support import Ticket

FLOW = """
title = "Big carts"
about = "cart"
priority = "cart"
[trigger]
events = ["Product Added"]
[enrol]
key = "big:{cart_id}"
[[steps]]
id = "idle"
wait = "1h"
[[steps]]
id = "call"
task = {text = "Call about cart {cart_id}", priority = "high"}
[[steps]]
id = "tell"
webhook = {name = "warehouse"}
"""


@pytest.fixture
async def warehouse() -> AsyncIterator[tuple[int, list[dict[str, object]]]]:
    got: list[dict[str, object]] = []

    async def take(request: web.Request) -> web.Response:
        got.append({**json.loads(await request.read()), "signed": request.headers["webhook-signature"][:3]})
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1], got
    await runner.cleanup()


async def test_a_flow_asks_for_a_call_and_tells_the_warehouse(
    database: Database, texts: Texts, tmp_path: Path, warehouse: tuple[int, list[dict[str, object]]]
) -> None:
    port, got = warehouse
    (tmp_path / "big_carts.toml").write_text(FLOW, "utf-8")
    shop = await shop_world.opened(database, texts, flow_files.load([tmp_path]), telegram={"staff_chat_id": GROUP})
    ada = await shop.person()
    shop.applier.handlers.append(Tasks(desk(shop.ground)))  # type: ignore[attr-defined]
    await shop.adds()
    shop.now += HOUR + MINUTE
    await shop.settle()
    while await shop.applier.apply_due():
        pass
    hook = Hook.model_validate(
        {"name": "warehouse", "url": f"http://127.0.0.1:{port}/", "secret": "x" * 16, "allow_private": True}
    )
    sender = WebhookSender([hook])
    calls = Outbox(database, {"webhook": sender}, {}, shop.worker, now=lambda: shop.now)
    while await calls.deliver_due("webhook"):
        pass
    await sender.close()
    async with database.reading() as session:
        (ticket,) = (await session.scalars(select(Ticket))).all()
    assert (ticket.kind, ticket.priority, ticket.contact_id) == ("task", "high", ada)
    (call,) = got
    assert (call["flow"], call["step"], call["contact_id"], call["signed"]) == ("big_carts", "tell", ada, "v1,")
    assert call["context"]["cart_id"] == "c1"  # type: ignore[index]
    assert (await shop.enrolled())[0]["status"] == "finished"
