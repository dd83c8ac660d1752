import httpx
import make
import newsroom
import pytest
from fastapi import FastAPI
from newsroom import PLAIN, Newsroom
from shop_world import MINUTE

from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.web import broadcasts_api, each_request

KEY = "a-long-key-of-the-shop"


@pytest.fixture
async def room(database: Database, texts: Texts) -> Newsroom:
    return await newsroom.opened(database, texts)


def client(room: Newsroom, key: str = KEY) -> httpx.AsyncClient:
    ground = make.ground(room.shop.ground.texts, web={"api_key": KEY})
    routes = broadcasts_api.routes(room.shop.database, ground, newsroom.segments())
    app: FastAPI = each_request.build([routes])
    headers = {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers)


async def test_without_the_key_nothing_is_started(room: Newsroom) -> None:
    async with client(room, "wrong") as http:
        assert (await http.post("/broadcasts/news/start")).status_code == 401
        assert (await http.get("/broadcasts")).status_code == 401


async def test_it_is_put_down_started_looked_at_and_cancelled(room: Newsroom) -> None:
    await room.readers(3)
    async with client(room) as http:
        put = await http.put("/broadcasts/news", json={**PLAIN, "throttle": "1 per 10h"})
        assert put.status_code == 200 and (put.json()["status"], put.json()["people"]) == ("draft", 3)
        started = (await http.post("/broadcasts/news/start")).json()
        assert started["status"] == "scheduled" and started["first"]
        again = await http.post("/broadcasts/news/start")
        assert again.status_code == 409 and "started already" in again.json()["message"]
        room.shop.now = (await room.row())["due_at"]
        await room.passes(MINUTE)
        assert (await http.post("/broadcasts/news/pause")).json()["status"] == "paused"
        assert (await http.post("/broadcasts/news/pause")).status_code == 409
        assert (await http.post("/broadcasts/news/resume", json={"late": "skip"})).json()["status"] == "sending"
        shown = (await http.get("/broadcasts/news")).json()
        assert (shown["progress"]["enrolled"], shown["progress"]["sent"], shown["progress"]["waiting"]) == (3, 1, 2)
        assert (await http.post("/broadcasts/news/cancel")).json()["status"] == "cancelling"
        await room.passes(MINUTE)
        assert [one["status"] for one in (await http.get("/broadcasts")).json()["broadcasts"]] == ["cancelled"]
    assert len(room.addresses()) == 1


async def test_mistakes_are_told_by_their_keys(room: Newsroom) -> None:
    async with client(room) as http:
        wrong = await http.put("/broadcasts/news", json={**PLAIN, "segment": "subscriber", "throtle": "5 per 1h"})
        assert wrong.status_code == 422
        assert "subscribers" in wrong.json()["message"] and "did you mean throttle?" in wrong.json()["message"]
        assert (await http.get("/broadcasts/nothing")).status_code == 404
        assert (await http.post("/broadcasts/nothing/cancel")).status_code == 404
        assert (await http.put("/broadcasts/Bad Name", json=PLAIN)).status_code == 422
        await http.put("/broadcasts/news", json=PLAIN)
        assert (await http.post("/broadcasts/news/start", json={"at": "tomorrow"})).status_code == 400
        assert (await http.post("/broadcasts/news/resume")).status_code == 409
