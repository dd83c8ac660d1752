"""What a back-test found: who would have got what and when, who was stopped by what; and how two versions differ."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.tables.automations import Enrolment, Refusal
from bot.tables.outbox import Message
from bot.tables.people import Identity

_enrolments, _messages, _refusals = table(Enrolment), table(Message), table(Refusal)
_identities = table(Identity)


@dataclass(frozen=True)
class Line:
    """One mail of the flow: sent, stopped (`reason`), or still ahead when the time was over."""

    contact_id: int
    key: str
    step: str
    status: str
    reason: str | None
    at: datetime
    subject: str = ""


@dataclass(frozen=True)
class Outcome:
    """`refused` counts people who did not enter, by reason; `ended` those who left or went through."""

    lines: Sequence[Line]
    entered: int
    ended: Mapping[str, int]
    refused: Mapping[str, int]

    @property
    def sent(self) -> list[Line]:
        return [line for line in self.lines if line.status == "sent"]

    @property
    def stopped(self) -> Mapping[str, int]:
        return Counter(line.reason or line.status for line in self.lines if line.status in ("skipped", "withheld"))


async def read(session: AsyncSession, flow: str, subjects: Mapping[int, str]) -> Outcome:
    mails = (
        sa.select(
            _messages.c.id, _messages.c.contact_id, _enrolments.c.dedupe_key, _messages.c.step_id, _messages.c.status,
            _messages.c.skip_reason, _messages.c.settled_at, _messages.c.planned_at,
        )
        .join(_enrolments, _enrolments.c.id == _messages.c.enrolment_id)
        .where(_enrolments.c.flow == flow, _messages.c.step_id.is_not(None))
        .order_by(sa.func.coalesce(_messages.c.settled_at, _messages.c.planned_at), _messages.c.id)
    )  # fmt: skip
    lines = [
        Line(row.contact_id, row.dedupe_key, row.step_id, row.status, row.skip_reason,
             row.settled_at or row.planned_at, subjects.get(row.id, ""))
        for row in await session.execute(mails)
    ]  # fmt: skip
    ends = (
        sa.select(_enrolments.c.status, _enrolments.c.exit_reason, sa.func.count().label("n"))
        .where(_enrolments.c.flow == flow)
        .group_by(_enrolments.c.status, _enrolments.c.exit_reason)
    )
    ended: Counter[str] = Counter()
    for row in await session.execute(ends):
        ended[row.exit_reason or row.status] += row.n
    reasons = sa.select(_refusals.c.reason, sa.func.count().label("n")).where(_refusals.c.flow == flow)
    refused = {row.reason: row.n for row in await session.execute(reasons.group_by(_refusals.c.reason))}
    return Outcome(lines, sum(ended.values()), ended, refused)


async def addresses(session: AsyncSession, contacts: Collection[int]) -> dict[int, str]:
    """What each contact is called in a list: their newest mail address, or the number."""
    found = {number: f"contact {number}" for number in contacts}
    known = sa.select(_identities.c.contact_id, _identities.c.value).where(
        _identities.c.kind == "email", _identities.c.contact_id.in_(sorted(contacts))
    )
    for row in await session.execute(known.order_by(_identities.c.id)):
        found[row.contact_id] = row.value
    return found


@dataclass(frozen=True)
class Difference:
    """One mail that two versions treat differently: only one sends it, or at another time."""

    contact_id: int
    step: str
    before: Line | None
    after: Line | None

    @property
    def shift(self) -> timedelta | None:
        return self.after.at - self.before.at if self.before and self.after else None


_SAME_TIME = timedelta(seconds=1)


def compare(before: Outcome, after: Outcome) -> list[Difference]:
    """What changed between two versions, by person, reason of entering, and step."""
    mine = {(line.contact_id, line.key, line.step): line for line in before.sent}
    theirs = {(line.contact_id, line.key, line.step): line for line in after.sent}
    found = []
    for who in sorted(mine.keys() | theirs.keys()):
        one, other = mine.get(who), theirs.get(who)
        if one is None or other is None or abs(one.at - other.at) > _SAME_TIME or one.subject != other.subject:
            found.append(Difference(who[0], who[2], one, other))
    return found
