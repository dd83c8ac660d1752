"""A broadcast as its TOML file (or the API) describes it, and the flow that it becomes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from automations.definition import flow as flows
from automations.definition.flow import Flow
from automations.definition.parts import Channel, Duration, Name, Part, Throttle
from automations.definition.step import Coupon, Step
from bot.base import clock

PREFIX = "broadcast:"
STEP = "mail"
"""The one step of the flow."""

RECIPIENT, SHOP = "recipient", "shop"


def local_time(value: object) -> datetime:
    """Raises ValueError."""
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise ValueError("write the time without a zone, and the zone in zone")
        return value
    try:  # a day alone says nothing about the time
        found = datetime.fromisoformat(value) if isinstance(value, str) and ":" in value else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ValueError('write day and local time, such as "2026-12-01 10:00"')
    return found


def _zone(value: str) -> str:
    if value not in (RECIPIENT, SHOP) and clock.zone(value) is None:
        raise ValueError(f'{value!r} is no zone; write "recipient", "shop" or a name such as "Europe/Berlin"')
    return value


def _pool(value: object) -> object:
    return {"pool": value} if isinstance(value, str) else value


LocalTime = Annotated[datetime, BeforeValidator(local_time)]


class Arm(Part):
    """One way to write it: another `subject`, another template (`send`), both, or as the broadcast has it."""

    name: Name
    subject: str | None = None
    send: str | None = None
    weight: Annotated[int, Field(ge=1, le=10_000)] = 1


class Trial(Part):
    """A `share` of the people is written to first, in several ways; after `wait` the best goes to the rest.

    That makes the most of one mail. It proves nothing about the next.
    """

    share: Annotated[float, Field(gt=0, le=0.9)]
    wait: Duration
    metric: Literal["click", "order", "revenue"] = "click"
    variants: Annotated[tuple[Arm, ...], Field(min_length=2, max_length=10)]

    @model_validator(mode="after")
    def _different(self) -> "Trial":
        names = [arm.name for arm in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("two variants have the same name")
        if len({(arm.subject, arm.send) for arm in self.variants}) < len(names):
            raise ValueError("two variants say the same: there is nothing to choose")
        return self

    @property
    def weights(self) -> dict[str, float]:
        return {arm.name: arm.weight for arm in self.variants}


class Broadcast(Part):
    """`when` is a local time in `zone`; without it the broadcast goes when it is started.

    `late` says what becomes of people whose own local time is past already: they are written to at once, or not if it
    is past by more than `max_lateness`.
    """

    name: Name
    title: str
    segment: str
    send: str
    subject: str | None = None
    topic: str = "marketing"
    channels: tuple[Channel, ...] = ("email",)
    when: LocalTime | None = None
    zone: Annotated[str, AfterValidator(_zone)] = SHOP
    late: Literal["send", "skip"] = "send"
    throttle: Throttle | None = None
    max_lateness: Duration = Step.model_fields["max_lateness"].default
    coupon: Annotated[Coupon, BeforeValidator(_pool)] | None = None
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    quiet_hours: Literal["shop", "off"] = "shop"
    cap: Literal["shop", "ignore"] = "shop"
    on_cap: Literal["skip", "defer", "ignore"] = "skip"
    held_by_service: bool = True
    test: Trial | None = None

    @model_validator(mode="after")
    def _some_channel(self) -> "Broadcast":
        if not self.channels:
            raise ValueError('channels is empty; leave it out, or write channels = ["email"]')
        return self

    @property
    def flow(self) -> str:
        return PREFIX + self.name


def of(name: str, tree: Mapping[str, Any]) -> Broadcast:
    """Raises ValidationError."""
    return Broadcast.model_validate({**tree, "name": name})


def stored(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree as a row keeps it: TOML has times, JSON has not."""
    return {key: value.isoformat(" ", "minutes") if isinstance(value, datetime) else value
            for key, value in tree.items()}  # fmt: skip


_OF_THE_FLOW = ("title", "topic", "holdout", "quiet_hours", "cap", "held_by_service", "throttle")
_OF_THE_STEP = ("send", "subject", "channels", "max_lateness", "on_cap")


def definition(broadcast: Broadcast, tree: Mapping[str, Any]) -> dict[str, Any]:
    """The flow as a version keeps it: one step that sends, nobody enters it by an event."""
    step = {"id": STEP, **{key: tree[key] for key in _OF_THE_STEP if key in tree}}
    if broadcast.coupon is not None:
        step["coupon"] = broadcast.coupon.model_dump()
    arms = {
        arm.name: {"steps": {STEP: arm.model_dump(include={"subject", "send"}, exclude_none=True)}}
        for arm in (broadcast.test.variants if broadcast.test else ())
    }
    made = {
        **{key: tree[key] for key in _OF_THE_FLOW if key in tree},
        "about": "broadcast", "priority": "broadcast", "trigger": {}, "enrol": {"key": "contact:{contact}"},
        "steps": [step], "arms": arms,
    }  # fmt: skip
    return stored(made)


def as_flow(broadcast: Broadcast, tree: Mapping[str, Any]) -> Flow:
    return flows.from_definition(broadcast.flow, definition(broadcast, tree))


def zone_of(broadcast: Broadcast, shop: str) -> ZoneInfo:
    """The zone of everybody, where it is not each one's own."""
    named = shop if broadcast.zone in (SHOP, RECIPIENT) else broadcast.zone
    return clock.zone(named) or ZoneInfo("UTC")
