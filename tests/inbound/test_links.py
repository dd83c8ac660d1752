"""Links of mails, followed by people, by mail programs and by scanners."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

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
from bot.inbound.web import clicks, links
from bot.outbound import outbox
from bot.outbound.email.tracking import LinkTokens
from bot.tables.automations import Click
from bot.tables.events import Event
from bot.tables.mail import TemplateRevision
from bot.tables.outbox import Message
from bot.tables.people import Consent, Suppression

PERSON = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36"}
URLS = ["", *(f"https://shop.example/{page}" for page in "abcdef")]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass
class World:
    """A mail that went to Ada, the web application, and a browser that follows no redirects."""

    database: Database
    ground: Ground
    web: httpx.AsyncClient
    tokens: LinkTokens
    contact_id: int

    async def get(self, url: str, **headers: str) -> httpx.Response:
        return await self.web.get(url, headers={**PERSON, **headers})

    async def follow(self, *numbers: int, **headers: str) -> httpx.Response:
        answers = [await self.get(self.tokens.numbered(number), **headers) for number in numbers]
        return answers[-1]

    async def rows(self, model: type[Any]) -> list[Any]:
        rows = table(model)
        async with self.database.reading() as session:
            return list((await session.execute(sa.select(rows).order_by(rows.c.id))).mappings())

    async def labels(self) -> list[str]:
        return [row["label"] for row in await self.rows(Click)]

    async def refused(self) -> str | None:
        async with self.database.reading() as session:
            return await contacts.suppressed(
                session, self.ground.secret, "email", "ada@example.org", "marketing", clock.now()
            )


@pytest.fixture
async def world(database: Database, texts: Texts) -> AsyncIterator[World]:
    shop = {"name": "Juniper & Oak", "url": "https://shop.example"}
    ground = make.ground(texts, shop=shop, web={"public_url": "https://bot.example"})
    async with database.transaction() as session:
        contact = await make.contact(session)
        assert contact.id is not None
        session.add(TemplateRevision(template="cart", language="en", digest="d1", links=URLS, used_at=NOON))
        message_id = await outbox.queue(
            session, channel="email", purpose="marketing", receiver="ada@example.org", key="k1", now=NOON,
            payload={"list_id": "marketing.shop.example"}, contact_id=contact.id, flow="abandoned_cart", step_id="m1",
            template="cart", revision="d1",
        )  # fmt: skip
        assert message_id is not None
        await contacts.allow(session, ground.secret, contact.id, "email", "ada@example.org", "marketing", "shop", NOON)
    application = FastAPI()
    application.include_router(links.routes(database, ground))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as web:
        yield World(database, ground, web, LinkTokens.of(ground, message_id), contact.id)


async def test_a_click_is_kept_and_leads_to_the_shop_with_the_campaigns_tags(world: World) -> None:
    answer = await world.follow(2)
    assert answer.status_code == 302
    assert answer.headers["location"] == (
        "https://shop.example/b?utm_source=juniper-oak&utm_medium=email&utm_campaign=abandoned_cart&utm_content=m1"
    )
    [click] = await world.rows(Click)
    assert (click["link"], click["url"], click["label"]) == (2, "https://shop.example/b", "human")
    assert click["contact_id"] == world.contact_id


async def test_a_target_of_its_own_is_followed_as_it_was_signed(world: World) -> None:
    answer = await world.get(world.tokens.carrying(1, "https://checkout.example/x?a=1&b=ü#pay", ["checkout.example"]))
    assert answer.headers["location"] == "https://checkout.example/x?a=1&b=%C3%BC#pay"
    assert await world.labels() == ["human"]


@pytest.mark.parametrize("broken", ["/c/nonsense", "/c/nonsense.1", "/c/", "/u/nonsense"])
async def test_a_broken_link_says_so(world: World, broken: str) -> None:
    answer = await world.get(broken)
    assert answer.status_code == 404
    if broken != "/c/":
        assert "leads nowhere" in answer.text


async def test_nobody_borrows_our_address_for_their_own_target(world: World) -> None:
    signed = world.tokens.carrying(1, "https://shop.example/a")
    for url in (
        signed.replace("shop.example", "evil.example"),
        world.tokens.numbered(1) + "?u=https%3A%2F%2Fevil.example",
        world.tokens.numbered(1).replace(".1", ".99"),
        signed.partition("?")[0],
        LinkTokens("https://bot.example", 1, "guess").numbered(1),
    ):
        answer = await world.get(url)
        assert answer.status_code == 404
    assert await world.labels() == []


async def test_looking_whether_a_link_is_there_counts_nothing(world: World) -> None:
    answer = await world.web.head(world.tokens.numbered(1), headers=PERSON)
    assert answer.status_code == 302
    assert await world.labels() == []


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        ({"user-agent": "X Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"}, "prefetch"),
        ({"sec-purpose": "prefetch"}, "prefetch"),
        ({"user-agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, "robot"),
        ({"user-agent": "Mozilla/5.0"}, "robot"),
        ({"user-agent": "python-requests/2"}, "robot"),
    ],
)
async def test_a_machine_that_says_so_is_labelled(world: World, headers: dict[str, str], label: str) -> None:
    await world.follow(1, **headers)
    assert await world.labels() == [label]


async def test_three_links_at_once_are_no_human_and_the_first_two_neither(world: World) -> None:
    await world.follow(1, 2)
    assert await world.labels() == ["human", "human"]
    await world.follow(3)
    assert await world.labels() == ["burst"] * 3


async def test_three_visits_of_one_link_are_somebody_impatient(world: World) -> None:
    await world.follow(1, 1, 1, 2)
    assert await world.labels() == ["human"] * 4


async def test_links_followed_one_by_one_are_human(world: World) -> None:
    message = {"id": world.tokens.message_id, "contact_id": world.contact_id}
    for second in range(3):
        async with world.database.transaction() as session:
            at = NOON + timedelta(seconds=2 * second)
            await clicks.record(session, message, second + 1, "https://shop.example", "human", at)
    assert await world.labels() == ["human"] * 3


async def test_the_hidden_link_gives_its_neighbours_away(world: World) -> None:
    await world.follow(1)
    hidden = await world.follow(0)
    await world.follow(2)
    assert hidden.status_code == 204
    assert await world.labels() == ["canary"] * 3


async def test_t50_opening_the_unsubscribe_page_changes_nothing(world: World) -> None:
    for method in ("GET", "HEAD"):
        answer = await world.web.request(method, world.tokens.unsubscribe)
        assert answer.status_code == 200
    page = await world.get(world.tokens.unsubscribe)
    assert "Stop these mails?" in page.text
    assert "a…a@example.org" in page.text
    assert await world.refused() is None
    assert await world.rows(Event) == []


@pytest.mark.parametrize("multipart", [False, True])
async def test_one_click_unsubscribes_again_and_again(world: World, multipart: bool) -> None:
    """RFC 8058."""
    body: Any = {"files": {"List-Unsubscribe": (None, "One-Click")}} if multipart else {"data": ONE_CLICK}
    for _ in range(3):
        answer = await world.web.post(world.tokens.unsubscribe, **body)
        assert answer.status_code == 200
        assert not answer.headers.get("set-cookie")
    assert await world.refused() == "unsubscribed"
    ledger = await world.rows(Consent)
    assert [(row["action"], row["source"]) for row in ledger] == [("granted", "shop"), ("withdrawn", "one_click")]
    [event] = await world.rows(Event)
    assert (event["source"], event["name"], event["contact_id"]) == ("aftercart", "Unsubscribed", world.contact_id)
    assert event["body"]["properties"]["topic"] == "marketing"


@pytest.mark.parametrize(
    ("reason", "topic", "days"), [("soft_bounce", "*", 90), ("complaint", "*", None), ("hard_bounce", "", None)]
)
async def test_who_leaves_while_mail_is_given_up_has_left_for_good(
    world: World, reason: str, topic: str, days: int | None
) -> None:
    now = clock.now()
    until = now + timedelta(days=days) if days else None
    about = world.ground.secret, "email", "ada@example.org"
    async with world.database.transaction() as session:
        await contacts.suppress(session, *about, reason, now, topic=topic, until=until)
    for _ in range(2):
        await world.web.post(world.tokens.unsubscribe, data=ONE_CLICK)
    ledger = await world.rows(Consent)
    assert [(row["action"], row["source"]) for row in ledger] == [("granted", "shop"), ("withdrawn", "one_click")]
    assert [event["name"] for event in await world.rows(Event)] == ["Unsubscribed"]
    async with world.database.transaction() as session:
        if until is None:  # somebody lifts it
            rows = table(Suppression)
            await session.execute(sa.delete(rows).where(rows.c.reason == reason))
        standing = await topics.standing(session, *about, now + timedelta(days=91))
    assert (standing.gets("marketing"), standing.stop("marketing"), standing.blocked) == (False, "unsubscribed", False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data"),
        (b"{}", "application/json"),
    ],
)
async def test_a_body_that_is_no_form_unsubscribes_all_the_same(world: World, body: bytes, kind: str) -> None:
    answer = await world.web.post(world.tokens.unsubscribe, content=body, headers={"content-type": kind})
    assert answer.status_code == 200
    assert await world.refused() == "unsubscribed"


async def test_a_mistake_is_taken_back_with_one_press(world: World) -> None:
    done = await world.web.post(world.tokens.unsubscribe, data={"action": "leave"})
    assert "That was a mistake" in done.text
    back = await world.web.post(world.tokens.unsubscribe, data={"action": "come_back"})
    assert "Good to have you back" in back.text
    assert await world.refused() is None
    assert [row["action"] for row in await world.rows(Consent)] == ["granted", "withdrawn", "granted"]
    assert [row["name"] for row in await world.rows(Event)] == ["Unsubscribed", "Subscribed"]
    await world.web.post(world.tokens.unsubscribe, data={"action": "leave"})
    assert await world.refused() == "unsubscribed"


async def test_coming_back_lifts_no_bounce_and_no_complaint(world: World) -> None:
    async with world.database.transaction() as session:
        await contacts.suppress(session, world.ground.secret, "email", "ada@example.org", "complaint", NOON)
    await world.web.post(world.tokens.unsubscribe, data={"action": "come_back"})
    assert await world.refused() == "complaint"


async def test_somebody_forgotten_may_still_unsubscribe(world: World) -> None:
    async with world.database.transaction() as session:
        await contacts.erase(session, world.ground.secret, world.contact_id, NOON)
    answer = await world.web.post(world.tokens.unsubscribe, data=ONE_CLICK)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    async with world.database.transaction() as session:
        await session.execute(sa.delete(table(Message)))
    assert (await world.web.post(world.tokens.unsubscribe, data=ONE_CLICK)).status_code == 200
    assert (await world.get(world.tokens.unsubscribe)).status_code == 200


async def test_one_token_does_one_thing_only(world: World) -> None:
    click = urlsplit(world.tokens.numbered(1)).path.removeprefix("/c/").partition(".")[0]
    assert (await world.web.post(f"/u/{click}")).status_code == 404
    leave = urlsplit(world.tokens.unsubscribe).path.removeprefix("/u/")
    assert (await world.get(f"/c/{leave}.1")).status_code == 404
    assert await world.rows(Suppression) == []


async def test_pages_speak_the_readers_language_and_load_nothing(world: World) -> None:
    stranger = await world.get("/u/nonsense", **{"accept-language": "zh-TW,zh;q=0.9"})
    assert 'lang="zh-CN"' in stranger.text
    assert "打不开" in stranger.text
    ada = await world.get(world.tokens.unsubscribe, **{"accept-language": "zh-CN"})
    assert 'lang="en"' in ada.text
    policy = ada.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in ada.text
    assert "http" not in ada.text.replace("https://shop.example", "")
