"""May this person be written to at all: the enrolment, the flow, their addresses, what they allow, how they are."""

from datetime import timedelta

from automations.asking import service
from automations.definition.step import Step
from automations.gate import permission, ways
from automations.gate.asked import Asked, Means, No, Way
from automations.gate.batch import Batch
from bot.base import clock
from bot.outbound import outbox

LONGEST_HOLD = timedelta(days=7)
_LOOK_AGAIN = timedelta(hours=6)
"""Resolving the ticket asks again at once; this is for what no ticket tells of, such as a rating that grew old."""
_PAUSED = timedelta(minutes=15)
_CHANNELS = ("email", "telegram")


def enrolment_active(_means: Means, asked: Asked, _batch: Batch) -> No | None:
    return None if asked.enrolment["status"] == "active" else No("exited")


def flow_running(_means: Means, asked: Asked, _batch: Batch) -> No | None:
    """A paused flow keeps its mails: how late they are then is asked when it goes on."""
    version = asked.version
    if version is None or asked.variant_of is None or asked.flow.step(asked.row["step_id"]) is None:
        return No("flow_stopped")
    if version.status == "paused":
        return No("paused", until=asked.now + _PAUSED)
    return None if version.runs else No("flow_stopped")


def address(means: Means, asked: Asked, _batch: Batch) -> No | None:
    if asked.person is None or asked.person.contact["status"] != "active":
        return No("erased", exits=True)
    usable = [channel for channel in asked.step.channels if _usable(means, asked.step, channel)]
    if not usable:
        why = {channel: "no_sender" if channel not in means.channels else "no_template"
               for channel in asked.step.channels}  # fmt: skip
        return No("no_channel", detail={"channels": why})
    asked.ways = ways.of(asked.person, usable)
    return None if asked.ways else No("no_address")


def _usable(means: Means, step: Step, channel: str) -> bool:
    """We can send there, and have words for it. (A mail template that is not there is an error of its own.)"""
    if channel not in means.channels or channel not in _CHANNELS:
        return False
    return channel != "telegram" or (step.send or "") in means.chats.names()


def not_suppressed(_means: Means, asked: Asked, batch: Batch) -> No | None:
    found = {way: batch.permissions.suppression(way, asked.flow.topic) for way in asked.ways}
    left = tuple(way for way, reason in found.items() if reason is None)
    if left:
        asked.ways = left
        return None
    if any(reason in permission.LEFT for reason in found.values()):
        return No("unsubscribed", exits=True)
    return No("suppressed", detail={"because": next(iter(found.values()))})  # the address may be changed back


def consent(means: Means, asked: Asked, batch: Batch) -> No | None:
    """From here on there is one way: the first that they allow."""
    settings = means.ground.config.automations

    def refused(way: Way) -> str | None:
        return permission.refusal(batch.permissions, settings, asked.flow, asked.who, way)

    found = {way: refused(way) for way in asked.ways}
    left = tuple(way for way, reason in found.items() if reason is None)
    if left:
        asked.ways = left[:1]
        return None
    gone = "unsubscribed" in found.values()
    return No("unsubscribed", exits=True) if gone else No("no_consent")


def not_held(means: Means, asked: Asked, _batch: Batch) -> No | None:
    """Customer service has something to make good first: the mail waits for it, a week at most."""
    if not asked.flow.held_by_service:
        return None
    config = means.ground.config.support
    found = service.trouble(asked.who, asked.enrolment["context"], config.low_score, asked.now)
    if found is None:
        return None
    since = asked.row["verdicts"].get("held_since")
    began = clock.parse(since) if since else asked.now
    detail = {"because": found.because, "ticket": found.ticket}
    keeps = {"held_since": began.isoformat()}
    if asked.now >= began + LONGEST_HOLD:
        return No(outbox.HELD, detail=detail, keeps=keeps)
    until = min(asked.now + _LOOK_AGAIN, began + LONGEST_HOLD)
    return No(outbox.HELD, until=until, moves=True, detail=detail, keeps=keeps)
