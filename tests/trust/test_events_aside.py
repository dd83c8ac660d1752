"""What came in and had no effect is seen by whoever has the machine or the API key, and can be tried again."""

from datetime import timedelta
from typing import Any

import httpx
import make
import pytest
import sqlalchemy as sa
from conftest import NOON
from fastapi import FastAPI

from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.events import Applier, aside
from bot.events.happened import Happened
from bot.inbound.web import aside_api, each_request
from bot.tables.events import ASIDE, Event, RejectedEvent, WebhookDelivery
from bot.tables.staff_room import AuditEntry

KEY = "a-long-key-of-the-shop"
EVENTS, WEBHOOKS = table(Event), table(WebhookDelivery)


async def _told(database: Database, number: int, status: str, **more: Any) -> int:
    row = Event(
        source="page", message_id=f"m{number}", name="Order Completed", ts=NOON, status=status,
        received_at=NOON + timedelta(minutes=number), body={"userId": f"u{number}", "writeKey": "wk-secret"}, **more,
    )  # fmt: skip
    async with database.transaction() as session:
        session.add(row)
        await session.flush()
        assert row.id is not None
        return row.id


async def _hook(database: Database, number: int, status: str, body: str = "{}", **more: Any) -> int:
    row = WebhookDelivery(
        system="shopify", topic="orders/odd", delivery_key=f"d{number}", received_at=NOON, status=status, body=body,
        **more,
    )  # fmt: skip
    async with database.transaction() as session:
        session.add(row)
        await session.flush()
        assert row.id is not None
        return row.id


async def _event(database: Database, number: int) -> Any:
    async with database.reading() as session:
        return (await session.execute(sa.select(EVENTS).where(EVENTS.c.id == number))).mappings().one()


def _client(database: Database, texts: Texts, key: str = KEY) -> httpx.AsyncClient:
    app: FastAPI = each_request.build([aside_api.routes(database, make.ground(texts, web={"api_key": KEY}))])
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers)


async def test_refused_and_failed_events_are_listed_page_by_page_without_their_content(
    database: Database, texts: Texts
) -> None:
    kinds = ("done", "refused", "failed", "known", "refused", "erased")
    ids = [await _told(database, n, status, error="rank" * (status == "refused")) for n, status in enumerate(kinds)]
    async with _client(database, texts) as http:
        first = (await http.get("/api/v1/events", params={"count": 2})).json()["events"]
        rest = (await http.get("/api/v1/events", params={"before": first[-1]["id"]})).json()["events"]
        refused = (await http.get("/api/v1/events?status=refused&source=page&name=Order Completed")).json()["events"]
        newer = (await http.get("/api/v1/events", params={"since": "2026-03-04T12:03:00Z"})).json()["events"]
        every = (await http.get("/api/v1/events?status=all")).json()["events"]
    assert [one["id"] for one in first] == [str(ids[4]), str(ids[2])]
    assert [one["id"] for one in rest] == [str(ids[1])]
    assert [(one["status"], one["error"]) for one in refused] == [("refused", "rank")] * 2
    assert [one["id"] for one in newer] == [str(ids[4])]
    assert len(every) == 6
    assert all("body" not in one for one in every)


async def test_one_is_shown_with_its_content_and_without_secrets(database: Database, texts: Texts) -> None:
    number = await _told(database, 1, "refused", error="rank")
    hook = await _hook(
        database, 1, "ignored", '{"email": "ada@example.org", "token": "t-secret"}',
        headers={"x-shopify-topic": "orders/odd", "x-shopify-hmac-sha256": "h-secret"},
    )  # fmt: skip
    async with _client(database, texts) as http:
        event = await http.get(f"/api/v1/events/{number}")
        webhook = await http.get(f"/api/v1/webhooks/{hook}")
        nothing = await http.get("/api/v1/events/99999999999999999999")
    assert event.json()["body"] == {"userId": "u1", "writeKey": "(hidden)"}
    assert webhook.json()["body"] == {"email": "ada@example.org", "token": "(hidden)"}
    assert "secret" not in event.text + webhook.text
    assert nothing.status_code == 404


async def test_without_the_key_nobody_sees_or_retries_anything(database: Database, texts: Texts) -> None:
    number = await _told(database, 1, "failed")
    async with _client(database, texts, key="another") as http:
        asked = [await http.get("/api/v1/events"), await http.get("/api/v1/webhooks")]
        asked += [await http.get(f"/api/v1/events/{number}"), await http.post(f"/api/v1/events/{number}/retry")]
        asked += [await http.post(f"/api/v1/webhooks/{number}/retry")]
    assert {one.status_code for one in asked} == {401}
    assert (await _event(database, number))["status"] == "failed"


