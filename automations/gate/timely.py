"""Is it the moment: not too late, not at night, not too often, and not somebody we compare the others with."""

from datetime import timedelta

from automations.experiments import holdout
from automations.gate.asked import Asked, Means, No
from automations.gate.batch import Batch
from bot.base import quiet
from bot.contacts import zones

MAX_DEFERS = 3
_LONGEST_CAP_WAIT = timedelta(hours=48)
_FOR_A_HIGHER_ONE = timedelta(seconds=5)
_RIVAL_WAITS = 24


def in_time(_means: Means, asked: Asked, _batch: Batch) -> No | None:
    late = asked.now - asked.row["planned_at"]
    if late <= asked.step.max_lateness:
        return None
    return No("stale", detail={"late_seconds": int(late.total_seconds())})


def awake(means: Means, asked: Asked, _batch: Batch) -> No | None:
    if asked.flow.quiet_hours == "off":
        return None  # somebody waits for it
    hours = means.ground.config.automations.quiet_hours
    where = zones.local(means.ground.config, asked.who.contact)
    until = quiet.until(hours, asked.now, where.zone, asked.row["key"])
    if until is None:
        return None
    detail = {"zone": where.zone.key, "zone_from": where.source}
    # With a throttle the turn decides, and it may come at night again and again.
    if asked.flow.throttle is None and asked.times("quiet_hours") >= MAX_DEFERS:
        return No("deferred_too_often", detail=detail)
    return No("quiet_hours", until=until, moves=True, detail=detail)


def under_cap(means: Means, asked: Asked, batch: Batch) -> No | None:
    limits = means.ground.config.automations.frequency_cap
    if not limits or asked.row["handed_at"]:
        return None  # tried before: it holds its slot
    # An address that only a page named: nobody there asked for what ignores the cap.
    claimed = asked.who.is_claimed
    if (asked.flow.cap == "ignore" or asked.step.on_cap == "ignore") and not claimed:
        return None
    rival = batch.slots.rivals.get(asked.who.id)
    if rival is not None and rival < asked.row["priority"] and asked.times("higher_first") < _RIVAL_WAITS:
        return No("higher_first", until=asked.now + _FOR_A_HIGHER_ONE)
    free = batch.slots.free_at(asked.who.id, asked.way.address, limits, asked.now, claimed=claimed)
    if free is None:
        return None
    wait = asked.step.on_cap == "defer" and free <= asked.row["created_at"] + _LONGEST_CAP_WAIT
    if wait and asked.times("frequency_cap") < MAX_DEFERS:
        return No("frequency_cap", until=free, moves=True)
    return No("frequency_cap")


def not_held_out(means: Means, asked: Asked, _batch: Batch) -> No | None:
    """Of the shop as a whole, or of this flow: two draws that know nothing of each other."""
    context = asked.enrolment["context"]
    shops = context.get("bucket")
    if shops is not None and holdout.held(means.ground.config, int(shops)):
        return No("withheld", status="withheld", detail={"bucket": shops})
    if not asked.flow.holdout:
        return None
    drawn = context.get(holdout.FLOW_BUCKET)
    own = holdout.of_flow(means.ground.secret, asked.flow.name, asked.who.id) if drawn is None else int(drawn)
    if own >= asked.flow.holdout * holdout.BUCKETS:
        return None
    return No("withheld", status="withheld", detail={"bucket": own, "of": "flow"})
