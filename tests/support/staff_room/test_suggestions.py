"""What the room proposes: ready answers, and what colleagues answered to the like before, masked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import make
import pytest
from conftest import NOON
from deskwork import Stage, seconds
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support import answers
from bot.support.staff_room import past_answers
from bot.tables.feedback import Rating
from bot.tables.staff_room import AuditEntry
from bot.tables.support import TicketMessage

ASKED = "the hinge of my lamp squeaks terribly"
ANSWER = "Dear Eva, please put one drop of oil on the hinge, then move it ten times."


@pytest.fixture
async def stage(database: Database, texts: Texts) -> Stage:
    return await Stage.set(database, texts)


async def _past(
    session: AsyncSession, number: int, answer: str = ANSWER, *, score: int | None = None, **fields: Any
) -> None:
    """A resolved ticket of Eva with her words and a colleague's answer."""
    person = await make.contact(session, first_name="Eva", last_name="Lorenz")
    ticket = await make.ticket(session, number, **{"contact_id": person.id, "status": "resolved", **fields})
    for author, text, place in (("customer", ASKED, 1), ("staff", answer, 2)):
        session.add(
            TicketMessage(
                contact_id=person.id, ticket_id=ticket.id, channel="telegram", author=author, text=text,
                provider_key=f"telegram:9:{number}{place}", at=NOON, received_at=NOON, accepted_at=NOON,
            )
        )  # fmt: skip
    if score:
        session.add(Rating(ticket_id=ticket.id, contact_id=person.id, asked_at=NOON, score=score))
    await session.flush()


async def _offer(stage: Stage, words: str = "My lamp squeaks terribly at the hinge") -> list[dict[str, str]]:
    """Ada writes, Anna takes it and asks the room."""
    await stage.customer_says("I want to talk to a person")
    await stage.customer_says(words, seconds(3))
    await stage.staff_takes(seconds(4))
    reply = await stage.staff_writes("/suggest", seconds(10))
    if reply is not None:
        return []
    return [one for row in (await stage.queued("notice"))[-1]["payload"]["buttons"] for one in row]


async def test_an_earlier_answer_is_looked_at_and_sent_with_this_customers_name(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await _past(session, 900)
    chosen = next(one for one in await _offer(stage) if "💬" in one["text"])
    await stage.staff_presses(chosen["data"], seconds(11))
    preview = (await stage.queued("notice"))[-1]["payload"]
    assert "Dear Ada, please put one drop of oil" in preview["text"] and "Eva" not in preview["text"]
    assert await stage.texts("answer") == []
    await stage.staff_presses(preview["buttons"][0][0]["data"], seconds(12))
    assert await stage.texts("answer") == [ANSWER.replace("Eva", "Ada")]


async def test_what_belongs_to_the_other_customer_leaves_a_gap_that_is_never_sent(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await _past(session, 900, "Your new hinge for order #1234 is at https://dhl.example/77, write to eva@x.example")
    chosen = next(one for one in await _offer(stage) if "💬" in one["text"])
    await stage.staff_presses(chosen["data"], seconds(11))
    shown = (await stage.queued("notice"))[-1]["payload"]
    assert "for order […] is at […] write to […]" in shown["text"] and "buttons" not in shown


@pytest.mark.parametrize(
    "fields", [{"kind": "drill"}, {"spam": True}, {"language": "zh_CN"}, {"status": "open"}, {"score": 1}]
)
async def test_practice_spam_other_languages_open_and_poorly_rated_cases_teach_nothing(
    stage: Stage, fields: dict[str, Any]
) -> None:
    async with stage.database.transaction() as session:
        await _past(session, 900, **fields)
    assert not [one for one in await _offer(stage) if "💬" in one["text"]]


async def test_of_two_alike_the_well_rated_one_comes_first(stage: Stage) -> None:
    async with stage.database.transaction() as session:
        await _past(session, 900, "We will look into the hinge, please wait a little.")
        await _past(session, 901, score=5)
        await _past(session, 902, "Some other words about hinges that squeak.")
    first = next(one for one in await _offer(stage) if "💬" in one["text"])
    assert "Dear Ada" in first["text"]


async def test_a_ready_answer_is_proposed_and_rendered_for_this_customer(stage: Stage) -> None:
    chosen = next(one for one in await _offer(stage, "How long does delivery take?") if "📄" in one["text"])
    await stage.staff_presses(chosen["data"], seconds(11))
    assert "How long a parcel takes" in (await stage.queued("notice"))[-1]["payload"]["text"]


OWN = """
[[answer]]
id = "leaflet"
title = "Leaflets"
phrasings = [
  "do you have the leaflet with the drawings", "where is the leaflet with drawings", "leaflet with the drawings",
  "I lost the leaflet with the drawings", "send me the leaflet with drawings",
]
answer = "It is in the box{% for one in orders %} of {{ one.number }}{% endfor %}."
"""


async def test_orders_that_a_proposed_answer_tells_of_are_noted_when_it_is_sent(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "en.toml").write_text(OWN)
    stage.desk = replace(stage.desk, answers=answers.load([tmp_path]))
    async with stage.database.transaction() as session:
        await make.order(session, contact_id=stage.contact.id, number="#7001")
    chosen = next(
        one for one in await _offer(stage, "do you have the leaflet with the drawings") if "📄" in one["text"]
    )
    await stage.staff_presses(chosen["data"], seconds(11))
    preview = (await stage.queued("notice"))[-1]["payload"]
    assert "#7001" in preview["text"]
    await stage.staff_presses(preview["buttons"][0][0]["data"], seconds(12))
    async with stage.database.reading() as session:
        found = await session.scalars(select(AuditEntry).where(AuditEntry.action == "order_shown"))
        assert [(one.actor, one.data["by"]) for one in found] == [(f"staff:{stage.anna.id}", "staff")]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Hi Eva Lorenz!", "Hi Ada Ada!"),
        ("call +49 30 1234567 now", "call […] now"),
        ("order 1001, two days, 5 pieces", "order […], two days, 5 pieces"),
        ("mail a.b@c.example or www.x.example/y", "mail […] or […]"),
        ("Evangeline stays", "Evangeline stays"),
    ],
)
def test_masking(text: str, masked: str) -> None:
    assert past_answers.masked(text, ("Eva", "Lorenz"), "Ada") == masked
