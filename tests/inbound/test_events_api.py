import asyncio
import base64
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
import segment.analytics
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from bot import checks
from bot.base import clock
from bot.base.config import Config
from bot.base.config.events import EventKey
from bot.base.database import Database
from bot.events import Ingest, NewEvent, Rejected, aside, happened, leaked
from bot.inbound.web import each_request, events_api, health
from bot.inbound.web.pace import Pace, is_robot
from bot.tables.events import Event, RejectedEvent

KEY = "wk_test"


def _key(key: str, kind: Literal["page", "server"] = "page") -> EventKey:
    return EventKey(key=SecretStr(key), name=f"{kind}-{key}", kind=kind)


def _app(ingest: Ingest) -> FastAPI:
    return each_request.build([events_api.routes(ingest, [_key("other"), _key(KEY), _key("sk_test", "server")])])


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    ingest = Ingest(database)
    ingest.start()
    transport = httpx.ASGITransport(_app(ingest))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as opened:
        yield opened
    await ingest.close()


def _track(event: str = "Product Viewed", **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": "u1", "messageId": "m1", "properties": {"product_id": 1}, **more}


async def _events(database: Database) -> list[Event]:
    async with database.reading() as session:
        return list((await session.scalars(sa.select(Event).order_by(Event.id))).all())


async def _reasons(database: Database) -> list[str]:
    async with database.reading() as session:
        return list((await session.scalars(sa.select(RejectedEvent.reason).order_by(RejectedEvent.id))).all())


async def test_every_call_is_taken_and_answered_alike(client: httpx.AsyncClient, database: Database) -> None:
    who = {"userId": "u1", "writeKey": KEY}
    calls: dict[str, dict[str, Any]] = {
        "identify": {"traits": {"email": "ada@example.org"}},
        "track": {"event": "Order Completed"},
        "page": {"name": "Home", "category": "Shop"},
        "screen": {"name": None},
        "group": {"groupId": 7},
        "alias": {"previousId": "a1"},
        "batch": {"batch": [_track()]},
        "import": {"batch": [_track(messageId="m2")]},
        "t": {"event": "Product Viewed"},
    }
    for call, body in calls.items():
        answer = await client.post(f"/v1/{call}", json={**who, **body})
        assert (answer.status_code, answer.json()) == (200, {"success": True}), call
    found = await _events(database)
    assert [event.kind for event in found] == [
        "identify", "track", "page", "screen", "group", "alias", "track", "track", "track"
    ]  # fmt: skip
    assert found[0].body["email"] == "ada@example.org"
    assert len({event.source for event in found}) == 1


@pytest.mark.parametrize("path", ["/seg/v1/batch", "/a/b/v1/batch/", "/v1/b"])
async def test_any_prefix_will_do_and_nothing_is_redirected(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json={"batch": [_track()], "writeKey": KEY})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "body_key", "status"),
    [
        ({}, KEY, 200),
        ({"authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}, None, 200),
        ({"authorization": "Basic " + base64.b64encode(KEY.encode()).decode()}, None, 200),
        ({"authorization": f"Bearer {KEY}"}, None, 200),
        ({"authorization": "Bearer something.of.oauth"}, KEY, 200),
        ({}, "wrong", 401),
        ({}, None, 401),
        ({"authorization": "Basic ###"}, None, 401),
    ],
)
async def test_the_write_key_may_stand_in_three_places(
    client: httpx.AsyncClient, headers: dict[str, str], body_key: str | None, status: int
) -> None:
    answer = await client.post("/v1/track", json={**_track(), "writeKey": body_key}, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == ({"success"} if status == 200 else {"code", "message"})


async def test_without_any_configured_key_nothing_is_taken(database: Database) -> None:
    app = each_request.build([events_api.routes(Ingest(database), [])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        assert (await client.post("/v1/track", json={**_track(), "writeKey": ""})).status_code == 401


async def test_browsers_send_plain_text_from_other_origins(client: httpx.AsyncClient, database: Database) -> None:
    asked = await client.options("/v1/t", headers={"origin": "https://shop.example"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "*")
    body = json.dumps({**_track(), "writeKey": KEY})
    answer = await client.post("/v1/t", content=body, headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert len(await _events(database)) == 1


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_t59_numbers_that_json_does_not_have_are_dropped_and_named(
    client: httpx.AsyncClient, database: Database, word: str
) -> None:
    body = '{"writeKey":"%s","batch":[{"type":"track","event":"X","userId":"u1","properties":{"price":%s,"n":1}}]}'
    assert (await client.post("/v1/batch", content=body % (KEY, word))).status_code == 200
    (event,) = await _events(database)
    flags = ["not_a_number", "dropped: properties.price"]
    assert (event.body["properties"], event.body["flags"]) == ({"n": 1}, flags)


async def test_letters_that_no_database_takes_are_left_out(client: httpx.AsyncClient, database: Database) -> None:
    properties = '{"a":"x\\u0000y","b":"\\ud800z"}'
    body = f'{{"writeKey":"{KEY}","type":"track","event":"X","userId":"u1","properties":{properties}}}'
    assert (await client.post("/v1/track", content=body)).status_code == 200
    assert (await _events(database))[0].body["properties"] == {"a": "xy", "b": "?z"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"[1]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"batch":5}',
        b'{"batch":{}}',
        b"[" * 100_000,
        b'{"a":' * 9000,
    ],
)
async def test_what_is_no_call_is_400_with_a_word(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/batch", content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}


async def test_a_deep_nest_is_refused(client: httpx.AsyncClient) -> None:
    properties = '{"a":' + "[" * 300 + "]" * 300 + "}"
    body = f'{{"writeKey":"{KEY}","userId":"u","event":"X","properties":{properties}}}'
    answer = await client.post("/v1/track", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_bad_event_is_answered_200_and_listed_and_the_others_are_kept(
    client: httpx.AsyncClient, database: Database
) -> None:
    batch = [
        _track(),
        {"type": "track", "event": "X", "userId": None, "anonymousId": ""},
        {"type": "track", "userId": "u1"},
        {"type": "dance", "userId": "u1"},
        {"type": "alias", "userId": "u1"},
        "text",
        _track(messageId="m2"),
    ]
    answer = await client.post("/v1/batch", json={"batch": batch, "writeKey": KEY})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [event.message_id for event in await _events(database)] == ["m1", "m2"]
    reasons = await _reasons(database)
    assert len(reasons) == 5
    assert "neither" in reasons[0]


async def test_limits_are_said_plainly(client: httpx.AsyncClient, database: Database) -> None:
    long = {"a": "x" * 33_000}
    one = await client.post("/v1/track", json={**_track(properties=long), "writeKey": KEY})
    assert (one.status_code, one.json()["code"]) == (400, "event_too_large")
    many = await client.post("/v1/batch", json={"batch": [{"type": "page", "userId": "u"}] * 2501, "writeKey": KEY})
    assert (many.status_code, many.json()["code"]) == (400, "batch_too_large")
    id_too_long = await client.post("/v1/track", json={**_track(messageId="m" * 101), "writeKey": KEY})
    assert id_too_long.status_code == 400
    huge = await client.post("/v1/batch", content=b'{"batch":[], "x":"' + b"x" * 600_000 + b'"}')
    assert (huge.status_code, huge.json()["code"]) == (400, "request_too_large")
    assert await _events(database) == []


async def test_one_event_too_large_does_not_cost_the_others_of_its_batch(
    client: httpx.AsyncClient, database: Database
) -> None:
    batch = [_track(), _track(messageId="m2", properties={"a": "x" * 33_000}), _track(messageId="m3")]
    answer = await client.post("/v1/batch", json={"batch": batch, "writeKey": KEY})
    assert answer.status_code == 400
    assert [event.message_id for event in await _events(database)] == ["m1", "m3"]


async def test_gzip_is_taken_and_a_bomb_is_not_unpacked(client: httpx.AsyncClient, database: Database) -> None:
    headers = {"content-encoding": "gzip"}
    good = gzip.compress(json.dumps({"batch": [_track()], "writeKey": KEY}).encode())
    assert (await client.post("/v1/batch", content=good, headers=headers)).status_code == 200
    bomb = gzip.compress(b'{"batch":[' + b" " * 50_000_000 + b"]}")
    answer = await client.post("/v1/batch", content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "request_too_large")
    for broken in (b"not gzip", good[:-10]):
        answer = await client.post("/v1/batch", content=broken, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_gzip")


async def test_t31_a_repeated_message_is_one_event(client: httpx.AsyncClient, database: Database) -> None:
    then = clock.now() - timedelta(minutes=10)
    body = {"batch": [_track(timestamp=then.isoformat())], "writeKey": KEY}
    for sent in (then + timedelta(minutes=5), then + timedelta(minutes=9)):
        await client.post("/v1/batch", json={**body, "sentAt": sent.isoformat()})
    (event,) = await _events(database)
    assert abs(event.received_at - event.ts - timedelta(minutes=5)) < timedelta(seconds=1)  # of the first attempt


async def test_an_event_without_a_message_id_gets_one_that_survives_a_retry(
    client: httpx.AsyncClient, database: Database
) -> None:
    event = {"type": "track", "event": "X", "userId": "u1", "timestamp": "2026-03-04T12:00:00Z"}
    for _ in range(2):
        await client.post("/v1/batch", json={"batch": [event], "writeKey": KEY})
    assert len(await _events(database)) == 1


@pytest.mark.parametrize(
    ("ahead", "sent_after", "expected", "flags"),
    [
        (timedelta(days=3), timedelta(seconds=2), timedelta(seconds=-2), []),  # the clock of the client is wrong
        (timedelta(days=3), None, timedelta(0), ["clock_ahead"]),
        (timedelta(minutes=-7), timedelta(0), timedelta(0), []),
        (timedelta(days=-730), None, timedelta(days=-730), []),
    ],
)
async def test_t30_a_wrong_clock_is_corrected(
    client: httpx.AsyncClient,
    database: Database,
    ahead: timedelta,
    sent_after: timedelta | None,
    expected: timedelta,
    flags: list[str],
) -> None:
    said = clock.now() + ahead
    sent = (said + sent_after).isoformat() if sent_after is not None else None
    body = {"batch": [_track(timestamp=said.isoformat())], "sentAt": sent, "writeKey": KEY}
    await client.post("/v1/batch", json=body)
    (event,) = await _events(database)
    assert abs(event.ts - event.received_at - expected) < timedelta(seconds=1)
    assert event.body.get("flags", []) == flags


@pytest.mark.parametrize("said", ["soon", 5, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", {"a": 1}])
async def test_an_unreadable_time_is_the_time_of_arrival(
    client: httpx.AsyncClient, database: Database, said: object
) -> None:
    body = {"batch": [_track(timestamp=said)], "sentAt": "2026-03-04T12:00:00Z", "writeKey": KEY}
    assert (await client.post("/v1/batch", json=body)).status_code == 200
    (event,) = await _events(database)
    assert event.ts == event.received_at


async def test_context_around_a_batch_holds_for_each_event(client: httpx.AsyncClient, database: Database) -> None:
    item = _track(context={"locale": "zh-CN"}, shoeSize=42)
    around = {"timezone": "Asia/Shanghai", "locale": "en"}
    await client.post("/v1/batch", json={"batch": [item], "context": around, "writeKey": KEY})
    (event,) = await _events(database)
    assert event.body["context"] == {"timezone": "Asia/Shanghai", "locale": "zh-CN"}
    assert event.body["extra"] == {"shoeSize": 42}


async def test_a_robot_and_ten_thousand_views_are_not_a_shopper(client: httpx.AsyncClient, database: Database) -> None:
    bot = _track(context={"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)"})
    await client.post("/v1/batch", json={"batch": [bot], "writeKey": KEY})
    for part in range(5):
        views = [_track(messageId=f"{part}-{number}") for number in range(2000)]
        assert (
            await client.post("/v1/batch", json={"batch": [_short(view) for view in views], "writeKey": KEY})
        ).status_code == 200
    assert 500 <= len(await _events(database)) < 700
    assert (await _reasons(database))[-1].startswith("more than 25")


def _short(view: dict[str, Any]) -> dict[str, Any]:
    return {key: view[key] for key in ("type", "event", "userId", "messageId")}


def test_the_pace_of_a_person_recovers() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert sum(pace.allows("u1") for _ in range(600)) == 500
    assert pace.allows("u2")
    now = 1.0
    assert sum(pace.allows("u1") for _ in range(600)) == 25


@pytest.mark.parametrize(
    ("agent", "robot"),
    [
        ("Googlebot/2.1", True),
        ("HeadlessChrome", True),
        ("CUBOT X18", False),
        ("Mozilla/5.0 (iPhone)", False),
        ("analytics-python/2.4.0", False),
        (None, False),
    ],
)
def test_robots_say_so(agent: object, robot: bool) -> None:
    assert is_robot(agent) is robot


async def test_what_is_rejected_is_kept_with_how_far_its_sender_is_believed(
    client: httpx.AsyncClient, database: Database
) -> None:
    await client.post("/v1/batch", json={"batch": [{"type": "dance"}], "writeKey": KEY})
    await client.post("/v1/batch", json={"batch": [{"type": "dance"}], "writeKey": "sk_test"})
    await client.post("/v1/track", json={**_track(), "writeKey": "sk_test"}, headers={"origin": "https://shop.example"})
    async with database.reading() as session:
        listed = await aside.events(session, aside.Asked(status=aside.REJECTED))
    assert [(one["source"], one["rank"]) for one in reversed(listed)] == [
        (f"page-{KEY}", "page"), ("server-sk_test", "shop"), ("server-sk_test", "page")
    ]  # fmt: skip


class _Down(Ingest):
    async def add(self, events: Any, rejected: Any = ()) -> None:
        raise OperationalError("insert", {}, Exception("the database is away"))


async def test_what_was_not_written_is_answered_500_so_that_the_client_comes_again(database: Database) -> None:
    transport = httpx.ASGITransport(_app(_Down(database)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.post("/v1/track", json={**_track(), "writeKey": KEY})
    assert (answer.status_code, answer.json()["code"]) == (500, "not_stored")
    assert "database is away" not in answer.text


async def test_other_methods_and_calls_get_the_same_shape(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get("/v1/track"),
        await client.post("/v1/dance", json={}),
        await client.get("/nowhere"),
    ):
        assert answer.status_code in (404, 405)
        assert set(answer.json()) == {"code", "message"}


class _Recording(Ingest):
    """Takes events without a database, for a server in a thread of its own."""

    def __init__(self) -> None:
        self.events: list[NewEvent] = []

    async def add(self, events: Any, rejected: Any = ()) -> None:
        assert not rejected, [one.reason for one in rejected if isinstance(one, Rejected)]
        self.events += events


@contextmanager
def _served(ingest: Ingest) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(_app(ingest), host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize("compressed", [False, True])
def test_the_official_python_client_is_served(compressed: bool) -> None:
    ingest = _Recording()
    errors: list[Any] = []
    with _served(ingest) as url:
        client = segment.analytics.Client(
            KEY,
            host=url + "/seg/",
            gzip=compressed,
            max_retries=0,
            sync_mode=False,
            on_error=lambda *told: errors.append(told),
        )
        client.identify("u1", {"email": "ada@example.org", "birthday": datetime(1990, 5, 17, tzinfo=UTC)})
        client.track("u1", "Checkout Started", {"checkout_id": "k1", "price": float("nan"), "value": 49.0})
        client.page("u1", "Shop", "Home")
        client.alias("a1", "u1")
        client.flush()
        client.join()
    assert errors == []
    assert [(event.kind, event.name) for event in ingest.events] == [
        ("identify", ""), ("track", "Checkout Started"), ("page", "Home"), ("alias", "")
    ]  # fmt: skip
    assert happened.values(ingest.events[1])["body"]["properties"] == {"checkout_id": "k1", "value": 49.0}
    assert all(event.ts <= event.received_at for event in ingest.events)


def test_a_client_that_sends_ten_megabytes_hears_why_not() -> None:
    with _served(_Recording()) as url:
        body = json.dumps({**_track(properties={"a": "x" * 10_000_000}), "writeKey": KEY})
        answer = httpx.post(url + "/v1/track", content=body, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (400, "request_too_large")
        answer = httpx.post(url + "/v1/track", content=b"x" * 20_000_000, timeout=30)
        assert answer.status_code == 413
        assert httpx.post(url + "/v1/track", json={**_track(), "writeKey": KEY}).status_code == 200


async def test_a_real_server_and_a_real_database_share_commits(database: Database) -> None:
    ingest = Ingest(database)
    ingest.start()
    transport = httpx.ASGITransport(_app(ingest))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        calls = (
            client.post("/v1/track", json={**_track(messageId=str(number)), "writeKey": KEY}) for number in range(100)
        )
        answers = await asyncio.gather(*calls)
    await ingest.close()
    assert {answer.status_code for answer in answers} == {200}
    assert len(await _events(database)) == 100


@pytest.mark.parametrize("sign", [r"\u0000", r"\ud800"])
async def test_what_no_database_takes_in_the_context_of_a_batch_costs_no_event(
    client: httpx.AsyncClient, database: Database, sign: str
) -> None:
    body = f'{{"batch":[{json.dumps(_track())}],"context":{{"app":"x{sign}"}},"writeKey":"{KEY}"}}'
    answer = await client.post("/v1/batch", content=body)
    assert (answer.status_code, len(await _events(database))) == (200, 1)


async def test_an_event_whose_type_is_no_word_is_refused_alone(client: httpx.AsyncClient, database: Database) -> None:
    batch = [{**_track(), "type": ["track"]}, _track(messageId="m2")]
    answer = await client.post("/v1/batch", json={"batch": batch, "writeKey": KEY})
    assert (answer.status_code, [event.message_id for event in await _events(database)]) == (200, ["m2"])


async def test_the_rank_of_an_event_is_that_of_its_key(client: httpx.AsyncClient, database: Database) -> None:
    for key in (KEY, "sk_test"):
        answer = await client.post("/v1/track", json={**_track(), "writeKey": key})
        assert answer.status_code == 200
    assert [(event.source, event.rank) for event in await _events(database)] == [
        (f"page-{KEY}", "page"), ("server-sk_test", "shop"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://shop.example"},
        {"origin": "null"},
        {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=["origin", "no origin", "browser", "fetch"],
)
async def test_a_server_key_that_a_browser_sends_has_leaked_and_is_refused(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    answer = await client.post("/v1/track", json={**_track(), "writeKey": "sk_test"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "server_key_in_a_browser")
    assert await _events(database) == []
    assert await _reasons(database) == [events_api.LEAKED]
    async with database.reading() as session:
        assert await session.scalar(sa.select(RejectedEvent.source)) == "server-sk_test"
    allowed = await client.post("/v1/track", json={**_track(), "writeKey": KEY}, headers=headers)
    assert allowed.status_code == 200


async def _named_as_leaked(database: Database, keys: list[EventKey]) -> object:
    config = Config.model_validate({"web": {"api_key": "a key of the API"}})
    app = each_request.build([health.routes(database, keys, config)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as opened:
        answer = await opened.get("/healthz", headers={"Authorization": "Bearer a key of the API"})
        counted = await opened.get("/healthz")
    assert counted.json()["leaked_keys"] == len(answer.json()["leaked_keys"])
    assert "sk_test" not in str(answer.json()["leaked_keys"]).replace("server-sk_test", "")
    return answer.json()["leaked_keys"]


async def test_a_leaked_server_key_is_named_by_healthz_until_another_one_stands_in_its_place(
    client: httpx.AsyncClient, database: Database
) -> None:
    key = _key("sk_test", "server")
    assert await _named_as_leaked(database, [key]) == []
    for _ in range(2):
        await client.post("/v1/track", json={**_track(), "writeKey": "sk_test"}, headers={"origin": "https://x"})
    async with database.transaction() as session:
        await session.execute(sa.delete(RejectedEvent))  # the list is for a while
    assert await _named_as_leaked(database, [_key(KEY), key]) == ["server-sk_test"]
    assert await _named_as_leaked(database, [key.model_copy(update={"name": "renamed"})]) == ["renamed"]
    assert await _named_as_leaked(database, [key.model_copy(update={"kind": "page"})]) == []
    assert await _named_as_leaked(database, [key.model_copy(update={"key": SecretStr("another")})]) == []


async def test_a_page_key_in_a_browser_is_no_leak(client: httpx.AsyncClient, database: Database) -> None:
    await client.post("/v1/track", json={**_track(), "writeKey": KEY}, headers={"origin": "https://x"})
    assert await _named_as_leaked(database, [_key(KEY), _key("sk_test", "server")]) == []


async def test_check_names_a_leaked_server_key_and_never_the_key(database: Database) -> None:
    key = {"key": "sk_a_long_secret", "name": "backend", "kind": "server"}
    config = Config.model_validate({"events": {"keys": [key]}, "database": {"url": database.url}})
    assert await checks.leaked_keys(database, config) == []
    async with database.transaction() as session:
        await leaked.remember(session, config.event_keys[0].digest, clock.now())
    (found,) = await checks.leaked_keys(database, config)
    assert "backend" in str(found) and "sk_a_long_secret" not in str(found) and not found.warning
