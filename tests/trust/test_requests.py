"""Requests about personal data are tasks with a day: staff hear of them in time, one command does what they ask."""

import asyncio
import io
import json
import stat
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import GROUP, Stage, desk
from fastapi import FastAPI
from forgotten import browsers, holding
from httpx import ASGITransport, AsyncClient
from intake import SECRET, Intake, payload
from sqlmodel import select
from typer.testing import CliRunner

from bot import contacts
from bot.__main__ import cli
from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.web import privacy_api
from bot.support.privacy import wiping
from bot.support.privacy.requested import Requests
from bot.tables.events import WebhookDelivery
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity
from bot.tables.privacy import PrivacyTask
from bot.tables.staff_room import AuditEntry

DATA, REDACT = "customers/data_request", "customers/redact"
STORE = "shopify:goods.myshopify.com"
ASKED = payload("shopify_redact", orders_requested=[450789469])


async def _shop(database: Database, *, orders: bool = True) -> Intake:
    intake = Intake(database)
    if orders:
        await intake.deliver("shopify", "orders/create", payload("shopify_order"))
    return intake


def _requests(database: Database, texts: Texts, **support: Any) -> Requests:
    sections = {"telegram": {"staff_chat_id": GROUP}, "support": support, "shop": {"timezone": "Asia/Shanghai"}}
    return Requests(database, desk(make.ground(texts, **sections)), 1)


async def _texts(database: Database) -> list[str]:
    async with database.reading() as session:
        told = await session.scalars(select(Message.payload).where(Message.purpose == "notice").order_by(Message.id))
        return [str(row.get("text")) for row in told]


async def _erased(intake: Intake) -> bool:
    return bool((await intake.one(Contact)).status == "erased")


async def test_only_leads_who_opened_a_chat_with_the_bot_are_told_there(database: Database, texts: Texts) -> None:
    house = [{"name": "desk", "members": [901, 902], "leads": [901, 902]}]
    intake, requests = await _shop(database), _requests(database, texts, departments=house)
    await intake.deliver("shopify", DATA, ASKED)
    task = await intake.one(PrivacyTask)
    async with database.transaction() as session:
        await make.telegram_contact(session, 902)
    await requests.run(task.deadline - timedelta(days=1))
    async with database.reading() as session:
        told = await session.scalars(select(Message.receiver).where(Message.purpose == "notice").order_by(Message.id))
        assert list(told.all()) == [f"staff:{GROUP}", "telegram:902"]


async def test_a_copy_that_is_asked_for_is_told_again_a_week_and_a_day_before_and_when_it_is_late(
    database: Database, texts: Texts
) -> None:
    intake, requests = await _shop(database), _requests(database, texts)
    await intake.deliver("shopify", DATA, ASKED)
    task = await intake.one(PrivacyTask)
    assert (task.kind, task.status, task.store) == ("copy", "open", "shopify:goods.myshopify.com")
    assert task.contact_id == (await intake.one(Contact)).id
    end = task.deadline
    days: list[tuple[datetime, int]] = [(NOON, 1), (end - timedelta(days=8), 1), (end - timedelta(days=7), 2),
        (end - timedelta(days=2), 2), (end - timedelta(days=1), 3), (end + timedelta(seconds=1), 4),
        (end + timedelta(days=30), 4)]  # fmt: skip
    for at, told in days:
        await requests.run(at)
        assert len(await _texts(database)) == told, at
    first, _, _, last = await _texts(database)
    assert first.startswith("📋 Privacy request 1: a copy of what is kept of a customer (shopify:goods.myshopify.com).")
    assert "aftercart privacy run 1" in first and "overdue" in last
    assert not any("ada" in text.lower() for text in (first, last))


async def test_the_last_day_ends_at_midnight_in_the_zone_of_the_shop(database: Database, texts: Texts) -> None:
    intake = Intake(database)
    intake.inbox.zone = _requests(database, texts).desk.timezone
    await intake.deliver("shopify", DATA, ASKED)
    assert (await intake.one(PrivacyTask)).deadline.day in (2, 3)
    local = (await intake.one(PrivacyTask)).deadline.astimezone(intake.inbox.zone)
    assert (local.hour, local.minute, local.second) == (23, 59, 59)


