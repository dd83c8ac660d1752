"""STOP, START and the choice by buttons in a chat."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import NOON
from deskwork import Stage, seconds

from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts import topics
from bot.tables.people import Consent, Contact
from bot.tables.support import Ticket

CHAT = "501"


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts, shop={"name": "Juniper & Oak", "url": "https://shop.example"})


async def _allow(stage: Stage, *names: str) -> None:
    async with stage.database.transaction() as session:
        for name in names:
            about = (session, stage.desk.ground.secret, stage.contact.id, "telegram", CHAT, name, "preference_page")
            await contacts.allow(*about, NOON - timedelta(days=1))


async def _gets(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        found = await topics.standing(session, stage.desk.ground.secret, "telegram", CHAT, seconds(900))
    return [name for name in stage.desk.ground.config.automations.shown_topics if found.gets(name)]


async def _ledger(stage: Stage) -> list[tuple[str, str, str]]:
    rows = table(Consent)
    async with stage.database.reading() as session:
        found = await session.execute(sa.select(rows.c.topic, rows.c.action, rows.c.source).order_by(rows.c.id))
        return [tuple(row) for row in found]


async def _said(stage: Stage) -> list[dict[str, Any]]:
    return [dict(row["payload"]) for row in await stage.queued("auto_answer")]


@pytest.mark.parametrize("word", ["STOP", " stop. ", "Unsubscribe", "退订", "停止！", "TD", "/stop"])
async def test_the_word_alone_takes_everything_back_in_this_chat_and_is_confirmed_once(stage: Stage, word: str) -> None:
    await _allow(stage, "care", "back_in_stock")
    await stage.customer_says(word, seconds(1), number=7)
    await stage.customer_says(word, seconds(1), number=7)  # Telegram delivers it twice
    assert await _gets(stage) == []
    assert sorted((await _ledger(stage))[2:]) == [
        ("back_in_stock", "withdrawn", "stop_word"), ("care", "withdrawn", "stop_word"),
        ("marketing", "withdrawn", "stop_word"),
    ]  # fmt: skip
    [answer] = await _said(stage)
    assert ("不会再" if word[0] in "退停" else "no more offers") in answer["text"]
    async with stage.database.reading() as session:
        assert (await session.scalars(sa.select(table(Ticket).c.id))).all() == []


@pytest.mark.parametrize(
    "words",
    ["stop my order please", "Can you stop the parcel?", "cancel", "Please unsubscribe me and refund", "退订单"],
)
async def test_a_sentence_is_a_question_like_any_other(stage: Stage, words: str) -> None:
    await _allow(stage, "marketing")
    await stage.customer_says(words, seconds(1))
    assert len(await _gets(stage)) == 5


async def test_an_open_conversation_goes_on_and_staff_see_the_word(stage: Stage) -> None:
    await _allow(stage, "marketing")
    await stage.customer_says("I want to speak to a person", seconds(1))
    await stage.staff_takes(seconds(4))
    await stage.staff_says("Shall I stop the delivery or let it go?", seconds(5))
    await stage.customer_says("STOP", seconds(9))
    assert await _gets(stage) == []
    assert (await stage.ticket()).status != "resolved"
    relayed = [str(row["payload"]) for row in await stage.queued("relay")]
    assert any("STOP" in row or "'message_id': 3" in row for row in relayed)
    assert any("no more offers" in row["text"] for row in await _said(stage))
    await stage.staff_says("Done.", seconds(12))
    assert [row["payload"]["text"] for row in await stage.queued("answer")][-1] == "Done."


async def test_start_gives_back_only_what_stop_took(stage: Stage) -> None:
    await _allow(stage, "care", "birthday")
    await stage.customer_presses("1:prefs:birthday:off", seconds(1))
    await stage.customer_says("STOP", seconds(2))
    await stage.customer_says("START", seconds(3))
    assert await _gets(stage) == ["care"]
    assert "Care tips" in (await _said(stage))[-1]["text"]
    await stage.customer_says("start", seconds(4))
    assert "nothing that you had stopped" in (await _said(stage))[-1]["text"]
    assert await _gets(stage) == ["care"]


async def test_start_gives_nothing_to_somebody_who_never_asked(stage: Stage) -> None:
    await stage.customer_says("STOP", seconds(1))
    await stage.customer_says("恢复", seconds(2))
    assert await _gets(stage) == []
    assert await _ledger(stage) == [("marketing", "withdrawn", "stop_word")]


async def test_somebody_blocked_is_heard_all_the_same_and_gets_no_answer(stage: Stage) -> None:
    await _allow(stage, "marketing")
    async with stage.database.transaction() as session:
        mine = sa.update(table(Contact)).where(table(Contact).c.id == stage.contact.id)
        await session.execute(mine.values(blocked_at=NOON))
    await stage.customer_says("STOP", seconds(1))
    assert await _gets(stage) == []
    assert await _said(stage) == []


@pytest.mark.parametrize("word", ["/preferences", "Preferences", "偏好"])
async def test_the_choice_has_a_button_for_each_topic_and_the_page(stage: Stage, word: str) -> None:
    await _allow(stage, "care")
    await stage.customer_says(word, seconds(1))
    [answer] = await _said(stage)
    pressed = [row[0].get("data") for row in answer["buttons"]]
    assert pressed == [
        "1:prefs:marketing:on", "1:prefs:care:off", "1:prefs:reviews:on", "1:prefs:back_in_stock:on",
        "1:prefs:birthday:on", None,
    ]  # fmt: skip
    assert "/preferences/" in answer["buttons"][-1][0]["url"]


async def test_a_button_switches_its_topic_and_the_message_shows_it(stage: Stage) -> None:
    words = await stage.customer_presses("1:prefs:care:on", seconds(1), message_id=70)
    assert words == "On: Care tips"
    assert await _gets(stage) == ["care"]
    [shown] = await _said(stage)
    assert shown["edit"] == 70
    assert shown["buttons"][1][0] == {"text": "✅ Care tips", "data": "1:prefs:care:off"}
    await stage.customer_presses("1:prefs:care:on", seconds(2), message_id=70)
    await stage.customer_presses("1:prefs:care:off", seconds(3), message_id=70)
    assert await _ledger(stage) == [("care", "granted", "button"), ("care", "withdrawn", "button")]
    assert await stage.customer_presses("1:prefs:nonsense:on", seconds(4)) == await stage.customer_presses("1:x", NOON)
