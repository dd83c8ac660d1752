"""May this message leave, and if not, why not: fourteen questions in a fixed order, asked at the last moment.

Everything happens inside the outbox's claim transaction, with the people locked, so that no second worker gives the
last free slot away. Every answer is kept with the message (`verdicts`), the first no in `skip_reason`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import behind, facts
from automations.asking.matter import Case
from automations.care import Care
from automations.definition.versions import Versions
from automations.gate import allowed, coupons, fitting, timely, turns, wording
from automations.gate import batch as batches
from automations.gate.asked import Asked, Means, No
from automations.gate.batch import Batch
from automations.gate.spending import Spending
from automations.running import exits
from bot import contacts
from bot.base import logs, paths, work
from bot.base.database import table
from bot.base.ground import Ground
from bot.outbound.chat_templates import ChatTemplates
from bot.outbound.email import templates
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.tables.automations import Enrolment

log = logs.get(__name__)

QUESTIONS: tuple[Callable[[Means, Asked, Batch], No | None], ...] = (
    allowed.enrolment_active, allowed.flow_running, allowed.address, allowed.not_suppressed, allowed.consent,
    allowed.not_held, fitting.no_exit, fitting.profile_filters, fitting.fresh, timely.in_time, timely.awake,
    timely.under_cap, timely.not_held_out, wording.rendered,
)  # fmt: skip
REASONS = tuple(ask.__name__ for ask in QUESTIONS)
"""The fourteen questions, in the order in which they are asked."""

Word = Send | Skip | Defer
_CARRIED = ("coupon", "defers", "held_since")
"""What the verdicts keep from one look to the next."""
_MOST_MOVES = 4
_UNREACHABLE = frozenset({"bad_address", "blocked", "deactivated"})
_BUSY = timedelta(seconds=1)
_BEHIND = timedelta(seconds=5)
_MOST_WAITS = 120  # for what a page told: ten minutes, then it is a flood, and it was only a page's word
_enrolments = table(Enrolment)
_GO_ON = (
    sa.update(_enrolments)
    .where(
        # Nobody is waited for who holds the enrolment now: an event may be waiting for the people that we hold. If it
        # does not end there, the engine looks by itself (`steps.LOOK_AGAIN`).
        _enrolments.c.id.in_(
            sa.select(_enrolments.c.id)
            .where(_enrolments.c.id == sa.bindparam("of_enrolment"), _enrolments.c.status == "active")
            .where(_enrolments.c.step_id == sa.bindparam("of_step"))
            .with_for_update(skip_locked=True, key_share=True)
        )
    )
    .values(
        due_at=sa.bindparam("at", type_=_enrolments.c.due_at.type),
        planned_at=sa.bindparam("at", type_=_enrolments.c.due_at.type),
    )
)


class Marketing:
    """The outbox's stage for the purpose `marketing`."""

    def __init__(
        self,
        ground: Ground,
        mails: MailTemplates,
        care: Care,
        versions: Versions | None = None,
        *,
        chats: ChatTemplates | None = None,
        channels: Collection[str] = ("email", "telegram"),
    ) -> None:
        """`channels` are those that have a sender."""
        self.ground = ground
        self.mails = mails
        self.chats = chats or ChatTemplates([paths.templates()], ground.config.shop.language)
        self.care = care
        self.spending = Spending()
        self.versions = versions or Versions()
        self.channels = frozenset(channels)

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Word]:
        if await behind.is_behind(session, now):
            return {row["id"]: Defer(now + _BEHIND, "events_wait") for row in rows}
        batch = await batches.load(session, self.ground, self.versions, rows, now)
        words: dict[int, Word] = {}
        leaving: list[tuple[int, No]] = []
        for row in sorted(rows, key=partial(_turn, batch)):
            if row["contact_id"] not in batch.locked:
                words[row["id"]] = Defer(now + _BUSY, "busy")
                continue
            asked = self._asked(row, batch, now)
            try:
                words[row["id"]] = self._judged(asked, batch, leaving)
            except Exception:  # one row of a loop: it alone is not sent
                log.exception("the gate failed", message_id=row["id"], flow=row["flow"])
                words[row["id"]] = Skip("error")
            if asked.code is not None and not isinstance(words[row["id"]], Send):
                batch.codes.put_back(asked.code)
        for enrolment_id, no in leaving:
            await exits.leave(session, [enrolment_id], no.reason, now, no.event_id, wait=False)
        await templates.remember(session, batch.used, now)
        await turns.keep(session, batch.turns)
        await coupons.reserve(session, batch.codes)
        await self.spending.keep(session, now)
        for word in words.values():
            if isinstance(word, Defer) and "channel" in word.values:
                work.kick(session, f"messages:{word.values['channel']}")
        return words

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        """However it ended, the enrolment goes on, counted from this moment; the engine moves it."""
        where = {"of_enrolment": row["enrolment_id"], "of_step": row["step_id"], "at": outcome.at}
        await session.execute(_GO_ON, where)
        work.kick(session, "enrolments")
        if row["verdicts"].get("coupon"):
            await coupons.settled(session, row["id"], outcome)
        if outcome.status != "failed" or outcome.reason not in _UNREACHABLE:
            return
        # Of the address that was written to, which may be an older one by now.
        if row["channel"] == "email" and outcome.reason == "bad_address":
            address = row["payload"].get("to") or row["receiver"]
            await contacts.suppress(session, self.ground.secret, "email", address, "hard_bounce", outcome.at)
            await contacts.mark_unreachable(session, "email", address, "hard_bounce", outcome.at)
        elif row["channel"] == "telegram":
            chat = str(row["payload"].get("chat_id") or row["receiver"].rpartition(":")[2])
            await contacts.mark_unreachable(session, "telegram", chat, outcome.reason, outcome.at)

    def _judged(self, asked: Asked, batch: Batch, leaving: list[tuple[int, No]]) -> Word:
        row = asked.row
        verdicts: dict[str, Any] = {name: row["verdicts"][name] for name in _CARRIED if row["verdicts"].get(name)}
        if row["contact_id"] in batch.telling and asked.times("events_wait") < _MOST_WAITS:
            return _later(asked, "events_wait", asked.now + _BEHIND, verdicts, moves=False)
        for name, ask in zip(REASONS, QUESTIONS, strict=True):
            if name == "rendered" and asked.way.channel != row["channel"]:
                return _elsewhere(asked, verdicts)
            if name == "rendered" and (turn := batch.turns.wait(asked)):
                return _later(asked, "throttle", turn, {**verdicts, turns.KEPT: turn.isoformat()}, moves=True)
            no = ask(self, asked, batch)
            if no is None:
                verdicts[name] = True
                continue
            if name == "rendered":
                batch.turns.put_back(asked)
            verdicts |= {name: {"reason": no.reason, **no.detail}, **no.keeps}
            if no.until is not None:
                return _later(asked, no.reason, no.until, verdicts, moves=no.moves)
            if no.exits:
                leaving.append((row["enrolment_id"], no))
            return Skip(no.reason, no.status, {"verdicts": verdicts})
        return self._leaves(asked, batch, verdicts)

    def _leaves(self, asked: Asked, batch: Batch, verdicts: dict[str, Any]) -> Send:
        written = asked.written
        assert written is not None
        outside = asked.flow.cap == "ignore"
        batch.slots.take(asked.row["id"], asked.who.id, asked.way.address, asked.now, outside=outside)
        if written.template is not None:
            batch.used.append(written.template)
        if asked.code is not None:
            batch.codes.give(asked.row["id"], asked.who.id, asked.code, wording.expires_at(self, asked))
            verdicts["coupon"] = asked.code.code
        verdicts["channel"] = asked.way.channel
        if survey := written.kept_payload.get("survey"):
            verdicts["survey"] = survey["kind"]  # reports count it when retention has emptied the payload
        return Send(written.payload, {"verdicts": verdicts, "payload": dict(written.kept_payload), **written.kept})

    def _asked(self, row: facts.Row, batch: Batch, now: datetime) -> Asked:
        enrolment = batch.enrolments[row["enrolment_id"]]
        person = batch.people.get(row["contact_id"])
        language = (person.contact["language"] if person else None) or self.ground.config.shop.language
        case = Case(row["flow"], enrolment["anchor_ts"], enrolment["context"], now, language, self.care)
        version = batch.versions.get(enrolment["version_id"])
        flow = version.flow.for_variant(enrolment["variant"]) if version and version.flow else None
        return Asked(row, enrolment, version, person, case, now, flow)


def _turn(batch: Batch, row: facts.Row) -> tuple[bool, int, datetime, int]:
    """Who goes first: a browser that only claims an address after those who are known."""
    person = batch.people.get(row["contact_id"])
    return person is not None and person.is_claimed, row["priority"], row["planned_at"], row["id"]


def _later(
    asked: Asked, reason: str, until: datetime, verdicts: dict[str, Any], *, moves: bool, **values: Any
) -> Defer:
    times = {**(verdicts.get("defers") or {}), reason: asked.times(reason) + 1}
    moved = {"planned_at": until} if moves else {}
    return Defer(until, reason, {"verdicts": {**verdicts, "defers": times}, **moved, **values})


def _elsewhere(asked: Asked, verdicts: dict[str, Any]) -> Word:
    """It leaves by another channel: the loop of that one takes it at once, and asks everything again.

    Its receiver is its own, so that in a channel with an order nobody waits behind it.
    """
    if asked.times("other_channel") >= _MOST_MOVES:
        return Skip("no_channel", values={"verdicts": verdicts})
    moved = {"channel": asked.way.channel, "receiver": f"contact:{asked.who.id}:{asked.row['id']}"}
    return _later(asked, "other_channel", asked.now, verdicts, moves=False, **moved)
