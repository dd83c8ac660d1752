"""What the clients of Segment and RudderStack ask for from a page, request by request."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any, Literal

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from bot.base.config.events import EventKey
from bot.base.database import Database
from bot.events import Ingest, leaked
from bot.inbound.web import each_request, events_api
from bot.tables.events import Event

PAGE, SERVER = "wk_page", "sk_server"
ORIGIN = {"origin": "https://shop.example"}


def _keys() -> list[EventKey]:
    kinds: tuple[tuple[str, Literal["page", "server"]], ...] = ((PAGE, "page"), (SERVER, "server"))
    return [EventKey(key=SecretStr(key), name=f"the-{kind}", kind=kind) for key, kind in kinds]


@pytest.fixture
async def ingest(database: Database) -> AsyncIterator[Ingest]:
    made = Ingest(database)
    made.start()
    yield made
    await made.close()


@pytest.fixture
async def client(ingest: Ingest) -> AsyncIterator[httpx.AsyncClient]:
    app = each_request.build([events_api.routes(ingest, _keys())])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://bot.example") as opened:
        yield opened


async def _events(database: Database) -> list[Event]:
    async with database.reading() as session:
        return list((await session.scalars(sa.select(Event).order_by(Event.id))).all())


async def _leaked(database: Database) -> Any:
    async with database.reading() as session:
        return await leaked.names(session, _keys())


async def test_segment_is_told_to_send_here_and_nowhere_else(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/projects/{PAGE}/settings", headers=ORIGIN)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    told = answer.json()
    assert set(told["integrations"]) == {"Segment.io"}, "a second one would make the client load more script"
    sends = told["integrations"]["Segment.io"]
    assert (sends["apiKey"], sends["apiHost"], sends["protocol"]) == (PAGE, "bot.example/v1", "https")
    assert told["metrics"] == {"sampleRate": 0, "host": "bot.example/v1"}


async def test_settings_below_a_prefix_lead_below_it(client: httpx.AsyncClient) -> None:
    told = (await client.get(f"/seg/v1/projects/{PAGE}/settings")).json()
    assert told["integrations"]["Segment.io"]["apiHost"] == "bot.example/seg/v1"
    assert (await client.post("/seg/v1/m", json={"series": []})).status_code == 200


async def test_behind_a_proxy_the_public_address_is_named(ingest: Ingest) -> None:
    routes = events_api.routes(ingest, _keys(), public_url="https://events.shop.example/in/")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(each_request.build([routes])), base_url="http://10.0.0.5:8080"
    ) as client:
        told = (await client.get(f"/v1/projects/{PAGE}/settings")).json()["integrations"]["Segment.io"]
    assert (told["apiHost"], told["protocol"]) == ("events.shop.example/in/v1", "https")


@pytest.mark.parametrize(
    "path", ["/v1/projects/{}/settings", "/sourceConfig/?writeKey={}", "/x/sourceConfig?writeKey={}"]
)
async def test_settings_are_for_page_keys_only(client: httpx.AsyncClient, database: Database, path: str) -> None:
    assert (await client.get(path.format(PAGE))).status_code == 200
    assert (await client.get(path.format("wk_nobodys"))).status_code == 404
    assert (await client.get(path.format(SERVER))).status_code == 403
    assert not await _leaked(database), "a backend asked"
    assert (await client.get(path.format(SERVER), headers=ORIGIN)).json()["code"] == "server_key_in_a_browser"
    assert await _leaked(database) == ["the-server"]


async def test_rudderstack_gets_a_source_without_destinations(client: httpx.AsyncClient) -> None:
    basic = base64.b64encode(f"{PAGE}:".encode()).decode()
    for ask in (
        client.get(f"/sourceConfig/?writeKey={PAGE}&v=3", headers=ORIGIN),
        client.get("/sourceConfig", headers={"authorization": f"Basic {basic}", **ORIGIN}),
    ):
        answer = await ask
        source = answer.json()["source"]
        assert (answer.headers["access-control-allow-origin"], source["enabled"]) == ("*", True)
        assert (source["destinations"], source["writeKey"]) == ([], PAGE)
        assert source["config"]["statsCollection"]["errors"] == {"enabled": False}


async def test_a_preflight_allows_the_headers_that_are_asked_for(client: httpx.AsyncClient) -> None:
    for path in ("/v1/t", "/v1/track", "/sourceConfig/", f"/v1/projects/{PAGE}/settings"):
        asked = {**ORIGIN, "access-control-request-headers": "anonymousid,authorization,content-type,x-retry-count"}
        answer = await client.options(path, headers=asked)
        allowed = answer.headers["access-control-allow-headers"].split(", ")
        assert allowed == ["anonymousid", "authorization", "content-type", "x-retry-count"]
        assert "access-control-allow-credentials" not in answer.headers
        assert "Access-Control-Request-Headers" in answer.headers["vary"]


async def test_a_preflight_repeats_nothing_that_is_no_name_of_a_header(client: httpx.AsyncClient) -> None:
    asked = ", ".join(["good", "b ad", "x;y", "é", "*/", "a" * 65, *(f"h{number}" for number in range(50))])
    answer = await client.options("/v1/t", headers={**ORIGIN, "access-control-request-headers": asked.encode()})
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert allowed[:2] == ["good", "h0"]
    assert len(allowed) <= 20


async def test_a_beacon_brings_its_key_in_the_address(client: httpx.AsyncClient, database: Database) -> None:
    body = json.dumps({"batch": [{"type": "page", "anonymousId": "a", "name": "Home", "messageId": "m"}]})
    plain = {"content-type": "text/plain;charset=UTF-8", **ORIGIN}
    assert (await client.post(f"/beacon/v1/batch?writeKey={PAGE}", content=body, headers=plain)).status_code == 200
    refused = await client.post(f"/beacon/v1/batch?writeKey={SERVER}", content=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "server_key_in_an_address")
    assert not await _leaked(database)
    (event,) = await _events(database)
    assert (event.kind, event.name, event.rank) == ("page", "Home", "page")


def _pixel(call: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(call).encode()).decode()


async def test_a_picture_is_an_event(client: httpx.AsyncClient, database: Database) -> None:
    call = {"writeKey": PAGE, "anonymousId": "a?>~", "event": "Product Viewed", "properties": {"product_id": 7}}
    answer = await client.get("/v1/pixel/track", params={"data": _pixel(call)})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    unpadded = _pixel(call).rstrip("=").replace("+", "-").replace("/", "_")
    assert (await client.get(f"/v1/pixel/track?data={unpadded}")).status_code == 200
    fields = {"writeKey": PAGE, "anonymousId": "b", "event": "Product Viewed", "properties.product_id": "7"}
    assert (await client.get("/pixel/v1/track", params=fields)).status_code == 200
    events = await _events(database)
    assert [event.body["properties"]["product_id"] for event in events] == ["7", "7", "7"]
    assert {event.rank for event in events} == {"page"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/pixel/track?data=%%%", 400),
        ("/v1/pixel/track?data=bm8=", 400),
        ("/v1/pixel/track?a=1&a.b=2&a.b.c.d.e.f.g=3", 401),
        ("/v1/pixel/track?data=" + _pixel({"writeKey": SERVER, "anonymousId": "a", "event": "E"}), 403),
        ("/v1/pixel/batch?data=" + _pixel({"writeKey": PAGE, "batch": []}), 405),
        ("/v1/pixel/nothing?data=e30=", 404),
        ("/v1/track?data=e30=", 405),
    ],
)
async def test_pictures_that_are_no_event(
    client: httpx.AsyncClient, database: Database, path: str, status: int
) -> None:
    assert (await client.get(path)).status_code == status
    assert not await _events(database)
