"""What a step does: from where an enrolment stands and what time it is to where it stands next. No rows are touched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from automations.definition.flow import Flow, Step
from automations.running import waits

LOOK_AGAIN = timedelta(hours=6)
"""While a mail is on its way the gate tells when it is settled; this is for the case that nobody did."""

_CLOSE_ENOUGH = timedelta(seconds=1)

PENDING = frozenset({"planned", "claimed", "handed", "deferred"})


@dataclass(frozen=True)
class Move:
    """The columns of the enrolment afterwards; `send` is the step whose mail is queued now, planned for `planned`."""

    status: str
    step_id: str
    entered: datetime
    due_at: datetime | None = None
    planned: datetime | None = None
    exit_reason: str | None = None
    ended_at: datetime | None = None
    send: Step | None = None


def enter(
    flow: Flow, step: Step | None, at: datetime, planned: datetime, zone: ZoneInfo, context: Mapping[str, Any],
    last_id: str,
) -> Move:  # fmt: skip
    """The enrolment comes to `step` at `at`; None is the end of the flow. `planned` is when it should have come."""
    if step is None:
        return Move("finished", last_id, at, ended_at=at)
    if step.exit:
        return Move("exited", step.id, at, exit_reason=step.exit, ended_at=at)
    if step.wait:
        due = waits.end(step.wait, at, zone, context)
        return Move("active", step.id, at, due, due)
    return Move("active", step.id, at, at + LOOK_AGAIN, planned, send=step)


def on_due(
    row: Mapping[str, Any], flow: Flow, now: datetime, zone: ZoneInfo, message: Mapping[str, Any] | None
) -> Move:
    """The time of the enrolment `row` has come. `message` is what its present step has in the outbox, if it sends."""
    step = flow.step(row["step_id"])
    if step is None:
        return Move("exited", row["step_id"], now, exit_reason="step_removed", ended_at=now)
    if step.wait:
        return _after_wait(row, flow, step, now, zone)
    if message is None:
        return Move("active", step.id, row["step_entered_at"], now + LOOK_AGAIN, row["planned_at"] or now, send=step)
    if message["status"] in PENDING:
        return Move("active", step.id, row["step_entered_at"], now + LOOK_AGAIN)
    settled = message["settled_at"] or now
    return enter(flow, flow.next(step.id), settled, settled, zone, row["context"], step.id)


def _after_wait(row: Mapping[str, Any], flow: Flow, step: Step, now: datetime, zone: ZoneInfo) -> Move:
    """The wait is over, unless the local time it waits for has moved: a new zone, new rules of a zone."""
    assert step.wait is not None
    planned = row["planned_at"] or now
    if step.wait.local:
        planned = waits.end(step.wait, row["step_entered_at"], zone, row["context"])
        if planned > now + _CLOSE_ENOUGH:
            return Move("active", step.id, row["step_entered_at"], planned, planned)
    return enter(flow, flow.next(step.id), now, planned, zone, row["context"], step.id)


def looks_at_local_time(flow: Flow, step_id: str) -> bool:
    """Whether moving from this step needs the recipient's zone."""
    near = [flow.step(step_id), flow.next(step_id)]
    return any(step is not None and step.wait is not None and step.wait.local for step in near)
