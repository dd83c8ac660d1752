"""Which policy holds for a ticket, and what it promises."""

from datetime import datetime, timedelta

from bot.base.config import SlaPolicy
from bot.base.config.types import WorkingDays
from bot.support.desk import Desk
from bot.support.sla.values import METRICS, Promise
from bot.tables.support import Ticket

_FITS = ("channel", "priority", "department", "tier", "language", "kind")
"""What a policy may ask for; each is a column of the ticket. It is chosen again whenever one of them changes."""


def policy_for(desk: Desk, ticket: Ticket) -> SlaPolicy | None:
    """The first policy of the file that fits the ticket. A drill promises nothing."""
    if ticket.kind == "drill":
        return None
    for policy in desk.ground.config.support.sla:
        if all(getattr(policy, name) in (None, getattr(ticket, name)) for name in _FITS):
            return policy
    return None


def promise_for(desk: Desk, ticket: Ticket, at: datetime) -> Promise:
    """What holds for the ticket as its columns are now."""
    pausing = tuple(desk.ground.config.support.pauses_resolution)
    policy = policy_for(desk, ticket)
    if policy is None:
        return Promise(at, pausing=pausing)
    name = "" if policy.always_open else policy.calendar or _of_department(desk, ticket)
    return Promise(
        at,
        policy.name,
        {metric: int(target.total_seconds()) for metric, target in targets(policy).items()},
        name,
        "" if policy.always_open else desk.calendar_of(name).version,
        policy.always_open,
        pausing,
        policy.start_on == "first_message",
        tuple(metric for metric, target in targets(policy).items() if isinstance(target, WorkingDays)),
    )


def targets(policy: SlaPolicy) -> dict[str, timedelta]:
    """What it promises, by metric."""
    named: dict[str, timedelta | None] = {metric: getattr(policy, metric) for metric in METRICS}
    return {metric: target for metric, target in named.items() if target is not None}


def _of_department(desk: Desk, ticket: Ticket) -> str:
    departments = desk.ground.config.support.departments
    return next((one.calendar for one in departments if one.name == ticket.department), "")