async def test_who_is_to_be_forgotten_is_at_once_and_a_done_task_says_so(database: Database, texts: Texts) -> None:
    intake, requests = await _shop(database), _requests(database, texts)
    await intake.deliver("shopify", REDACT, ASKED)
    await requests.run(NOON)
    assert await _erased(intake)
    task = await intake.one(PrivacyTask)
    assert (task.status, task.outcome, task.done_by, task.known, task.due_at) == (
        "done",
        "forgotten",
        "clock",
        [],
        None,
    )
    async with database.reading() as session:
        assert (await session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))).all() == ["forget", "request"]
    assert await _texts(database) == []


async def test_with_a_recent_order_staff_decide(database: Database, texts: Texts) -> None:
    intake, requests = await _shop(database), _requests(database, texts, privacy={"recent_orders": "180d"})
    await intake.deliver("shopify", REDACT, ASKED)
    await requests.run(NOON)
    assert not await _erased(intake)
    (told,) = await _texts(database)
    assert "a customer is to be forgotten" in told and "so this waits for your decision" in told


async def test_somebody_whom_nobody_knows_is_never_written_to_and_the_task_is_done(
    database: Database, texts: Texts
) -> None:
    intake, requests = await _shop(database, orders=False), _requests(database, texts)
    await intake.deliver("shopify", REDACT, ASKED)
    await requests.run(NOON)
    task = await intake.one(PrivacyTask)
    assert (task.status, task.outcome, task.known) == ("done", "nobody", [])
    async with database.reading() as session:
        assert await contacts.suppressed(session, SECRET, "email", "ada@example.org", "", NOON) == "erased"


async def test_the_same_webhook_twice_is_one_task(database: Database) -> None:
    intake = await _shop(database)
    await intake.deliver("shopify", DATA, ASKED)
    async with database.transaction() as session:
        await session.execute(sa.update(WebhookDelivery).values(status="new", due_at=NOON))
    while await intake.inbox.translate_due():
        pass
    assert len(await intake.rows(PrivacyTask)) == 1


