from typing import Any

import httpx
import make
import pytest
from fastapi import FastAPI

from automations.audiences import segment_files
from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.web import each_request, segments_api
from bot.tables.people import Identity

KEY = "a-long-key-of-the-shop"


@pytest.fixture
async def http(database: Database, texts: Texts) -> httpx.AsyncClient:
    ground = make.ground(texts, web={"api_key": KEY})
    async with database.transaction() as session:
        for name, country in (("Ada", "GB"), ("Bo", "CN"), ("Cleo", "GB")):
            made = await make.contact(session, first_name=name, country=country)
            session.add(Identity(contact_id=made.id, kind="email", value=f"{name}@example.org".lower(),
                                 created_at=made.created_at))  # fmt: skip
    routes = segments_api.routes(database, ground, segment_files.load(ground.config))
    app: FastAPI = each_request.build([routes])
    sender = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=sender, base_url="http://test", headers={"authorization": f"Bearer {KEY}"})


async def _preview(http: httpx.AsyncClient, definition: Any, **query: int) -> httpx.Response:
    return await http.post("/api/v1/segments/preview", json=definition, params=query)


async def test_without_the_key_nothing_is_told(http: httpx.AsyncClient) -> None:
    http.headers["authorization"] = "Bearer wrong"
    assert (await http.get("/api/v1/segments")).status_code == 401
    assert (await _preview(http, {"all": [{"country": "GB"}]})).status_code == 401


async def test_every_segment_is_listed_with_its_definition(http: httpx.AsyncClient) -> None:
    found = (await http.get("/api/v1/segments")).json()["segments"]
    lapsed = next(one for one in found if one["name"] == "lapsed")
    assert lapsed["title"] == "Lapsed customers"
    assert lapsed["definition"]["all"] == [{"last_order": {"before": "180d"}}]
    one = (await http.get("/api/v1/segments/lapsed")).json()
    assert (one["count"], one["of"], one["sample"]) == (0, 3, [])
    assert (await http.get("/api/v1/segments/nope")).status_code == 404


async def test_a_definition_is_counted_and_previewed_before_it_is_used(http: httpx.AsyncClient) -> None:
    definition = {"all": [{"country": "GB"}], "not": {"segment": "champions"}}
    answer = (await _preview(http, definition)).json()
    assert (answer["count"], answer["of"]) == (2, 3)
    assert [(one["name"], one["email"], one["why"]) for one in answer["sample"]] == [
        ("Cleo", "cleo@example.org", ["country GB"]), ("Ada", "ada@example.org", ["country GB"]),
    ]  # fmt: skip
    assert len((await _preview(http, definition, sample=1)).json()["sample"]) == 1


async def test_mistakes_are_told_by_their_keys(http: httpx.AsyncClient) -> None:
    answer = await _preview(http, {"all": [{"rfm": "champion"}, {"orders": {"at_least": 1}}]})
    assert answer.status_code == 422
    assert answer.json()["message"] == "all[1].rfm: there is no RFM group 'champion'; did you mean champions?"
    assert (await _preview(http, {})).status_code == 422
