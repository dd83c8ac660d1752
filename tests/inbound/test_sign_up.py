"""Signing up with a second yes: nobody is put on a list by somebody else, and no mailbox is flooded."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from fakes import RecordingSender
from fastapi import FastAPI

from automations.consent import opt_in
from automations.consent.new_sign_ups import NewSignUps
from bot import contacts
from bot.base import clock, due, paths
from bot.base.config.limits import SignUpLimits
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.contacts import export, topics
from bot.inbound.web import choosing, each_request, sign_up
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Outbox
from bot.outbound.sender import DeliveryError, Outgoing
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, OptIn, Suppression

ADA = "ada@example.org"
SHOP = {"origin": "https://www.shop.example"}
BROWSER = {"user-agent": "Firefox", "accept": "text/html"}
MAILS = MailTemplates([paths.templates()])
LIMITS = SignUpLimits()


@dataclass
class World:
    """The shop's page posts, mails leave, and the clock stands where the test puts it."""

    database: Database
    ground: Ground
    web: httpx.AsyncClient
    mails: RecordingSender
    outbox: Outbox
    now: datetime = NOON

    async def asks(self, address: str = ADA, **fields: Any) -> httpx.Response:
        answer = await self.web.post("/subscribe", data={"email": address, **fields}, headers={**SHOP, **BROWSER})
        await self.decide()
        return answer

    async def decide(self) -> None:
        """The work behind the answers."""
        await NewSignUps(self.database, self.ground, MAILS).run(self.now)

    async def link(self) -> str:
        """What the newest mail asks to press."""
        while await self.outbox.deliver_due("email"):
            pass
        text = str(self.mails.sent[-1].payload["text"])
        return "/confirm/" + text.partition("/confirm/")[2].split()[0].rstrip(")>")

    async def rows(self, model: type[Any]) -> list[Mapping[str, Any]]:
        rows = table(model)
        async with self.database.reading() as session:
            return [dict(row) for row in (await session.execute(sa.select(rows).order_by(rows.c.id))).mappings()]

    async def ledger(self) -> list[tuple[str, str, str]]:
        return [(row["topic"], row["action"], row["source"]) for row in await self.rows(Consent)]

    async def gets(self, topic: str = "marketing", address: str = ADA) -> bool:
        async with self.database.reading() as session:
            return (await topics.standing(session, self.ground.secret, "email", address, self.now)).gets(topic)


async def _world(database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch, **automations: Any) -> World:
    shop = {"name": "Juniper & Oak", "url": "https://www.shop.example"}
    ground = make.ground(texts, shop=shop, automations=automations, web={"public_url": "https://bot.example"})
    app = each_request.build([sign_up.routes(database, ground)])
    assert isinstance(app, FastAPI)
    web = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://bot.example")
    mails = RecordingSender(ordered=False)
    async with database.transaction() as session:
        worker = await due.register(session, NOON)
    world = World(database, ground, web, mails, None)  # type: ignore[arg-type]
    stages = {opt_in.PURPOSE: opt_in.Mails(ground)}
    world.outbox = Outbox(database, {"email": mails}, stages, worker, now=lambda: world.now)
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world