async def test_rejected_events_stand_beside_and_are_not_retried(database: Database, texts: Texts) -> None:
    async with database.transaction() as session:
        session.add(RejectedEvent(source="page", reason="no userId", body='{"type": "track"}', received_at=NOON))
    async with _client(database, texts) as http:
        [listed] = (await http.get("/api/v1/events?status=rejected")).json()["events"]
        shown = (await http.get(f"/api/v1/events/{listed['id']}")).json()
        again = await http.post(f"/api/v1/events/{listed['id']}/retry")
    assert (listed["error"], shown["body"]) == ("no userId", {"type": "track"})
    assert again.status_code == 409 and "send it again" in again.json()["message"]


class Listener:
    def __init__(self) -> None:
        self.heard: list[Happened] = []

    async def __call__(self, _session: Any, told: Happened, _now: Any) -> None:
        self.heard.append(told)


async def _applied(database: Database) -> list[Happened]:
    listener = Listener()
    await Applier(database, [listener], worker=1, secret="s").apply_due()
    return listener.heard


@pytest.mark.parametrize("status", ["failed", "refused"])
async def test_a_retried_event_is_applied_once_and_believed_as_when_it_came(
    database: Database, texts: Texts, status: str
) -> None:
    number = await _told(database, 1, status, rank="page", attempts=10, error="what was")
    async with _client(database, texts) as http:
        assert (await http.post(f"/api/v1/events/{number}/retry", json={"as_shop": True})).status_code == 200
        assert (await http.post(f"/api/v1/events/{number}/retry")).status_code == 409  # it is on its way
    heard = await _applied(database)
    assert [told.rank for told in heard] in ([], ["page"])  # whatever the rules make of a page's word
    assert (await _event(database, number))["rank"] == "page"
    assert await _applied(database) == []


@pytest.mark.parametrize("status", ["done", "new", "known", "erased"])
async def test_what_had_its_effect_is_not_applied_twice(database: Database, texts: Texts, status: str) -> None:
    number = await _told(database, 1, status)
    async with _client(database, texts) as http:
        assert (await http.post(f"/api/v1/events/{number}/retry")).status_code == 409
    assert (await _event(database, number))["status"] == status


async def test_only_a_person_with_a_reason_raises_a_rank_and_the_log_keeps_it(database: Database) -> None:
    number = await _told(database, 1, "refused", rank="page", error="rank")
    async with database.transaction() as session:
        await aside.retry_event(session, str(number), NOON, actor="operator", as_shop_because="our old plug-in sent it")
    row = await _event(database, number)
    assert (row["rank"], row["status"]) == ("shop", "new")
    async with database.reading() as session:
        entry = (await session.scalars(sa.select(AuditEntry))).one()
    assert (entry.actor, entry.action, entry.subject) == ("operator", "event.believed", f"event:{number}")
    assert entry.data == {"rank": "page", "because": "our old plug-in sent it", "refused": "rank"}
    [heard] = await _applied(database)
    assert heard.rank == "shop"


@pytest.mark.parametrize(("status", "again"), [("failed", True), ("ignored", True), ("done", False)])
async def test_a_webhook_that_had_no_effect_is_read_again(
    database: Database, texts: Texts, status: str, again: bool
) -> None:
    number = await _hook(database, 1, status, attempts=10)
    async with _client(database, texts) as http:
        listed = (await http.get("/api/v1/webhooks?source=shopify&name=orders/odd")).json()["webhooks"]
        answer = await http.post(f"/api/v1/webhooks/{number}/retry")
    async with database.reading() as session:
        row = (await session.execute(sa.select(WEBHOOKS))).mappings().one()
    assert (len(listed), answer.status_code, row["status"]) == ((1, 200, "new") if again else (0, 409, "done"))
    assert (row["due_at"] is not None) == again


async def test_a_webhook_of_which_nothing_is_kept_is_left_alone(database: Database) -> None:
    number = await _hook(database, 1, "failed", body="")
    async with database.transaction() as session:
        with pytest.raises(FindingsError):
            await aside.retry_webhook(session, str(number), NOON)


async def test_the_list_does_not_read_the_whole_table(database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL chooses by the size of the table")
    async with database.reading() as session:
        plan = await session.execute(sa.text(f"EXPLAIN QUERY PLAN SELECT id FROM event WHERE {ASIDE} ORDER BY id DESC"))
        assert "ix_event_aside" in " ".join(str(row[-1]) for row in plan)
