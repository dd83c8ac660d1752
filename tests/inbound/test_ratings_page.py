"""The page of a rating: looking stores nothing, sending does."""

import httpx
import make
import pytest
from conftest import NOON
from fastapi import FastAPI
from sqlmodel import select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.inbound.web import ratings as pages
from bot.support.desk import Desk
from bot.support.feedback import ratings
from bot.tables.feedback import Rating
from bot.tables.support import TicketEvent


@pytest.fixture(scope="module")
def desk(texts: Texts) -> Desk:
    return Desk.build(make.ground(texts), NOON)


async def _ask(database: Database, desk: Desk, language: str = "en") -> tuple[httpx.AsyncClient, str]:
    async with database.transaction() as session:
        ticket = await make.ticket(session, language=language, status="resolved")
        rating = Rating(ticket_id=ticket.id, contact_id=ticket.contact_id, asked_at=NOON)
        session.add(rating)
        await session.flush()
        path = ratings.link(desk, rating.id or 0, 4).removeprefix(desk.ground.config.web.url)
    app = FastAPI()
    app.include_router(pages.routes(database, desk))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test"), path


async def _stored(database: Database) -> Rating:
    async with database.reading() as session:
        return (await session.scalars(select(Rating))).one()


async def test_opening_the_link_only_preselects_the_score(database: Database, desk: Desk) -> None:
    client, path = await _ask(database, desk)
    answer = await client.get(path)
    assert answer.status_code == 200
    assert 'value="4" required checked' in answer.text
    assert (await _stored(database)).score is None


async def test_sending_the_form_stores_score_and_comment(database: Database, desk: Desk) -> None:
    client, path = await _ask(database, desk)
    answer = await client.post(path, data={"score": "5", "comment": " lovely <b> "})
    assert answer.status_code == 200 and "Thank you" in answer.text
    stored = await _stored(database)
    assert (stored.score, stored.comment) == (5, "lovely <b>")


async def test_who_has_a_link_corrects_a_comment_a_few_times_and_rings_nobody_again(
    database: Database, desk: Desk
) -> None:
    client, path = await _ask(database, desk)
    for number in range(12):
        answer = await client.post(path, data={"score": "5", "comment": f"{number}: I want to kill myself"})
        assert answer.status_code == 200
    async with database.reading() as session:
        names = (await session.scalars(select(TicketEvent.name))).all()
    assert names.count("danger") == 1
    assert 1 < names.count("commented") < 12


async def test_a_form_without_a_score_is_shown_again_with_its_comment(database: Database, desk: Desk) -> None:
    client, path = await _ask(database, desk)
    answer = await client.post(path, data={"comment": "<i>hm"})
    assert answer.status_code == 422 and "&lt;i&gt;hm" in answer.text
    assert (await _stored(database)).score is None


async def test_a_forged_link_is_gone(database: Database, desk: Desk) -> None:
    client, path = await _ask(database, desk, language="zh_CN")
    assert (await client.get("/r/AAAA")).status_code == 404
    assert (await client.post("/r/" + path[3:-10] + "x", data={"score": "5"})).status_code == 404
    assert "您对服务满意吗" in (await client.get(path)).text