@pytest.fixture
async def world(database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = await _world(database, texts, monkeypatch)
    async with made.web:
        yield made


async def test_who_signs_up_gets_nothing_before_a_second_yes(world: World) -> None:
    answer = await world.asks(text_version="footer 3")
    assert answer.status_code == 202 and "look into your mailbox" in answer.text
    assert answer.headers["access-control-allow-origin"] == SHOP["origin"]
    assert await world.ledger() == [("marketing", "requested", "sign_up_form")]
    assert not await world.gets() and await world.rows(Contact) == []
    link = await world.link()
    [mail] = world.mails.sent
    assert mail.payload["to"] == ADA and "list_unsubscribe" not in mail.payload
    assert "Offers, reminders and news" in mail.payload["text"]
    page = await world.web.post(link, headers=BROWSER)
    assert page.status_code == 200 and "Thank you" in page.text
    assert await world.ledger() == [
        ("marketing", "requested", "sign_up_form"), ("marketing", "granted", "double_opt_in"),
    ]  # fmt: skip
    granted = (await world.rows(Consent))[-1]
    assert (granted["ip"], granted["user_agent"], granted["text_version"]) == ("127.0.0.1", "Firefox", "footer 3")
    assert await world.gets()
    [event] = await world.rows(Event)
    assert (event["source"], event["name"], event["body"]["properties"]["confirmed"]) == (
        "aftercart", "Subscribed", True,
    )  # fmt: skip


async def test_what_others_add_while_the_page_is_open_is_not_said_yes_to(world: World) -> None:
    await world.asks()
    link = await world.link()
    page = (await world.web.get(link)).text
    shown = re.findall(r'name="topic" value="([^"]+)"', page)
    assert shown == ["marketing"]
    await world.asks(topic="care")
    await world.web.post(link, data={"topic": shown}, headers=BROWSER)
    [yes] = [row for row in await world.rows(Consent) if row["action"] == "granted"]
    assert yes["topic"] == "marketing"
    assert yes["text_version"] == choosing.wording(world.ground, "en", ["marketing"]), "of the words that they read"


async def test_a_scanner_confirms_nothing(world: World) -> None:
    await world.asks()
    link = await world.link()
    for method in ("GET", "HEAD"):
        for _ in range(3):
            assert (await world.web.request(method, link)).status_code == 200
    assert "a…a@example.org" in (await world.web.get(link)).text
    assert not await world.gets()
    assert await world.rows(Event) == []


async def test_the_second_press_changes_nothing(world: World) -> None:
    await world.asks()
    link = await world.link()
    for _ in range(3):
        assert (await world.web.post(link)).status_code == 200
    assert len(await world.ledger()) == 2 and len(await world.rows(Event)) == 1


async def test_a_link_holds_until_the_next_mail_may_leave_and_no_longer(world: World) -> None:
    await world.asks()
    link = await world.link()
    world.now = NOON + timedelta(days=15, seconds=1)
    assert (await world.web.get(link)).status_code == 410
    assert "too old" in (await world.web.post(link)).text
    assert not await world.gets()
    assert (await world.web.get(link[:-1] + "x")).status_code == 404
    async with world.database.transaction() as session:
        await opt_in.forget(session, NOON + timedelta(days=31))
    assert (await world.web.post(link)).status_code == 404


@pytest.mark.parametrize("most", [1, 3])
async def test_who_is_asked_for_every_day_gets_few_mails_and_always_has_a_link_that_holds(
    database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Strangers ask in Ada's name once a day; on no day does that take the yes away from her."""
    world = await _world(database, texts, monkeypatch, sign_up_limits={"unanswered_per_address": most})
    mailed: list[datetime] = []
    async with world.web:
        for day in range(65):
            world.now = NOON + timedelta(days=day, minutes=day)
            await world.asks()
            while await world.outbox.deliver_due("email"):
                pass
            mailed += [world.now] * (len(world.mails.sent) - len(mailed))
            assert 'name="topic"' in (await world.web.get(await world.link())).text
            async with world.database.transaction() as session:
                await opt_in.forget(session, world.now)
    assert all(len([at for at in mailed if since <= at < since + timedelta(days=30)]) <= most for since in mailed)


async def test_who_said_yes_and_left_again_is_asked_at_once_when_they_come_back(world: World) -> None:
    for days in (0, 2):
        world.now = NOON + timedelta(days=days)
        await world.asks()
    await world.web.post(await world.link())
    world.now += timedelta(days=1)
    async with world.database.transaction() as session:
        await contacts.withdraw(session, world.ground.secret, None, "email", ADA, "marketing", "page", world.now)
    world.now += timedelta(hours=1)
    await world.asks()
    await world.link()
    assert len(world.mails.sent) == 3


async def test_many_at_once_bring_one_mail(world: World) -> None:
    await asyncio.gather(*(world.asks() for _ in range(8)))
    assert len(await world.rows(Message)) == 1


async def test_what_is_asked_for_while_a_mail_is_on_its_way_is_confirmed_with_it(world: World) -> None:
    await world.asks()
    await world.asks(topic="care")
    await world.web.post(await world.link())
    assert len(world.mails.sent) == 1
    assert await world.gets("care") and await world.gets()


async def test_of_many_from_one_place_all_are_answered_alike_and_few_are_mailed(world: World) -> None:
    for number in range(LIMITS.network_per_hour):
        first = await world.asks(f"somebody{number}@example.org")
    more = await world.asks("one.more@example.org")
    assert more.status_code == first.status_code == 202
    assert more.text.replace("one.more@", "") == first.text.replace(f"somebody{number}@", "")
    assert len(await world.rows(Message)) == LIMITS.network_per_hour
    assert [row["held_by"] for row in await world.rows(OptIn)][-2:] == ["", "network"]
    world.now = NOON + timedelta(hours=1, seconds=1)
    await world.asks("another@example.org")
    assert len(await world.rows(Message)) == LIMITS.network_per_hour + 1


async def test_who_fills_the_database_is_told_to_wait(world: World) -> None:
    for number in range(sign_up.MOST_PER_HOUR):
        await world.web.post("/subscribe", json={"email": f"somebody{number}@example.org"}, headers=SHOP)
    refused = await world.asks("one.more@example.org")
    assert refused.status_code == 429 and refused.headers["retry-after"] == "3600"
    world.now = NOON + timedelta(hours=1, seconds=1)
    assert (await world.asks("one.more@example.org")).status_code == 202


async def test_the_answer_tells_nobody_who_is_on_the_list(world: World) -> None:
    async with world.database.transaction() as session:
        await contacts.allow(session, world.ground.secret, None, "email", ADA, "marketing", "shop", NOON)
        await contacts.suppress(session, world.ground.secret, "email", "bo@example.org", "hard_bounce", NOON)
    known, bounced, new = await world.asks(), await world.asks("bo@example.org"), await world.asks("cy@example.org")
    assert known.status_code == bounced.status_code == new.status_code == 202
    assert known.text.replace(ADA, "") == new.text.replace("cy@example.org", "")
    assert [row["payload"]["to"] for row in await world.rows(Message)] == ["cy@example.org"]


async def test_the_work_before_the_answer_is_the_same_for_every_address(world: World) -> None:
    """Neither the answer nor its time tells who is on the list: nothing is looked up before it."""
    await world.asks("waits@example.org")
    async with world.database.transaction() as session:
        secret = world.ground.secret
        await contacts.allow(session, secret, None, "email", "subscribed@example.org", "marketing", "shop", NOON)
        await contacts.withdraw(session, secret, None, "email", "left@example.org", "marketing", "shop", NOON)
        await contacts.suppress(session, secret, "email", "bounced@example.org", "hard_bounce", NOON)
        await contacts.find_or_create(session, [("email", "customer@example.org")], NOON)
    done: list[str] = []

    def statement(*given: Any) -> None:
        done.append(given[2])

    sa.event.listen(world.database.engine.sync_engine, "before_cursor_execute", statement)
    found = set()
    for name in ("nobody", "waits", "subscribed", "left", "bounced", "customer"):
        done.clear()
        answer = await world.web.post("/subscribe", json={"email": f"{name}@example.org"}, headers=SHOP)
        found.add((tuple(done), answer.status_code, answer.text.replace(name, "")))
    assert len(found) == 1, found
    assert not [one for one in done if one.startswith("SELECT")]


async def test_a_sign_up_that_cannot_be_decided_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = opt_in.decide_new

    async def fails_once(session: Any, ground: Any, mails: Any, row_id: int, now: datetime) -> None:
        if row_id == 1 and len(await world.rows(Message)) == 0:
            raise ValueError("a value that the database refuses")
        await decide(session, ground, mails, row_id, now)

    monkeypatch.setattr(opt_in, "decide_new", fails_once)
    await world.asks("odd@example.org")
    await world.asks("plain@example.org")
    assert [row["payload"]["to"] for row in await world.rows(Message)] == ["plain@example.org"]
    await world.decide()
    assert len(await world.rows(Message)) == 2


async def test_who_left_may_come_back_and_an_unconfirmed_wish_gives_nothing_back(world: World) -> None:
    async with world.database.transaction() as session:
        for write in (contacts.allow, contacts.withdraw):
            at = NOON - timedelta(hours=2)
            await write(session, world.ground.secret, None, "email", ADA, "marketing", "shop", at)
        await contacts.suppress(session, world.ground.secret, "email", ADA, "unsubscribed", NOON - timedelta(hours=1))
    await world.asks()
    async with world.database.reading() as session:
        last = await contacts.allowed(session, world.ground.secret, "email", ADA, "marketing")
    assert last is not None and last.action == "withdrawn"
    await world.web.post(await world.link())
    assert await world.gets()
    assert await world.rows(Suppression) == []


async def test_robots_fall_into_the_field_that_nobody_sees(world: World) -> None:
    answer = await world.asks(website="https://spam.example")
    assert answer.status_code == 202
    assert await world.rows(OptIn) == []


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 202),
        ("https://de.shop.example", 202),
        ("https://brand.example", 202),
        ("https://evilshop.example", 403),
        ("http://brand.example", 403),
        ("https://shop.example.evil.example", 403),
        ("http://[", 403),
        ("null", 403),
        (None, 202),
    ],
)
async def test_only_pages_of_the_shop_may_post(
    database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch, origin: str | None, status: int
) -> None:
    world = await _world(database, texts, monkeypatch, sign_up_origins=["https://brand.example"])
    headers = {"origin": origin} if origin else {}
    async with world.web:
        answer = await world.web.post("/subscribe", json={"email": ADA}, headers=headers)
        assert answer.status_code == status
        asked = await world.web.options("/subscribe", headers=headers)
        assert asked.status_code == (204 if status == 202 and origin else 403)
        if origin and status == 202:
            assert answer.headers["access-control-allow-origin"] == origin
        else:
            assert "access-control-allow-origin" not in answer.headers
    assert len(await world.rows(OptIn)) == (status == 202)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": ADA, "topics": ["care", "care"], "language": "zh-CN"}, 202),
        ({"email": ADA, "topic": "nonsense"}, 422),
        ({"email": "ada at example.org"}, 422),
        ({"email": ["x"]}, 422),
        ([], 422),
    ],
)
async def test_a_script_posts_json_and_reads_json(world: World, body: Any, status: int) -> None:
    answer = await world.web.post("/subscribe", json=body, headers=SHOP)
    assert answer.status_code == status
    assert answer.json()["message"]
    await world.decide()
    if status == 202:
        [row] = await world.rows(OptIn)
        assert (row["topics"], row["language"]) == (["care"], "zh_CN")
        assert "请确认订阅" in (await world.rows(Message))[0]["payload"]["subject"]
    broken = await world.web.post("/subscribe", content=b"{", headers={**SHOP, "content-type": "application/json"})
    assert broken.status_code == 422


