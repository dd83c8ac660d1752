"""May this mail leave, and if not, why not: thirteen questions in a fixed order, asked at the last moment.

Everything happens inside the outbox's claim transaction, with the people locked, so that no second worker gives the
last free slot away. Every answer is kept with the message (`verdicts`), the first no in `skip_reason`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from jinja2 import TemplateError
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import conditions, facts
from automations.asking.facts import Person
from automations.asking.matter import Case
from automations.care import Care
from automations.definition.flow import Flow, Step
from automations.definition.versions import Version, Versions
from automations.experiments import holdout
from automations.gate import batch as batches
from automations.gate import permission
from automations.gate.batch import Batch
from automations.running import exits
from automations.subjects import shown
from automations.subjects.writing import Writing
from bot import contacts
from bot.base import logs, quiet, work
from bot.base.database import table
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.contacts import zones
from bot.outbound.email import templates, tracking
from bot.outbound.email.templates import MailTemplate, MailTemplates
from bot.outbound.email.tracking import LinkTokens
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.tables.automations import Enrolment

log = logs.get(__name__)

REASONS = (
    "enrolment_active", "flow_running", "address", "not_suppressed", "consent", "no_exit", "profile_filters", "fresh",
    "in_time", "awake", "under_cap", "not_held_out", "rendered",
)  # fmt: skip
"""The thirteen questions, in the order in which they are asked."""

MAX_DEFERS = 3
_LONGEST_CAP_WAIT = timedelta(hours=48)
_BUSY = timedelta(seconds=1)
_BEHIND = timedelta(seconds=5)
_FOR_A_HIGHER_ONE = timedelta(seconds=5)
_RIVAL_WAITS = 24
_enrolments = table(Enrolment)
_GO_ON = (
    sa.update(_enrolments)
    .where(
        # Whoever holds the enrolment now is ending it (an event): nothing to wake, and nothing to wait for.
        _enrolments.c.id.in_(
            sa.select(_enrolments.c.id)
            .where(_enrolments.c.id == sa.bindparam("of_enrolment"), _enrolments.c.status == "active")
            .where(_enrolments.c.step_id == sa.bindparam("of_step"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(
        due_at=sa.bindparam("at", type_=_enrolments.c.due_at.type),
        planned_at=sa.bindparam("at", type_=_enrolments.c.due_at.type),
    )
)


@dataclass(frozen=True)
class No:
    """A question answered with no. `exits`: the enrolment ends. `until`: not now, ask again then; with `moves` the mail
    counts as late only from then on, because the waiting was our decision."""

    reason: str
    exits: bool = False
    until: datetime | None = None
    status: str = "skipped"
    moves: bool = False
    event_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Asked:
    """One message in front of the gate."""

    row: facts.Row
    enrolment: facts.Row
    version: Version | None
    person: Person | None
    case: Case
    now: datetime
    address: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    template: MailTemplate | None = None

    @property
    def flow(self) -> Flow:
        assert self.version is not None and self.version.flow is not None
        return self.version.flow

    @property
    def step(self) -> Step:
        found = self.flow.step(self.row["step_id"])
        assert found is not None
        return found

    @property
    def who(self) -> Person:
        assert self.person is not None
        return self.person


class Marketing:
    """The outbox's stage for the purpose `marketing`."""

    def __init__(self, ground: Ground, mails: MailTemplates, care: Care, versions: Versions | None = None) -> None:
        self.ground = ground
        self.mails = mails
        self.care = care
        self.versions = versions or Versions()
        self._questions: tuple[Callable[[_Asked, Batch], No | None], ...] = (
            self._enrolment_active, self._flow_running, self._address, self._not_suppressed, self._consent,
            self._no_exit, self._profile_filters, self._fresh, self._in_time, self._awake, self._under_cap,
            self._not_held_out, self._rendered,
        )  # fmt: skip
        assert tuple(ask.__name__.lstrip("_") for ask in self._questions) == REASONS

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        if await batches.events_wait(session, now):
            return {row["id"]: Defer(now + _BEHIND, "events_wait") for row in rows}
        batch = await batches.load(session, self.ground, self.versions, rows, now)
        words: dict[int, Send | Skip | Defer] = {}
        leaving: list[tuple[int, No]] = []
        for row in sorted(rows, key=lambda row: (row["priority"], row["planned_at"], row["id"])):
            if row["contact_id"] not in batch.locked:
                words[row["id"]] = Defer(now + _BUSY, "busy")
                continue
            try:
                words[row["id"]] = self._judged(row, batch, now, leaving)
            except Exception:  # one row of a loop: it alone is not sent
                log.exception("the gate failed", message_id=row["id"], flow=row["flow"])
                words[row["id"]] = Skip("error")
        for enrolment_id, no in leaving:
            await exits.leave(session, [enrolment_id], no.reason, now, no.event_id, wait=False)
        await templates.remember(session, batch.used, now)
        return words

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        """However it ended, the enrolment goes on, counted from this moment; the engine moves it."""
        where = {"of_enrolment": row["enrolment_id"], "of_step": row["step_id"], "at": outcome.at}
        await session.execute(_GO_ON, where)
        work.kick(session, "enrolments")
        if outcome.status == "failed" and outcome.reason == "bad_address":
            # Of the address that was written to, which may be an older one by now.
            address = row["payload"].get("to") or row["receiver"]
            await contacts.suppress(session, self.ground.secret, "email", address, "hard_bounce", outcome.at)
            await contacts.mark_unreachable(session, "email", address, "hard_bounce", outcome.at)

    def _judged(
        self, row: facts.Row, batch: Batch, now: datetime, leaving: list[tuple[int, No]]
    ) -> Send | Skip | Defer:
        asked = self._asked(row, batch, now)
        verdicts: dict[str, Any] = {}
        defers = dict(row["verdicts"].get("defers") or {})
        for name, ask in zip(REASONS, self._questions, strict=True):
            no = ask(asked, batch)
            if no is None:
                verdicts[name] = True
                continue
            verdicts[name] = {"reason": no.reason, **no.detail}
            if no.until is not None:
                verdicts["defers"] = {**defers, no.reason: defers.get(no.reason, 0) + 1}
                moved = {"planned_at": no.until} if no.moves else {}
                return Defer(no.until, no.reason, {"verdicts": verdicts, **moved})
            if no.exits:
                leaving.append((row["enrolment_id"], no))
            if defers:
                verdicts["defers"] = defers
            if no.reason == "render_error":
                log.error("a mail could not be rendered and was not sent", message_id=row["id"], flow=row["flow"],
                          step=row["step_id"], detail=no.detail.get("error"))  # fmt: skip
            return Skip(no.reason, no.status, {"verdicts": verdicts})
        if defers:
            verdicts["defers"] = defers
        assert asked.template is not None
        batch.slots.taken[asked.who.id].append(now)
        batch.used.append(asked.template)
        kept = {"template": asked.step.send, "revision": asked.template.revision, "receiver": asked.address}
        # The mail itself is not kept; its list names the topic that the unsubscribe link is about.
        kept_payload = {"list_id": asked.payload["list_id"]}
        return Send(asked.payload, {"verdicts": verdicts, "payload": kept_payload, **kept})

    def _asked(self, row: facts.Row, batch: Batch, now: datetime) -> _Asked:
        enrolment = batch.enrolments[row["enrolment_id"]]
        person = batch.people.get(row["contact_id"])
        language = (person.contact["language"] if person else None) or self.ground.config.shop.language
        case = Case(row["flow"], enrolment["anchor_ts"], enrolment["context"], now, language, self.care)
        return _Asked(row, enrolment, batch.versions.get(enrolment["version_id"]), person, case, now)

    # -- the thirteen questions ------------------------------------------------------------------------------------

    def _enrolment_active(self, asked: _Asked, _batch: Batch) -> No | None:
        return None if asked.enrolment["status"] == "active" else No("exited")

    def _flow_running(self, asked: _Asked, _batch: Batch) -> No | None:
        runs = asked.version is not None and asked.version.runs and asked.flow.step(asked.row["step_id"]) is not None
        return None if runs else No("flow_stopped")

    def _address(self, asked: _Asked, _batch: Batch) -> No | None:
        if asked.person is None or asked.person.contact["status"] != "active":
            return No("erased", exits=True)
        if asked.person.email is None:
            return No("no_address")
        asked.address = asked.person.email
        return None

    def _not_suppressed(self, asked: _Asked, batch: Batch) -> No | None:
        found = batch.permissions.suppression(asked.address, asked.flow.topic)
        if found is None:
            return None
        reason, _everything = found
        if reason in permission.LEFT:
            return No("unsubscribed", exits=True)
        return No("suppressed", detail={"because": reason})  # the address may be changed back

    def _consent(self, asked: _Asked, batch: Batch) -> No | None:
        settings = self.ground.config.automations
        refused = permission.refusal(batch.permissions, settings, asked.flow, asked.who, asked.address)
        return No(refused, exits=refused == "unsubscribed") if refused else None

    def _no_exit(self, asked: _Asked, batch: Batch) -> No | None:
        for event in batch.goals.get(asked.who.id, ()):
            properties = event["body"].get("properties") or {}
            if exits.ends(asked.flow, asked.enrolment, event["name"], event["ts"], properties):
                return No("goal", exits=True, event_id=event["id"], detail={"event": event["name"]})
        for text in asked.flow.exit.when:
            question = conditions.parse(text)
            if question.holds(asked.who, asked.case):
                return No("goal", exits=True, detail={"because": question.condition.name})
        return None

    def _profile_filters(self, asked: _Asked, _batch: Batch) -> No | None:
        no = conditions.first_no(asked.flow.filters, asked.who, asked.case)
        return No(no.reason, detail={"condition": no.name}) if no else None

    def _fresh(self, asked: _Asked, batch: Batch) -> No | None:
        if asked.step.merge_on and (leader := self._leader(asked, batch)):
            return No("merged", detail={"into": leader})
        cases = [asked.case, *(self._also(asked, batch))]
        refusals = [conditions.first_no(asked.step.check, asked.who, case) for case in cases]
        no = None if None in refusals else refusals[0]
        if no is None:
            return None
        if asked.now < asked.row["created_at"] + no.hold:
            again = asked.now + min(no.hold / 6, timedelta(days=1))
            return No(no.reason, until=again, moves=True, detail={"condition": no.name})
        return No(no.reason, detail={"condition": no.name})

    def _in_time(self, asked: _Asked, _batch: Batch) -> No | None:
        late = asked.now - asked.row["planned_at"]
        if late <= asked.step.max_lateness:
            return None
        return No("stale", detail={"late_seconds": int(late.total_seconds())})

    def _awake(self, asked: _Asked, _batch: Batch) -> No | None:
        hours = self.ground.config.automations.quiet_hours
        where = zones.local(self.ground.config, asked.who.contact)
        until = quiet.until(hours, asked.now, where.zone, asked.row["key"])
        if until is None:
            return None
        detail = {"zone": where.zone.key, "zone_from": where.source}
        if _times(asked, "quiet_hours") >= MAX_DEFERS:
            return No("deferred_too_often", detail=detail)
        return No("quiet_hours", until=until, moves=True, detail=detail)

    def _under_cap(self, asked: _Asked, batch: Batch) -> No | None:
        limits = self.ground.config.automations.frequency_cap
        if not limits or asked.row["handed_at"]:
            return None  # tried before: it holds its slot
        rival = batch.slots.rivals.get(asked.who.id)
        if rival is not None and rival < asked.row["priority"] and _times(asked, "higher_first") < _RIVAL_WAITS:
            return No("higher_first", until=asked.now + _FOR_A_HIGHER_ONE)
        free = batch.slots.free_at(asked.who.id, limits, asked.now)
        if free is None:
            return None
        wait = asked.step.on_cap == "defer" and free <= asked.row["created_at"] + _LONGEST_CAP_WAIT
        if wait and _times(asked, "frequency_cap") < MAX_DEFERS:
            return No("frequency_cap", until=free, moves=True)
        return No("frequency_cap")

    def _not_held_out(self, asked: _Asked, _batch: Batch) -> No | None:
        bucket = asked.enrolment["context"].get("bucket")
        if bucket is None or not holdout.held(self.ground.config, int(bucket)):
            return None
        return No("withheld", status="withheld", detail={"bucket": bucket})

    def _rendered(self, asked: _Asked, batch: Batch) -> No | None:
        links = LinkTokens(self.ground.config.web.url, asked.row["id"], self.ground.secret)
        also = [case.context for case in self._also(asked, batch)
                if conditions.first_no(asked.step.check, asked.who, case) is None]  # fmt: skip
        writing = Writing(
            self.ground, self.care, asked.flow, asked.step, asked.who, asked.case, asked.address, links, also
        )
        try:
            template = batch.template(self.mails, asked.step.send or "", asked.case.language)
            mail = template.render(shown.build(writing), links)
        except (TemplateError, FindingsError, LookupError, ValueError, TypeError) as error:
            return No("render_error", detail={"error": logs.clean(f"{type(error).__name__}: {error}")[:300]})
        asked.template = template
        asked.payload = self._payload(asked, mail, links)
        return None

    # -- what they stand on ----------------------------------------------------------------------------------------

    def _payload(self, asked: _Asked, mail: templates.Mail, links: LinkTokens) -> Mapping[str, Any]:
        contact, shop = asked.who.contact, self.ground.config.shop
        domain = next(iter(tracking.own_domains(shop.url)), "localhost")
        return {
            "to": asked.address,
            "to_name": f"{contact['first_name']} {contact['last_name']}".strip(),
            "from": "marketing",
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
            "list_unsubscribe": links.unsubscribe,
            "list_id": f"{asked.flow.topic}.{domain}",
            "feedback_id": f"{asked.flow.name}:{asked.step.id}:marketing:{domain.partition('.')[0]}",
            "reply_to": None,
        }

    def _leader(self, asked: _Asked, batch: Batch) -> int | None:
        """The first enrolment of the same order whose mail carries ours too."""
        earlier = [
            one["id"] for one in batch.merged.get(asked.enrolment["id"], ()) if one["id"] < asked.enrolment["id"]
        ]
        return min(earlier, default=None)

    def _also(self, asked: _Asked, batch: Batch) -> list[Case]:
        return [
            Case(asked.case.flow, one["anchor_ts"], one["context"], asked.now, asked.case.language, self.care)
            for one in batch.merged.get(asked.enrolment["id"], ())
            if one["id"] > asked.enrolment["id"]
        ]


def _times(asked: _Asked, reason: str) -> int:
    return int((asked.row["verdicts"].get("defers") or {}).get(reason, 0))
