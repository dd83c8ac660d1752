"""A flow as its TOML file describes it: what starts it, what ends it, its steps. Checked further by `flow_files`."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from automations.definition.goods import Drop, Refill, Restock
from automations.definition.parts import Channel, Duration, EventName, Name, Part, Questions, Throttle
from automations.definition.step import AnyWait, Step

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


class Trigger(Part):
    """What starts the flow: one of `events`, a `sweep` over people, or coming into a `segment`. All of `when` hold.

    `quiet` and `window` belong to win_back: how long after their last order people are late at least, and for how long
    from then on they may enter.
    """

    events: tuple[EventName, ...] = ()
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

    events: tuple[EventName, ...] = ()
    match_on: str | None = None
    look: tuple[EventName, ...] = ()
    when: Questions = ()


class Change(Part):
    """What a variant does differently in one step."""

    send: str | None = None
    subject: str | None = None
    wait: AnyWait | None = None
    channels: tuple[Channel, ...] | None = None


class Variant(Part):
    """One arm of an experiment: what it changes, by step id. The arm that changes nothing is the control."""

    weight: Annotated[int, Field(ge=0, le=10_000)] = 1
    steps: dict[Name, Change] = Field(default_factory=dict)

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
    arms: dict[Name, Variant] = Field(default_factory=dict)
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
