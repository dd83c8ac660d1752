"""Is there still a reason to write: no goal reached, the flow's filters, what the mail shows, a code for it."""

from datetime import timedelta

from automations.asking import conditions, matter
from automations.asking.matter import Case
from automations.gate.asked import Asked, Means, No
from automations.gate.batch import Batch
from automations.running import exits

_LONGEST_WITHOUT_CODE = timedelta(hours=24)
_CODES_COME = timedelta(hours=1)


def no_exit(_means: Means, asked: Asked, batch: Batch) -> No | None:
    for event in batch.goals.get(asked.who.id, ()):
        properties = matter.named(event["body"].get("properties") or {}, event["store"])
        if exits.ends(
            asked.flow, asked.enrolment, event["name"], event["ts"], properties
        ) and not matter.was_taken_back(asked.who, asked.enrolment["context"], event["name"], properties):
            return No("goal", exits=True, event_id=event["id"], detail={"event": event["name"]})
    for text in asked.flow.exit.when:
        question = conditions.parse(text)
        if question.holds(asked.who, asked.case):
            return No("goal", exits=True, detail={"because": question.condition.name})
    return None


def profile_filters(_means: Means, asked: Asked, _batch: Batch) -> No | None:
    no = conditions.first_no(asked.flow.filters, asked.who, asked.case)
    return No(no.reason, detail={"condition": no.name}) if no else None


def fresh(means: Means, asked: Asked, batch: Batch) -> No | None:
    if asked.step.merge_on and (leader := _leader(asked, batch)):
        return No("merged", detail={"into": leader})
    cases = [asked.case, *also(means, asked, batch)]
    refusals = [conditions.first_no(asked.step.check, asked.who, case) for case in cases]
    no = None if None in refusals else refusals[0]
    if no is None:
        return _coupon(asked, batch)
    if asked.now < asked.row["created_at"] + no.hold:
        again = asked.now + min(no.hold / 6, timedelta(days=1))
        return No(no.reason, until=again, moves=True, detail={"condition": no.name})
    return No(no.reason, detail={"condition": no.name})


def _coupon(asked: Asked, batch: Batch) -> No | None:
    """A code is taken for it here, and put back if it does not leave after all."""
    coupon = asked.step.coupon
    if coupon is None:
        return None
    asked.code = batch.codes.take(asked.row["id"], coupon.pool)
    if asked.code is not None or coupon.empty == "without":
        return None
    detail = {"pool": coupon.pool}
    if coupon.empty == "hold" and asked.now < asked.row["created_at"] + _LONGEST_WITHOUT_CODE:
        return No("no_coupon", until=asked.now + _CODES_COME, moves=True, detail=detail)
    return No("no_coupon", detail=detail)


def _leader(asked: Asked, batch: Batch) -> int | None:
    """The first enrolment of the same order whose mail carries ours too."""
    earlier = [one["id"] for one in batch.merged.get(asked.enrolment["id"], ()) if one["id"] < asked.enrolment["id"]]
    return min(earlier, default=None)


def also(means: Means, asked: Asked, batch: Batch) -> list[Case]:
    """The cases that this mail is about beside its own."""
    return [
        Case(asked.case.flow, one["anchor_ts"], one["context"], asked.now, asked.case.language, means.care)
        for one in batch.merged.get(asked.enrolment["id"], ())
        if one["id"] > asked.enrolment["id"]
    ]