async def test_nothing_readable_of_a_stranger_stays_behind(world: World) -> None:
    await world.asks()
    await world.link()
    [row] = await world.rows(Message)
    assert ADA not in str(row)
    async with world.database.transaction() as session:
        await opt_in.forget(session, NOON + timedelta(days=31))
    assert await world.rows(OptIn) == []


async def test_a_mailbox_that_does_not_exist_is_remembered(world: World) -> None:
    def refuse(_message: Outgoing) -> Any:
        raise DeliveryError("550 no such mailbox", permanent=True, reason="bad_address")

    world.mails._answer = refuse
    await world.asks()
    while await world.outbox.deliver_due("email"):
        pass
    [stop] = await world.rows(Suppression)
    assert stop["reason"] == "hard_bounce"


async def test_a_mail_that_the_relay_refused_takes_nobodys_next_one(world: World) -> None:
    def refuse(_message: Outgoing) -> Any:
        raise DeliveryError("554 not now", permanent=True, reason="rejected")

    taken, world.mails._answer = world.mails._answer, refuse
    for days in (0, 2):
        world.now = NOON + timedelta(days=days)
        for _ in range(3):
            await world.asks()
            while await world.outbox.deliver_due("email"):
                pass
    assert len(await world.rows(Message)) == 2, "one a day, as long as none arrives"
    world.mails._answer = taken
    world.now = NOON + timedelta(days=4)
    await world.asks()
    await world.web.post(await world.link())
    assert await world.gets()


async def test_a_copy_of_the_data_holds_the_sign_up_and_forgetting_takes_it(world: World) -> None:
    await world.asks()
    await world.web.post(await world.link())
    [person] = await world.rows(Contact)
    async with world.database.reading() as session:
        found = await export.collect(session, person["id"], world.ground.secret)
    assert [row["source"] for row in found["consent"]] == ["sign_up_form", "double_opt_in"]
    assert found["sign-ups"][0]["address"] == ADA
    async with world.database.transaction() as session:
        await contacts.erase(session, world.ground.secret, person["id"], NOON)
    assert await world.rows(OptIn) == []


async def test_a_form_is_asked_back_also_where_the_shop_does_without_a_second_yes(
    database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may type any address into it: `double_opt_in = false` is about what a server key says."""
    world = await _world(database, texts, monkeypatch, double_opt_in=False)
    async with world.web:
        answer = await world.asks()
    assert answer.status_code == 202 and "You are in" not in answer.text
    assert await world.ledger() == [("marketing", "requested", "sign_up_form")]
    assert [message["purpose"] for message in await world.rows(Message)] == ["opt_in"]