async def test_whoever_is_forgotten_meanwhile_needs_no_copy_and_leaves_none(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    intake, requests = await _shop(database), _requests(database, texts)
    await intake.deliver("shopify", DATA, ASKED)
    file = tmp_path / "copy.zip"
    file.write_bytes(b"ada")
    async with database.transaction() as session:
        await session.execute(sa.update(PrivacyTask).values(file=str(file)))
    await intake.deliver("shopify", REDACT, ASKED)
    await requests.run(NOON)
    copy, forget = await intake.rows(PrivacyTask)
    assert (copy.status, copy.outcome, copy.known, copy.file) == ("done", "erased", [], "")
    assert (forget.status, forget.outcome) == ("done", "forgotten")
    assert not file.exists()


async def test_the_api_lists_gives_the_copy_and_erases_no_store(database: Database, texts: Texts) -> None:
    intake = await _shop(database)
    ground = make.ground(texts, web={"api_key": "a key of the shop's programs"})
    await intake.deliver("shopify", DATA, ASKED)
    await intake.deliver("shopify", "shop/redact", {"shop_domain": "goods.myshopify.com"})
    app = FastAPI()
    app.include_router(privacy_api.routes(database, desk(ground)))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://shop") as client:
        assert (await client.get("/api/v1/privacy")).status_code == 401
        assert (await client.post("/api/v1/privacy/1/run")).status_code == 401
        client.headers["Authorization"] = "Bearer a key of the shop's programs"
        listed = (await client.get("/api/v1/privacy")).json()["requests"]
        assert [(one["id"], one["kind"]) for one in listed] == [(1, "copy"), (2, "wipe")]
        assert "email:ada@example.org" in listed[0]["known"]
        copy = await client.post("/api/v1/privacy/1/run")
        archive = zipfile.ZipFile(io.BytesIO(copy.content))
        assert b"450789469" in archive.read("webhooks.json"), "the raw webhook is about them"
        assert (await client.post("/api/v1/privacy/1/run")).status_code == 409
        assert (await client.post("/api/v1/privacy/2/run")).status_code == 409
        assert (await client.post("/api/v1/privacy/9/run")).status_code == 404
        assert len((await client.get("/api/v1/privacy?all=true")).json()["requests"]) == 2


async def test_what_else_shopify_says_of_customers_is_kept_and_listed_as_ignored(database: Database) -> None:
    intake = Intake(database)
    for topic in ("customers/enable", "customer_account_settings/update"):
        await intake.deliver("shopify", topic, {"id": 1})
    rows = await intake.rows(WebhookDelivery)
    assert [(row.topic, row.status, bool(row.body)) for row in rows] == [
        ("customers/enable", "ignored", True), ("customer_account_settings/update", "ignored", True),
    ]  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/aftercart.db"\n[shop]\ntimezone = "Europe/Berlin"\n')
    return file


def _run(shop: Path, *words: str, expect: int = 0) -> str:
    result = CliRunner().invoke(cli, [*words, "--config", str(shop)], env={"COLUMNS": "200"})
    assert result.exit_code == expect, result.output
    return result.output


async def _customer(shop: Path) -> None:
    database = Database(f"sqlite:///{shop.parent}/aftercart.db")
    async with database.transaction() as session:
        pairs = [("email", "ada@example.org"), ("shopify", "shopify:goods.myshopify.com:customer:7001234")]
        await contacts.find_or_create(session, pairs, datetime.now(UTC), first_name="Ada")
    intake = Intake(database)
    await intake.deliver("shopify", "shop/redact", {"shop_domain": "goods.myshopify.com"})
    await database.close()


def test_the_command_puts_down_lists_shows_and_does(shop: Path) -> None:
    _run(shop, "privacy", "list")  # makes the database
    asyncio.run(_customer(shop))
    assert "request 2" in _run(shop, "privacy", "ask", "copy", "ada@example.org")
    assert "goods.myshopify.com" in _run(shop, "privacy", "list")
    assert json.loads(_run(shop, "privacy", "show", "2"))["known"] == ["email:ada@example.org"]
    _run(shop, "privacy", "run", "2")
    file = shop.parent / "exports" / "request-2.zip"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert b"ada@example.org" in zipfile.ZipFile(file).read("addresses.json")
    assert "is done" in _run(shop, "privacy", "run", "2", expect=1)
    _run(shop, "privacy", "run", "1", expect=1)  # nobody said yes
    assert "wiped" in _run(shop, "privacy", "run", "1", "--yes")
    assert not file.exists()
    assert asyncio.run(_left(shop)) == ("erased", [])
    assert "there is no request 9" in _run(shop, "privacy", "show", "9", expect=1)


@pytest.mark.parametrize(("known", "many"), [(True, 3), (True, 30), (False, 30)])
def test_the_command_forgets_them_and_what_claims_to_be_them_and_says_how_many(
    shop: Path, known: bool, many: int
) -> None:
    _run(shop, "privacy", "list")  # makes the database
    asyncio.run(_claimed(shop, known=known, many=many))
    told = _run(shop, "contact", "forget", "ada@example.org", "--yes")
    assert f"forgotten: {many} browsers" in told
    assert asyncio.run(_anywhere(shop, "browser-", "ada@example.org")) == []


async def _claimed(shop: Path, *, known: bool, many: int) -> None:
    database = Database(f"sqlite:///{shop.parent}/aftercart.db")
    await browsers(database, [f"browser-{number:04}" for number in range(many)], "ada@example.org")
    if known:
        async with database.transaction() as session:
            await contacts.find_or_create(session, [("email", "ada@example.org")], datetime.now(UTC), proven=True)
    await database.close()


async def _anywhere(shop: Path, *words: str) -> list[str]:
    database = Database(f"sqlite:///{shop.parent}/aftercart.db")
    left = await holding(database, *words)
    await database.close()
    return left


async def _left(shop: Path) -> tuple[str, list[str]]:
    database = Database(f"sqlite:///{shop.parent}/aftercart.db")
    async with database.reading() as session:
        status = (await session.scalars(select(Contact.status))).one()
        known = list((await session.scalars(select(Identity.value))).all())
    await database.close()
    return status, known


async def test_who_is_a_customer_of_another_store_too_stays(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        for kind, value in (
            ("shopify", f"{STORE}:customer:7001234"),
            ("woocommerce", "woocommerce:shop.example:customer:1"),
        ):
            session.add(Identity(contact_id=stage.contact.id, kind=kind, value=value, created_at=NOON))
    requests = Requests(stage.database, stage.desk, 1)
    while True:
        async with stage.database.transaction() as session:
            if not await wiping.some(session, requests.desk, STORE, "operator", NOON):
                break
    async with stage.database.reading() as session:
        assert (await session.get_one(Contact, stage.contact.id)).status == "active"
        assert set((await session.scalars(select(Identity.kind))).all()) == {"telegram", "woocommerce"}


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)
