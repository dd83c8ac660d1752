"""A flow as its TOML file describes it: what starts it, what ends it, its steps. Checked further by `flow_files`."""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from automations.definition.goods import Drop, Refill, Restock
from bot.base import clock

PRIORITIES = {
    "welcome": 79,
    "back_in_stock": 80,
    "checkout": 81,
    "cart": 82,
    "price_drop": 83,
    "post_purchase": 84,
    "birthday": 85,
    "replenishment": 86,
    "browse": 87,
    "win_back": 88,
    "broadcast": 89,
}
"""Who goes first when two mails to one person are due; lower leaves the outbox first."""

INTENTS = ("browse", "cart", "checkout")
"""Flows about one unfinished purchase: entering a higher one ends the lower ones."""


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('write a duration in quotes, such as "30m", "4h" or "7d"')
    return clock.duration(value)


def _time_of_day(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str):
        raise ValueError('write a time of day in quotes, such as "15:00"')
    return clock.time_of_day(value)


def _question(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*(\([^()]*\))?", text):
        raise ValueError(
            f"{text!r} is not a condition; write its name, or its name and one value: no_recent_order(10d)"
        )
    return text


Duration = Annotated[timedelta, BeforeValidator(_duration)]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
Questions = tuple[Annotated[str, AfterValidator(_question)], ...]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(Part):
    """At most `count` within a time."""

    count: Annotated[int, Field(ge=1, le=10_000_000)]
    within: Duration

    @property
    def gap(self) -> timedelta:
        """Between two of them."""
        return self.within / self.count


def _rate(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d[\d_]*)\s+per\s+(\S+)\s*", value)
    if found is None or int(found[1]) < 1 or clock.duration(found[2]) <= timedelta(0):
        raise ValueError('write how many in which time, such as "5000 per 1h"')
    return {"count": int(found[1]), "within": found[2]}


Throttle = Annotated[Rate, BeforeValidator(_rate)]


class Trigger(Part):
    """What starts the flow: one of `events`, a `sweep` over people, or coming into a `segment`. All of `when` hold.

    `quiet` and `window` belong to win_back: how long after their last order people are late at least, and for how long
    from then on they may enter.
    """

    events: tuple[str, ...] = ()
    sweep: Literal["birthday", "first_order", "sign_up", "win_back"] | None = None
    segment: str | None = None
    when: Questions = ()
    lead: Duration = timedelta(0)
    belated: Duration = timedelta(0)
    feb29: Literal["feb28", "mar1"] = "feb28"
    minimum_age: Annotated[int, Field(ge=0, le=120)] = 16
    quiet: Duration = timedelta(days=90)
    window: Duration = timedelta(days=30)


class Enrol(Part):
    """Who is enrolled once: `key` with {names} from the event, `otherwise` where the event lacks one of them.

    `each` makes one enrolment per care category of the order. `reentry` counts from entering, or from the last mail.
    `others` says what becomes of an open enrolment of the same person under another key.
    """

    key: str
    otherwise: str | None = Field(None, alias="else")
    each: Literal["care_category"] | None = None
    reentry: Duration = timedelta(0)
    reentry_from: Literal["entered", "mail"] = "entered"
    on_repeat: Literal["update", "ignore"] = "ignore"
    others: Literal["keep", "supersede"] = "keep"


class Exit(Part):
    """What ends it. `events` end it at once; `when` are asked before each mail, and at once on the events of `look`."""

    events: tuple[str, ...] = ()
    match_on: str | None = None
    look: tuple[str, ...] = ()
    when: Questions = ()


class Wait(Part):
    """`elapsed` time, or `days` calendar days `at` a local time, counted from entering the step or `since` a date."""

    elapsed: Duration | None = None
    days: int | None = None
    at: TimeOfDay | None = None
    since: Literal["delivery", "occurrence", "run_out"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Wait":
        if self.elapsed is None and self.days is None:
            raise ValueError('write a duration such as "4h", or {days = 1, at = "15:00"}')
        if self.elapsed is not None and (self.days is not None or self.at or self.since):
            raise ValueError('a wait is either a duration such as "4h" or {days = 1, at = "15:00"}, not both')
        if self.elapsed is not None and self.elapsed <= timedelta(0):
            raise ValueError("a wait is longer than nothing")
        if self.days is not None and self.since is None and (self.days < 0 or not self.at):
            raise ValueError('days need a time of day: {days = 1, at = "15:00"}; 72 hours are "3d"')
        if self.since == "occurrence" and not self.at:
            raise ValueError('a wait for a date needs a time of day: {days = -7, since = "occurrence", at = "09:00"}')
        return self

    @property
    def local(self) -> bool:
        """Depends on more than the moment the step was entered, so it is worked out again on wake."""
        return self.elapsed is None


def _wait(value: object) -> object:
    return {"elapsed": value} if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Channel = Literal["email", "telegram", "whatsapp", "sms"]


class WaitFor(Part):
    """Rest until one of `events` of the same person comes, at most for `timeout`.

    With `match_on` it must be about the same thing (`order_id`, `product_id`, …); one that does not say which counts.
    """

    events: Annotated[tuple[str, ...], Field(min_length=1)]
    timeout: Duration
    match_on: str | None = None


class Split(Part):
    """Chance decides, once for each person: `arms` has the weight of each arm, `to` the step it goes to."""

    arms: Annotated[dict[Name, Annotated[int, Field(ge=0, le=10_000)]], Field(min_length=2)]
    to: dict[Name, Name] = {}


class Coupon(Part):
    """A code of that pool for the mail. `empty` says what happens when the pool has none left."""

    pool: Name
    empty: Literal["without", "hold", "skip"] = "without"


class Tag(Part):
    add: tuple[Name, ...] = ()
    remove: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> "Tag":
        if not self.add and not self.remove:
            raise ValueError('name tags to add or to remove: tag = {add = ["vip"]}')
        return self


class Task(Part):
    """A ticket for a person of the staff, about this contact. `text` may hold {names} of the event, as a key does."""

    text: Annotated[str, Field(min_length=1, max_length=1000)]
    department: str | None = None
    priority: Literal["low", "normal", "high", "urgent"] = "normal"


class Webhook(Part):
    """A signed POST to a system of the shop: `name` is one of `[[automations.webhooks]]` in the configuration."""

    name: Name


class Change(Part):
    """What a variant does differently in one step."""

    send: str | None = None
    subject: str | None = None
    wait: Annotated[Wait, BeforeValidator(_wait)] | None = None
    channels: tuple[Channel, ...] | None = None


class Variant(Part):
    """One arm of an experiment: what it changes, by step id. The arm that changes nothing is the control."""

    weight: Annotated[int, Field(ge=0, le=10_000)] = 1
    steps: dict[Name, Change] = {}

    def applied(self, step: "Step") -> "Step":
        change = self.steps.get(step.id)
        if change is None:
            return step
        return step.model_copy(update={name: getattr(change, name) for name in change.model_fields_set})


class Experiment(Part):
    """Arms that are compared. People are assigned once, exposed when they come to the first step that differs.

    `size` is planned per arm. Without it, it follows from the share that is expected (`baseline`) and the smallest
    relative `lift` worth knowing.
    """

    name: Name
    metric: Literal["order", "click", "revenue"] = "order"
    variants: Annotated[dict[Name, Variant], Field(min_length=2)]
    size: Annotated[int, Field(ge=100)] | None = None
    baseline: Annotated[float, Field(gt=0, lt=1)] | None = None
    lift: Annotated[float, Field(gt=0, le=10)] | None = None

    @model_validator(mode="after")
    def _planned(self) -> "Experiment":
        if self.size is None and (self.baseline is None or self.lift is None):
            raise ValueError("plan how many people each arm needs: size = 5000, or baseline = 0.03 and lift = 0.2")
        if sum(one.weight for one in self.variants.values()) <= 0:
            raise ValueError("every arm has the weight 0: nobody would be in it")
        return self


KINDS = ("wait", "wait_for", "check", "branch", "split", "send", "tag", "task", "webhook", "exit")
"""What a step may do. `check` beside a send belongs to the send: it is asked right before it leaves."""

_OF_SENDS = frozenset({"max_lateness", "on_cap", "merge_on", "channels", "coupon", "subject"})


class Step(Part):
    """One step, of one of the KINDS. `then` and `else` name the step that follows a yes or a no; without them it is
    the next one (`else` of a check: the flow ends). `next` names the step that follows where it is not the next one.

    All of them point forward: a flow has no circles.
    """

    id: Name
    wait: Annotated[Wait, BeforeValidator(_wait)] | None = None
    reset_on_trigger: bool = False
    wait_for: WaitFor | None = None
    branch: Questions | None = None
    split: Split | None = None
    send: str | None = None
    subject: str | None = None
    channels: tuple[Channel, ...] = ("email",)
    coupon: Coupon | None = None
    check: Questions = ()
    max_lateness: Duration = timedelta(hours=24)
    on_cap: Literal["skip", "defer", "ignore"] = "skip"
    merge_on: str | None = None
    tag: Tag | None = None
    task: Task | None = None
    webhook: Webhook | None = None
    exit: Annotated[str, Field(pattern=r"^[a-z_]+$")] | None = None
    then: Name | None = None
    otherwise: Name | None = Field(None, alias="else")
    next: Name | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Step":
        made = [kind for kind in KINDS if kind != "check" and getattr(self, kind) is not None]
        if len(made) > 1 or (not made and not self.check):
            raise ValueError(f"a step does one thing: give it one of {', '.join(KINDS)}")
        stray = self.model_fields_set & _OF_SENDS
        if self.send is None and stray:
            raise ValueError(f"{', '.join(sorted(stray))} belongs to a step that sends")
        if self.check and made and self.send is None:
            raise ValueError("check stands alone or beside a send; for two ways use branch")
        if self.reset_on_trigger and (self.wait is None or self.wait.elapsed is None):
            raise ValueError("reset_on_trigger belongs to a wait of a duration")
        if (self.then or self.otherwise) and self.kind not in ("wait_for", "branch", "check"):
            raise ValueError("then and else belong to wait_for, branch or check")
        if self.exit and self.next:
            raise ValueError("nothing follows an exit")
        return self

    @property
    def kind(self) -> str:
        made = next((kind for kind in KINDS if kind != "check" and getattr(self, kind) is not None), None)
        return made or "check"

    def ways(self) -> frozenset[str]:
        """Ids of the steps that it names as followers."""
        named = [self.then, self.otherwise, self.next, *(self.split.to.values() if self.split else ())]
        return frozenset(one for one in named if one)


About = Literal[
    "cart", "checkout", "browse", "birthday", "anniversary", "care", "order", "replenishment", "win_back",
    "back_in_stock", "price_drop", "tier", "welcome", "broadcast",
]  # fmt: skip


class Flow(Part):
    """`about` picks what the mails can show. `basis` other than consent lets a shop's own legal setting speak.

    `holdout` is the share of people who get nothing of this flow, beside the shop's own. `quiet_hours` "off" sends at
    any hour (somebody waits for it). `cap` "ignore" neither asks for a free slot nor takes one. `throttle` is how many
    of its mails may leave in a time, whoever they go to. `survey` is the one that its mails may show. `arms` are what a
    broadcast tries on some of its people.
    """

    name: str
    title: str
    about: About
    priority: Literal[
        "welcome", "back_in_stock", "checkout", "cart", "price_drop", "post_purchase", "birthday",
        "replenishment", "browse", "win_back", "broadcast",
    ]  # fmt: skip
    topic: str = "marketing"
    basis: Literal["consent", "checkout_reminder"] = "consent"
    enabled: bool = True
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    quiet_hours: Literal["shop", "off"] = "shop"
    cap: Literal["shop", "ignore"] = "shop"
    on_change: Literal["drain", "move", "stop"] = "drain"
    held_by_service: bool = True
    survey: Literal["nps", "csat"] | None = None
    throttle: Throttle | None = None
    arms: dict[Name, Variant] = {}
    experiment: Experiment | None = None
    trigger: Trigger
    filters: Questions = ()
    enrol: Enrol
    exit: Exit = Exit()
    restock: Restock = Restock()
    drop: Drop = Drop()
    refill: tuple[Refill, ...] = ()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _arms_of_broadcasts(self) -> "Flow":
        if self.arms and self.about != "broadcast":
            raise ValueError("arms belong to a broadcast; a flow compares variants in [experiment]")
        return self

    @property
    def rank(self) -> int:
        return PRIORITIES[self.priority]

    @cached_property
    def differing(self) -> frozenset[str]:
        """Ids of the steps where the arms of the experiment part: who comes to one of them is exposed."""
        arms = self.experiment.variants.values() if self.experiment else ()
        return frozenset(step for arm in arms for step in arm.steps)

    @property
    def campaign(self) -> str:
        """The name as links and headers carry it, where a colon means something."""
        return self.name.replace(":", "-")

    @cached_property
    def _by_variant(self) -> Mapping[str, "Flow"]:
        arms = self.experiment.variants if self.experiment else self.arms
        return {name: self.model_copy(update={"steps": tuple(map(arm.applied, self.steps))})
                for name, arm in arms.items()}  # fmt: skip

    def for_variant(self, variant: str) -> "Flow":
        """The flow as that arm of its experiment has it; the flow itself for an arm that it does not know."""
        return self._by_variant.get(variant, self) if variant else self

    def place(self, step_id: str) -> int | None:
        return next((number for number, step in enumerate(self.steps) if step.id == step_id), None)

    def step(self, step_id: str) -> Step | None:
        place = self.place(step_id)
        return None if place is None else self.steps[place]

    def next(self, step_id: str) -> Step | None:
        """The step behind that one; None at the end of the flow (or where the step is not known)."""
        place = self.place(step_id)
        if place is None:
            return None
        if named := self.steps[place].next:
            return self.step(named)
        return None if place + 1 == len(self.steps) else self.steps[place + 1]

    def lower(self) -> frozenset[str]:
        """Priorities of the flows that end when somebody enters this one."""
        return frozenset(INTENTS[: INTENTS.index(self.priority)] if self.priority in INTENTS else ())

    def higher(self) -> frozenset[str]:
        return frozenset(INTENTS[INTENTS.index(self.priority) + 1 :] if self.priority in INTENTS else ())


def from_definition(name: str, definition: dict[str, Any]) -> Flow:
    """The flow behind a stored definition (the tree of its TOML file). Raises ValidationError if it no longer fits."""
    return Flow.model_validate({**definition, "name": name})
