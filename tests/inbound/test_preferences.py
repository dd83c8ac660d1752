"""The page where people choose what they get."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from fastapi import FastAPI

from bot import contacts
from bot.base import clock
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.contacts import topics
from bot.inbound.web import links, preferences
from bot.outbound import outbox
from bot.outbound.email.tracking import LinkTokens
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, Identity, Suppression

ADA = "ada@example.org"
SAVE = {"action": "save", "language": "en", "channel": ""}


@dataclass
class World:
    """Ada got a mail and chats with us in Telegram; a browser without script looks at her page."""

    database: Database
    ground: Ground
    web: httpx.AsyncClient
    tokens: LinkTokens
    contact_id: int

    async def look(self, **headers: str) -> httpx.Response:
        return await self.web.get(self.tokens.preferences, headers=headers)

    async def save(self, *on: str, **fields: str) -> httpx.Response:
        agent = {"user-agent": "Firefox"}
        return await self.web.post(self.tokens.preferences, data={**SAVE, **fields, "on": list(on)}, headers=agent)

    async def rows(self, model: type[Any]) -> list[Any]:
        rows = table(model)
        async with self.database.reading() as session:
            return list((await session.execute(sa.select(rows).order_by(rows.c.id))).mappings())

    async def ledger(self) -> list[tuple[str, str, str, str]]:
        rows = await self.rows(Consent)
        return [(row["channel"], row["topic"], row["action"], row["source"]) for row in rows]

    async def gets(self, channel: str = "email", address: str = ADA) -> list[str]:
        async with self.database.reading() as session:
            found = await topics.standing(session, self.ground.secret, channel, address, clock.now())
        return [name for name in self.ground.config.automations.shown_topics if found.gets(name)]


async def _world(database: Database, texts: Texts, **automations: Any) -> tuple[World, FastAPI]:
    shop = {"name": "Juniper & Oak", "url": "https://shop.example"}
    ground = make.ground(texts, shop=shop, automations=automations)
    async with database.transaction() as session:
        contact = await make.telegram_contact(session)
        assert contact.id is not None
        session.add(Identity(contact_id=contact.id, kind="email", value=ADA, created_at=NOON))
        message_id = await outbox.queue(
            session, channel="email", purpose="marketing", receiver=ADA, key="k1", now=NOON,
            payload={"list_id": "marketing.shop.example"}, contact_id=contact.id, flow="abandoned_cart", step_id="m1",
        )  # fmt: skip
        assert message_id is not None
        await contacts.allow(session, ground.secret, contact.id, "email", ADA, "marketing", "shop", NOON)
    application = FastAPI()
    application.include_router(preferences.routes(database, ground))
    application.include_router(links.routes(database, ground))
    transport = httpx.ASGITransport(application)
    web = httpx.AsyncClient(transport=transport, base_url="https://bot.example")
    tokens = LinkTokens("https://bot.example", message_id, ground.secret)
    return World(database, ground, web, tokens, contact.id), application


@pytest.fixture
async def world(database: Database, texts: Texts) -> AsyncIterator[World]:
    made, _ = await _world(database, texts)
    async with made.web:
        yield made


async def test_t50_looking_at_the_page_changes_nothing(world: World) -> None:
    for method in ("GET", "HEAD"):
        answer = await world.web.request(method, world.tokens.preferences)
        assert answer.status_code == 200
    page = await world.look()
    assert page.text.count('<input type="checkbox"') == 10  # five topics by mail, five in Telegram
    assert page.text.count(" checked") == 5  # consent to marketing covers every kind by mail, and nothing in Telegram
    assert "a…a@example.org" in page.text and ADA not in page.text
    assert await world.ledger() == [("email", "marketing", "granted", "shop")]
    assert await world.rows(Event) == []


async def test_only_what_differs_is_written_down_with_all_that_proves_it(world: World) -> None:
    kept = [f"email:{name}" for name in topics_but(world, "care")]
    page = await world.save(*kept)
    assert page.status_code == 200 and "Saved." in page.text
    assert (await world.ledger())[1:] == [("email", "care", "withdrawn", "preference_page")]
    row = (await world.rows(Consent))[-1]
    assert (row["ip"], row["user_agent"]) == ("127.0.0.1", "Firefox")
    assert row["text_version"].startswith("topics:en:")
    assert await world.gets() == topics_but(world, "care")
    [event] = await world.rows(Event)
    assert (event["name"], event["body"]["properties"]["topics"]) == ("Unsubscribed", ["care"])
    again = await world.save(*kept)
    assert "Nothing has changed" in again.text
    assert len(await world.ledger()) == 2 and len(await world.rows(Event)) == 1


def topics_but(world: World, *without: str) -> list[str]:
    return [name for name in world.ground.config.automations.shown_topics if name not in without]


async def test_leaving_the_offers_keeps_what_was_ticked_beside_them(world: World) -> None:
    await world.save("email:care")
    assert await world.gets() == ["care"]
    assert (await world.ledger())[1:] == [
        ("email", "marketing", "withdrawn", "preference_page"), ("email", "care", "granted", "preference_page"),
    ]  # fmt: skip
    [event] = await world.rows(Event)
    assert event["body"]["properties"]["topic"] == "marketing"
    assert event["body"]["properties"]["topics"] == sorted(topics_but(world, "care"))


async def test_what_is_ticked_in_telegram_is_consent_there_alone(world: World) -> None:
    everything = [f"email:{name}" for name in topics_but(world)]
    await world.save(*everything, "telegram:back_in_stock")
    assert await world.gets("telegram", "501") == ["back_in_stock"]
    assert (await world.ledger())[1:] == [("telegram", "back_in_stock", "granted", "preference_page")]


async def test_nothing_at_all_takes_everything_back_with_one_press(world: World) -> None:
    await world.save(*[f"email:{name}" for name in topics_but(world)], "telegram:care")
    for _ in range(2):
        page = await world.web.post(world.tokens.preferences, data={"action": "nothing"})
        assert "you get none of these" in page.text
        assert " checked" not in page.text
    assert (await world.gets(), await world.gets("telegram", "501")) == ([], [])
    assert [row[:3] for row in (await world.ledger())[2:]] == [
        ("email", "marketing", "withdrawn"), ("telegram", "marketing", "withdrawn"), ("telegram", "care", "withdrawn"),
    ]  # fmt: skip
    await world.save("email:birthday")
    assert await world.gets() == ["birthday"]


async def test_language_and_channel_are_chosen_too_and_the_page_follows(world: World) -> None:
    everything = [f"email:{name}" for name in topics_but(world)]
    page = await world.save(*everything, language="zh_CN", channel="telegram")
    assert "已保存" in page.text and 'lang="zh-CN"' in page.text
    contact = next(row for row in await world.rows(Contact) if row["id"] == world.contact_id)
    assert (contact["language"], contact["traits"]["preferred_channel"]) == ("zh_CN", "telegram")
    await world.save(*everything, language="zh_CN", channel="")
    contact = next(row for row in await world.rows(Contact) if row["id"] == world.contact_id)
    assert "preferred_channel" not in contact["traits"]
    assert len(await world.ledger()) == 1  # none of it is consent


async def test_values_that_the_form_does_not_have_are_ignored(world: World) -> None:
    everything = [f"email:{name}" for name in topics_but(world)]
    await world.save(*everything, "email:nonsense", "sms:care", language="tlh", channel="pigeon")
    for content in (b"\xff", b"action=jump", b""):
        answer = await world.web.post(world.tokens.preferences, content=content)
        assert answer.status_code == 200
    assert len(await world.ledger()) == 1


async def test_the_page_of_a_chat_is_that_persons(world: World) -> None:
    link = topics.page(world.ground, world.contact_id).removeprefix(world.ground.config.web.url)
    assert "a…a@example.org" in (await world.web.get(link)).text
    assert (await world.web.get("/preferences/nonsense")).status_code == 404
    assert (await world.web.post("/preferences/nonsense", data=SAVE)).status_code == 404
    unsubscribe = world.tokens.unsubscribe.rpartition("/")[2]
    assert (await world.web.get(f"/preferences/{unsubscribe}")).status_code == 404


async def test_somebody_forgotten_sees_that_nothing_is_sent(world: World) -> None:
    async with world.database.transaction() as session:
        await contacts.erase(session, world.ground.secret, world.contact_id, NOON)
    for answer in (await world.look(), await world.save("email:care"), await world.save(action="nothing")):
        assert answer.status_code == 200
        assert "nothing is sent to you" in answer.text
    async with world.database.transaction() as session:
        await session.execute(sa.delete(table(Message)))
    assert (await world.look()).status_code == 200


async def test_an_address_that_bounced_cannot_be_ticked_to_life(world: World) -> None:
    async with world.database.transaction() as session:
        await contacts.suppress(session, world.ground.secret, "email", ADA, "hard_bounce", NOON)
    await world.save(*[f"email:{name}" for name in topics_but(world, "care")])
    page = await world.look()
    mine = page.text.partition("</fieldset>")[0]
    assert "came back" in mine and mine.count(" checked") == 4 and mine.count(" disabled") == 1
    everything = [f"email:{name}" for name in topics_but(world)]
    assert "Nothing has changed" in (await world.save(*everything)).text
    assert await world.gets() == []
    assert (await world.ledger())[1:] == [("email", "care", "withdrawn", "preference_page")]


async def test_what_is_taken_back_while_mail_is_given_up_stays_so_when_it_goes_again(world: World) -> None:
    async with world.database.transaction() as session:
        about = session, world.ground.secret, "email", ADA
        until = clock.now() + timedelta(days=90)
        await contacts.suppress(*about, "soft_bounce", NOON, topic="*", until=until)
    await world.save("email:care", "email:marketing")
    await world.save("email:care")
    assert "Saved." not in (await world.save("email:care", "email:birthday")).text
    [first, second] = await world.rows(Event)
    assert first["body"]["properties"]["topics"] == sorted(topics_but(world, "care", "marketing"))
    assert second["body"]["properties"]["topics"] == ["marketing"]
    async with world.database.transaction() as session:
        await session.execute(sa.delete(table(Suppression)).where(table(Suppression).c.reason == "soft_bounce"))
    assert await world.gets() == ["care"]


async def test_nothing_at_all_is_heard_while_mail_is_given_up(world: World) -> None:
    async with world.database.transaction() as session:
        await contacts.suppress(session, world.ground.secret, "email", ADA, "hard_bounce", NOON)
    page = await world.save(action="nothing")
    assert " checked" not in page.text
    by_mail, _ = await world.rows(Event)  # the other is about Telegram
    assert by_mail["body"]["properties"]["topics"] == sorted(topics_but(world))


async def test_the_page_loads_nothing_and_is_framed_nowhere(world: World) -> None:
    page = await world.look()
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text and "style=" not in page.text
    assert "http" not in page.text.replace("https://shop.example", "")


async def test_what_a_shop_may_send_without_a_word_can_be_refused_here(database: Database, texts: Texts) -> None:
    world, _ = await _world(database, texts, checkout_reminder_without_consent=True)
    async with world.web:
        async with database.transaction() as session:
            await session.execute(sa.delete(table(Consent)))
        assert (await world.look()).text.count(" checked") == 1
        await world.save("email:marketing")
        assert await world.ledger() == []
        await world.save()
        assert await world.ledger() == [("email", "marketing", "withdrawn", "preference_page")]


async def test_topics_of_the_shops_own_are_shown_in_its_words(database: Database, texts: Texts) -> None:
    own = [
        {"name": "workshops", "title": "Workshops", "title_zh": "工作坊", "about": "Evenings with wood."},
        {"name": "birthday", "hidden": True},
        {"name": "care", "title": "Care & repair"},
    ]
    world, _ = await _world(database, texts, topics=own)
    async with world.web:
        page = (await world.look()).text
        assert "Evenings with wood." in page and "Care &amp; repair" in page and "Birthday" not in page
        await world.save(*[f"email:{name}" for name in topics_but(world, "workshops")], language="zh_CN")
        assert "工作坊" in (await world.look()).text
        assert await world.gets() == topics_but(world, "workshops")


async def test_the_unsubscribe_page_leads_there(world: World) -> None:
    page = await world.web.get(world.tokens.unsubscribe)
    link = page.text.partition('href="/preferences/')[2].partition('"')[0]
    assert (await world.web.get(f"/preferences/{link}")).status_code == 200
