"""The report of ratings."""

from datetime import timedelta

import deskwork
import make
from conftest import NOON

from bot.base.database import Database
from bot.base.texts import Texts
from bot.support.feedback import satisfaction
from bot.tables.feedback import Confirmation, Rating


async def test_ratings_are_counted_by_colleague_department_and_channel(database: Database, texts: Texts) -> None:
    desk = deskwork.desk(make.ground(texts))
    async with database.transaction() as session:
        anna = await make.staff(session)
        rows = (
            ("telegram", "question", "shipping", 5, False), ("telegram", "question", "shipping", 2, False),
            ("email", "question", "", None, False), ("telegram", "drill", "", 1, False),
            ("telegram", "question", "", None, True),
        )  # fmt: skip
        for number, (channel, kind, department, score, withdrawn) in enumerate(rows):
            ticket = await make.ticket(session, 1001 + number, channel=channel, kind=kind)
            session.add(
                Rating(
                    ticket_id=ticket.id, contact_id=ticket.contact_id, asked_at=NOON, score=score,
                    comment="so so" if score == 2 else "",
                    staff_id=anna.id if score else None, department=department, withdrawn=withdrawn,
                )
            )  # fmt: skip
    async with database.reading() as session:
        until = NOON + timedelta(days=1)
        found = {what: await satisfaction.by(session, desk, what, NOON, until) for what in satisfaction.SLICES}
        earlier = await satisfaction.by(session, desk, "channel", NOON - timedelta(days=2), NOON)
    assert [(one.name, one.asked, one.rated) for one in found["channel"]] == [("telegram", 2, 2), ("email", 1, 0)]
    assert [one.name for one in found["colleague"]] == ["Anna", ""]
    shipping = found["department"][0]
    assert (shipping.name, shipping.average, shipping.share, shipping.low, shipping.comments) == (
        "shipping", 3.5, 0.5, 1, 1,
    )  # fmt: skip
    assert found["department"][1].average is None and earlier == []


async def test_complaints_are_counted_by_what_their_customers_say(database: Database) -> None:
    async with database.transaction() as session:
        for number, answer in enumerate(("yes", "yes", "no", "unconfirmed", "", "reopened")):
            ticket = await make.ticket(session, 1001 + number, kind="complaint")
            session.add(Confirmation(ticket_id=ticket.id, contact_id=ticket.contact_id, asked_at=NOON, answer=answer))
        found = await satisfaction.complaints(session, NOON, NOON + timedelta(days=1))
    assert (found.opened, found.fixed, found.not_fixed, found.unconfirmed, found.waiting) == (6, 2, 1, 1, 1)
