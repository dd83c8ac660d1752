"""What a step does: from where an enrolment stands and what time it is to where it rests next. No rows are touched.

Steps that take no time follow one another at once, until one rests: a wait, a mail on its way, the end. All ways
point forward, so a flow is through after as many steps as it has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from automations.asking import conditions
from automations.asking.conditions import Condition
from automations.asking.facts import Person
from automations.asking.matter import Case
from automations.care import Care
from automations.definition.flow import Flow
from automations.definition.step import Step
from automations.experiments import assignment
from automations.running import heard, waits

LOOK_AGAIN = timedelta(minutes=15)
"""While a mail is on its way the gate tells when it is settled, unless somebody holds the enrolment just then: for that
case it is looked at again so long after the mail should have left."""
_LONGEST_LOOK = timedelta(hours=6)

_CLOSE_ENOUGH = timedelta(seconds=1)
_A_MOMENT = timedelta(seconds=5)

PENDING = frozenset({"planned", "claimed", "handed", "deferred"})


@dataclass(frozen=True)
class Known:
    """What moving an enrolment may look at.

    `message` is what its present step has in the outbox, if it sends. `person` is there where a step ahead asks about
    them, `events` where one waits for some. `behind`: what reached us is not all applied yet, so whoever asks or waits
    for events asks a moment later.
    """

    now: datetime
    zone: ZoneInfo
    message: Mapping[str, Any] | None = None
    person: Person | None = None
    events: Sequence[Mapping[str, Any]] = ()
    behind: bool = False
    language: str = "en"
    salt: str = ""
    care: Care = field(default_factory=lambda: Care({}))


@dataclass(frozen=True)
class Move:
    """The columns of the enrolment afterwards; `context` where it changed.

    `send` is the step whose mail is queued now, planned for `planned`; with `late` it is not to be sent any more.
    `came` are the steps that it came to, `done` those of them that do something beside the enrolment. `again`: it did
    not work and is tried again.
    """

    status: str
    step_id: str
    entered: datetime
    due_at: datetime | None = None
    planned: datetime | None = None
    exit_reason: str | None = None
    ended_at: datetime | None = None
    send: Step | None = None
    context: Mapping[str, Any] | None = None
    came: tuple[str, ...] = ()
    done: tuple[Step, ...] = ()
    late: bool = False
    again: bool = False


def on_due(row: Mapping[str, Any], flow: Flow, known: Known) -> Move:
    """The time of the enrolment `row` has come."""
    step, now = flow.step(row["step_id"]), known.now
    if step is None:
        return Move("exited", row["step_id"], now, exit_reason="step_removed", ended_at=now)
    if known.behind:
        return Move("active", step.id, row["step_entered_at"], now + _A_MOMENT, row["planned_at"])
    walk = _Walk(row, flow, known)
    if step.wait:
        return _after_wait(walk, step)
    if step.wait_for:
        return _after_waiting_for(walk, step)
    if step.send and known.message is not None:
        return _after_send(walk, step, known.message)
    return walk.come(step, row["step_entered_at"] if step.send else now, row["planned_at"] or now)


def _after_wait(walk: "_Walk", step: Step) -> Move:
    """The wait is over, unless the local time it waits for has moved: a new zone, new rules of a zone."""
    assert step.wait is not None
    row, now = walk.row, walk.known.now
    planned = row["planned_at"] or now
    if step.wait.local:
        there = waits.end(step.wait, row["step_entered_at"], walk.known.zone, row["context"])
        if there > now + _CLOSE_ENOUGH:
            return Move("active", step.id, row["step_entered_at"], there, there)
        planned = max(planned, there)
    return walk.come(walk.flow.next(step.id), now, planned)


def _after_waiting_for(walk: "_Walk", step: Step) -> Move:
    """An event woke it, or it has waited long enough; then for the last time one is looked for."""
    assert step.wait_for is not None
    row, now = walk.row, walk.known.now
    planned = row["planned_at"] or now
    if step.id not in (row["context"].get("heard") or {}):
        event_id = heard.first(step.wait_for, row, row["step_entered_at"], walk.known.events)
        if event_id is None:
            if planned > now + _CLOSE_ENOUGH:
                return Move("active", step.id, row["step_entered_at"], planned, planned)
            return walk.come(walk.no(step), now, planned)
        walk.hear(step, event_id)
    return walk.come(walk.yes(step), now, min(planned, now))


def _after_send(walk: "_Walk", step: Step, message: Mapping[str, Any]) -> Move:
    now = walk.known.now
    if message["status"] in PENDING:
        return Move("active", step.id, walk.row["step_entered_at"], _look_again(walk.row, message, now))
    settled = message["settled_at"] or now
    return walk.come(walk.flow.next(step.id), settled, settled)


def _look_again(row: Mapping[str, Any], message: Mapping[str, Any], now: datetime) -> datetime:
    """A while after a mail that was put off should leave; of one that is late, as long again as it is late by now.

    So the many mails of a long queue are not looked at over and over.
    """
    since: datetime = max(row["step_entered_at"], message["due_at"] or now)
    return max(since, now) + min(max(now - since, LOOK_AGAIN), _LONGEST_LOOK)


class _Walk:
    """One enrolment on its way through steps that take no time."""

    def __init__(self, row: Mapping[str, Any], flow: Flow, known: Known) -> None:
        self.row, self.flow, self.known = row, flow, known
        self.context: Mapping[str, Any] = row["context"]
        self.last: str = row["step_id"]
        self.came: list[str] = []
        self.done: list[Step] = []

    def come(self, step: Step | None, at: datetime, planned: datetime) -> Move:
        """It comes to `step` at `at`; None is the end of the flow. `planned` is when it should have come."""
        while step is not None:
            if step.id in self.came:
                raise ValueError(f"flow {self.flow.name} goes in a circle at {step.id}")
            self.last = step.id
            self.came.append(step.id)
            if step.exit:
                return self._end("exited", at, step.exit)
            if step.wait:
                due = waits.end(step.wait, at, self.known.zone, self.context)
                return self._rest(step, at, due, due)
            if step.send:
                late = self._too_late(planned)
                due = self.known.now + (timedelta(0) if late else LOOK_AGAIN)
                return self._rest(step, at, due, planned, send=step, late=late)
            if step.wait_for:
                event_id = heard.first(step.wait_for, {**self.row, "context": self.context}, min(planned, at),
                                       self.known.events)  # fmt: skip
                if event_id is None:
                    due = at + step.wait_for.timeout
                    return self._rest(step, at, due, due)
                self.hear(step, event_id)
            no = self._first_no(step)
            if no is not None and step.kind == "check" and step.otherwise is None:
                return self._end("exited", at, no.reason)
            step = self._behind(step) if no is None else self.no(step)
        return self._end("finished", at)

    def yes(self, step: Step) -> Step | None:
        return self.flow.step(step.then) if step.then else self.flow.next(step.id)

    def no(self, step: Step) -> Step | None:
        return self.flow.step(step.otherwise) if step.otherwise else self.flow.next(step.id)

    def hear(self, step: Step, event_id: int) -> None:
        self.context = heard.taken(self.context, step.id, event_id)

    def _behind(self, step: Step) -> Step | None:
        """What follows a step that takes no time."""
        if step.split:
            arm = assignment.variant(
                self.known.salt, f"split:{self.flow.name}:{step.id}",
                int(self.context.get("person") or self.row["contact_id"]), step.split.arms,
            )  # fmt: skip
            return self.flow.step(step.split.to[arm]) if arm in step.split.to else self.flow.next(step.id)
        if step.tag or step.task or step.webhook:
            self.done.append(step)
        return self.yes(step)

    def _first_no(self, step: Step) -> Condition | None:
        texts = step.branch if step.branch is not None else step.check if step.kind == "check" else ()
        if not texts:
            return None
        known = self.known
        assert known.person is not None, "a step that asks is reached without the person"
        case = Case(self.flow.name, self.row["anchor_ts"], self.context, known.now, known.language, known.care)
        return conditions.first_no(texts, known.person, case)

    def _too_late(self, planned: datetime) -> bool:
        """The flow rested meanwhile, and whoever let it go on did not want what fell due in that time."""
        before = waits.moment(self.context.get("late_before"))
        return before is not None and planned < before

    def _rest(self, step: Step, at: datetime, due: datetime, planned: datetime, **more: Any) -> Move:
        return Move("active", step.id, at, due, planned, **more, **self._besides())

    def _end(self, status: str, at: datetime, reason: str | None = None) -> Move:
        return Move(status, self.last, at, exit_reason=reason, ended_at=at, **self._besides())

    def _besides(self) -> dict[str, Any]:
        changed = self.context if self.context is not self.row["context"] else None
        return {"context": changed, "came": tuple(self.came), "done": tuple(self.done)}


@dataclass(frozen=True)
class Ahead:
    """What may be needed to move on from a step: the zone, the person (`needs` of them if one `asks`), events."""

    local: bool
    asks: bool
    needs: frozenset[str]
    events: frozenset[str]

    @property
    def is_uncertain(self) -> bool:
        """Whether what reached us a moment ago may change the way."""
        return self.asks or bool(self.events)


def ahead(flow: Flow, step_id: str) -> Ahead:
    """Over every way from this step to where the enrolment rests again."""
    reached = _reached(flow, step_id)
    asked = [text for step in reached if step.kind in ("check", "branch") for text in step.branch or step.check]
    return Ahead(
        any(step.wait is not None and step.wait.local for step in reached),
        bool(asked),
        frozenset(conditions.needs(asked)),
        frozenset(name for step in reached if step.wait_for for name in step.wait_for.events),
    )


def may_send(flow: Flow, step_id: str) -> bool:
    """Whether a mail may be the next thing for somebody whose wait at this step is over."""
    here = flow.step(step_id)
    return here is not None and here.send is None and any(step.send for step in _reached(flow, step_id))


def _reached(flow: Flow, step_id: str) -> Sequence[Step]:
    """This step, and those over every way from it to where an enrolment rests again."""
    here = flow.step(step_id)
    reached: dict[str, Step] = {}
    todo = [here] if here is not None else []
    while todo:
        step = todo.pop()
        if step.id in reached:
            continue
        reached[step.id] = step
        if step is here or not (step.wait or step.send or step.exit):
            named = [flow.step(one) for one in step.ways()]
            todo += [one for one in (*named, flow.next(step.id)) if one is not None]
    return list(reached.values())
