"""Why did this person (not) get a mail: every enrolment and every verdict of the gate, told in order."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.gate.marketing import REASONS
from bot.base.database import table
from bot.tables.automations import Enrolment, Refusal
from bot.tables.events import Event
from bot.tables.outbox import Message

_enrolments = table(Enrolment)
_messages = table(Message)
_refusals = table(Refusal)
_events = table(Event)


@dataclass(frozen=True)
class Answer:
    """One question of the gate. `said` is True, False, or None if it was not reached; `detail` is why not."""

    question: str
    said: bool | None
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Explained:
    """One mail, or an enrolment that has none yet (`step`, `message_id` and the answers empty).

    `status` and `reason` are the message's, else the enrolment's; `error` is what the mail server answered.
    """

    flow: str
    enrolment_id: int
    entered_at: datetime
    status: str
    reason: str | None
    enrolment_status: str
    exit_reason: str | None
    exit_event_id: int | None
    message_id: int | None = None
    step: str | None = None
    template: str | None = None
    planned_at: datetime | None = None
    settled_at: datetime | None = None
    error: str | None = None
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A flow that did not want the person although what starts it had happened, the last time it was asked."""

    flow: str
    reason: str
    at: datetime
    times: int


@dataclass(frozen=True)
class Beside:
    """What a flow did for the person beside mails: a call of a system (`webhook NAME`), a task for the staff."""

    flow: str
    step: str
    what: str
    status: str
    at: datetime


async def beside(session: AsyncSession, contact_id: int, flow: str | None = None) -> list[Beside]:
    """Calls and tasks, the oldest first."""
    calls = sa.select(_messages.c.payload, _messages.c.status, _messages.c.error, _messages.c.created_at).where(
        _messages.c.contact_id == contact_id, _messages.c.channel == "webhook"
    )
    found = []
    for row in await session.execute(calls.order_by(_messages.c.id)):
        why = f" ({row.error})" if row.error and row.status != "sent" else ""
        what = f"webhook {row.payload.get('webhook', '')}".strip()
        found.append(Beside(str(row.payload.get("flow", "")), str(row.payload.get("step", "")), what,
                            f"{row.status}{why}", row.created_at))  # fmt: skip
    tasks = sa.select(_events.c.body, _events.c.status, _events.c.ts).where(
        _events.c.contact_id == contact_id, _events.c.name == "Task Requested"
    )
    for event in await session.execute(tasks.order_by(_events.c.id)):
        told = event.body.get("properties") or {}
        status = "a ticket is open" if event.status == "done" else event.status
        found.append(Beside(str(told.get("flow", "")), str(told.get("step", "")), f"task: {told.get('text', '')}",
                            status, event.ts))  # fmt: skip
    return sorted((one for one in found if flow in (None, one.flow)), key=lambda one: one.at)


async def events(session: AsyncSession, event_ids: Collection[int]) -> dict[int, str]:
    """The names of these events."""
    found = await session.execute(sa.select(_events.c.id, _events.c.name).where(_events.c.id.in_(sorted(event_ids))))
    return {row.id: row.name for row in found}


async def refused(session: AsyncSession, contact_id: int, flow: str | None = None) -> list[Refused]:
    """Flows that did not want this person, the newest answer first."""
    mine = sa.select(_refusals.c.flow, _refusals.c.reason, _refusals.c.at, _refusals.c.times)
    mine = mine.where(_refusals.c.contact_id == contact_id, *([_refusals.c.flow == flow] if flow else []))
    return [Refused(*row) for row in await session.execute(mine.order_by(_refusals.c.at.desc(), _refusals.c.flow))]


async def explain(session: AsyncSession, contact_id: int, flow: str | None = None) -> list[Explained]:
    """Everything the automations did or left undone for this person, the newest enrolment first."""
    mine = sa.select(_enrolments).where(_enrolments.c.contact_id == contact_id)
    if flow:
        mine = mine.where(_enrolments.c.flow == flow)
    rows = (await session.execute(mine.order_by(_enrolments.c.entered_at.desc(), _enrolments.c.id.desc()))).mappings()
    mails = sa.select(_messages).where(_messages.c.contact_id == contact_id, _messages.c.enrolment_id.is_not(None))
    by_enrolment: dict[int, list[Mapping[str, Any]]] = {}
    for mail in (await session.execute(mails.order_by(_messages.c.id))).mappings():
        by_enrolment.setdefault(mail["enrolment_id"], []).append(dict(mail))
    return [one for row in rows for one in _told(dict(row), by_enrolment.get(row["id"], []))]


def _told(row: Mapping[str, Any], mails: list[Mapping[str, Any]]) -> list[Explained]:
    about = (row["flow"], row["id"], row["entered_at"])
    end = (row["status"], row["exit_reason"], row["exit_event_id"])
    if not mails:
        return [Explained(*about, row["status"], row["exit_reason"], *end)]
    return [
        Explained(
            *about, mail["status"], mail["skip_reason"], *end, mail["id"], mail["step_id"], mail["template"],
            mail["planned_at"], mail["settled_at"], mail["error"], answers(mail["verdicts"]),
        )
        for mail in mails
    ]  # fmt: skip


def answers(verdicts: Mapping[str, Any]) -> tuple[Answer, ...]:
    """The fourteen answers in the order they were asked (a database may have stored them in another)."""
    found = []
    for question in REASONS:
        said = verdicts.get(question)
        detail = said if isinstance(said, dict) else {}
        found.append(Answer(question, None if said is None else said is True, detail))
    return tuple(found)
