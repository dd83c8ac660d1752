import httpx
import make
import pytest
import shop_world
from fastapi import FastAPI
from shop_world import DAY, HOUR, ShopWorld

from automations.reports import coming
from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.web import api, each_request

KEY = "a-long-key-of-the-shop"


def client(shop: ShopWorld, key: str | None = KEY) -> httpx.AsyncClient:
    ground = make.ground(shop.ground.texts, web={"api_key": key} if key else {})
    app: FastAPI = each_request.build([api.routes(shop.database, ground)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
async def shop(database: Database, texts: Texts) -> ShopWorld:
    return await shop_world.opened(database, texts)


@pytest.mark.parametrize("header", ["", "Bearer wrong", f"Basic {KEY}", f"bearer{KEY}"])
async def test_without_the_key_nothing_is_told(shop: ShopWorld, header: str) -> None:
    async with client(shop) as http:
        answer = await http.get("/api/v1/why?who=ada@example.org", headers={"authorization": header})
    assert answer.status_code == 401 and answer.json()["code"] == "unauthorized"


async def test_without_a_key_in_the_configuration_the_api_is_off(shop: ShopWorld) -> None:
    async with client(shop, None) as http:
        answer = await http.get("/api/v1/why?who=ada@example.org", headers={"authorization": "Bearer "})
    assert answer.status_code == 404 and "web.api_key" in answer.json()["message"]


async def test_it_tells_why_somebody_got_a_mail_and_what_is_coming(shop: ShopWorld) -> None:
    await shop.person()
    await shop.adds()
    await shop.passes(2 * HOUR)
    async with client(shop) as http:
        http.headers["authorization"] = f"Bearer {KEY}"
        found = (await http.get("/api/v1/why", params={"who": "ada@example.org"})).json()
        other = (await http.get("/api/v1/why", params={"who": "ada@example.org", "flow": "birthday"})).json()
        nobody = await http.get("/api/v1/why", params={"who": "eve@example.org"})
    assert [(mail["flow"], mail["step"], mail["status"]) for mail in found["mails"]] == [
        ("abandoned_cart", "first", "sent")
    ]
    assert all(answer["said"] for answer in found["mails"][0]["answers"])
    assert [one["step"] for one in found["coming"]] == ["second", "third"]
    assert other == {"mails": [], "refused": [], "beside": [], "coming": [], "claimed": [], "claims": 0}
    assert nobody.status_code == 404


async def test_browsers_that_claim_an_address_are_told_apart_from_whoever_has_it(shop: ShopWorld) -> None:
    await shop.person()
    for browser, email in (("b1", "ada@example.org"), ("b2", "eve@example.org")):
        await shop.happens("", email, kind="identify", anonymous=browser, rank="page", traits={"email": email})
    cart = {"cart_id": "c9", "product_id": "lamp", "name": "Lamp", "price": 9, "quantity": 1, "currency": "EUR"}
    await shop.happens("Product Added", anonymous="b1", rank="page", **cart)
    async with client(shop) as http:
        http.headers["authorization"] = f"Bearer {KEY}"
        ada = (await http.get("/api/v1/why", params={"who": "ADA@example.org"})).json()
        eve = (await http.get("/api/v1/why", params={"who": "eve@example.org"})).json()
    assert ada["mails"] == [] and ada["claims"] == 1
    assert [mail["flow"] for mail in ada["claimed"][0]["mails"]] == ["abandoned_cart"]
    assert eve["mails"] == [] and eve["claims"] == 1 and eve["claimed"][0]["mails"] == []


async def test_what_is_coming_is_what_then_comes(shop: ShopWorld) -> None:
    contact_id = await shop.person()
    await shop.adds()
    async with shop.database.reading() as session:
        ahead = await coming.coming(session, shop.ground.config, contact_id, shop.now)
    await shop.passes(6 * DAY)
    sent = [(row["step_id"], row["settled_at"]) for row in await shop.written() if row["status"] == "sent"]
    assert [one.step for one in ahead] == [step for step, _ in sent] and len(sent) == 3
    # Nights move a mail, and what follows counts from the mail: told times are the earliest.
    assert all(one.at is not None and one.at <= at for one, (_, at) in zip(ahead, sent, strict=True))
    assert ahead[0].at == sent[0][1]
