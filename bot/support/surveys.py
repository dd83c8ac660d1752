"""What somebody answers to the survey of a mail: kept once, told to the flows; a low score is a case for the staff."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts, events
from bot.base import ids, stores
from bot.base.surveys import LOW, SCORES
from bot.events import NewEvent
from bot.support import by_mail, conversation
from bot.support.answers import guards
from bot.support.conversation import Said
from bot.support.desk import Desk
from bot.tables.automations import Enrolment
from bot.tables.feedback import SurveyAnswer
from bot.tables.outbox import Message
from bot.tables.people import Contact

_PURPOSE = "survey"
_CORRECT_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class Asked:
    """The survey of one mail: `survey` is the flow that asked, `kind` nps or csat; `answer` what they said so far."""

    message_id: int
    contact: Contact
    survey: str
    kind: str
    order_id: str
    store: str
    number: str
    answer: SurveyAnswer | None

    def is_open(self, now: datetime) -> bool:
        """Not answered yet, or so short a time ago that the answer may be changed."""
        return self.answer is None or now - self.answer.answered_at <= _CORRECT_WITHIN


async def by_token(session: AsyncSession, desk: Desk, token: str, *, hold: bool = False) -> Asked | None:
    """The survey behind a link of a mail; None for a token that we did not make, and for somebody forgotten.

    With `hold` nobody else answers it before this transaction ends.
    """
    message_id = ids.unsign(_PURPOSE, token, desk.ground.secret)
    message = await session.get(Message, message_id) if message_id is not None else None
    about = message.payload.get("survey") if message else None
    if message is None or message_id is None or not about or message.contact_id is None:
        return None
    contact = await contacts.current(session, message.contact_id)
    if contact is None or contact.status != "active" or about.get("kind") not in SCORES:
        return None
    if hold:
        held = select(Contact.id).where(col(Contact.id) == contact.id).with_for_update(key_share=True)
        await session.execute(held)
    survey, order_id = message.flow or "", str(about.get("order_id") or "")
    store = await _store(session, message)
    given = select(SurveyAnswer).where(
        SurveyAnswer.survey == survey, SurveyAnswer.contact_id == contact.id, SurveyAnswer.order_id == order_id
    )
    found = (await session.scalars(given.execution_options(populate_existing=True))).all()
    mine = [one for one in found if stores.fit(one.store, store)]
    answer = next(iter(sorted(mine, key=lambda one: one.store != store)), None)
    return Asked(message_id, contact, survey, about["kind"], order_id, store, str(about.get("number") or ""), answer)


async def _store(session: AsyncSession, message: Message) -> str:
    """Of which store the order is, as the flow knew it that asked."""
    enrolment = await session.get(Enrolment, message.enrolment_id) if message.enrolment_id is not None else None
    return str(enrolment.context.get("store") or "") if enrolment else ""


async def answered(
    session: AsyncSession, desk: Desk, asked: Asked, score: int, comment: str, now: datetime
) -> SurveyAnswer | None:
    """Store it; of several within a day the last one counts. None when nothing changes."""
    if score not in SCORES[asked.kind] or not asked.is_open(now):
        return None
    answer, contact_id = asked.answer, asked.contact.id
    assert contact_id is not None
    if answer is not None and (answer.score, answer.comment) == (score, comment):
        return None
    if answer is None:
        answer = SurveyAnswer(
            survey=asked.survey, kind=asked.kind, contact_id=contact_id, order_id=asked.order_id,
            store=asked.store, message_id=asked.message_id, score=score, comment=comment, answered_at=now,
            changed_at=now,
        )  # fmt: skip
        session.add(answer)
    else:
        answer.score, answer.comment, answer.changed_at, answer.message_id = score, comment, now, asked.message_id
    await session.flush()
    properties = {"survey": asked.survey, "kind": asked.kind, "score": score, "order_id": asked.order_id}
    key = f"survey:{answer.id}:{now.isoformat()}"
    told = NewEvent(
        "aftercart", key, "track", "Survey Answered", now, now, {"properties": properties}, contact_id, rank="person",
        store=asked.store,
    )  # fmt: skip
    await events.record(session, told)
    if score <= LOW[asked.kind] or guards.in_danger(comment):
        await _case(session, desk, asked, answer, key, now)
    return answer


async def _case(session: AsyncSession, desk: Desk, asked: Asked, answer: SurveyAnswer, key: str, now: datetime) -> None:
    """In the customer's own words, into the ticket that is open with them by mail or a new one."""
    assert asked.contact.id is not None
    words = desk.say(
        desk.language(asked.contact), f"survey.case.{'order' if asked.number else 'plain'}",
        score=answer.score, most=max(SCORES[asked.kind]), number=asked.number,
    )  # fmt: skip
    text = f"{words}\n{answer.comment}" if answer.comment else words
    said = Said(asked.contact.id, by_mail.CHANNEL, text, key, now, now, to_a_person=True)
    await conversation.customer_said(session, desk, said, now)
