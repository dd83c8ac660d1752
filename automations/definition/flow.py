"""A flow as its TOML file describes it: what starts it, what ends it, its steps. Checked further by `flow_files`."""

import re
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.base import clock

PRIORITIES = {
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


class Trigger(Part):
    """What starts the flow: one of `events`, or a daily `sweep` over people. All of `when` must hold."""

    events: tuple[str, ...] = ()
    sweep: Literal["birthday"] | None = None
    when: Questions = ()
    lead: Duration = timedelta(0)
    belated: Duration = timedelta(0)
    feb29: Literal["feb28", "mar1"] = "feb28"
    minimum_age: Annotated[int, Field(ge=0, le=120)] = 16


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
    since: Literal["delivery", "occurrence"] | None = None

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


class Step(Part):
    """One step: it waits, sends the template of that name, or ends the flow with the reason in `exit`."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    wait: Annotated[Wait, BeforeValidator(_wait)] | None = None
    reset_on_trigger: bool = False
    send: str | None = None
    check: Questions = ()
    max_lateness: Duration = timedelta(hours=24)
    on_cap: Literal["skip", "defer"] = "skip"
    merge_on: str | None = None
    exit: Annotated[str, Field(pattern=r"^[a-z_]+$")] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Step":
        if sum(part is not None for part in (self.wait, self.send, self.exit)) != 1:
            raise ValueError("a step does one thing: give it a wait, a send or an exit")
        stray = self.model_fields_set & {"check", "max_lateness", "on_cap", "merge_on"}
        if self.send is None and stray:
            raise ValueError(f"{', '.join(sorted(stray))} belongs to a step that sends")
        if self.reset_on_trigger and (self.wait is None or self.wait.elapsed is None):
            raise ValueError("reset_on_trigger belongs to a wait of a duration")
        return self


class Flow(Part):
    """`about` picks what the mails can show. `basis` other than consent lets a shop's own legal setting speak."""

    name: str
    title: str
    about: Literal["cart", "checkout", "browse", "birthday", "care"]
    priority: Literal[
        "back_in_stock", "checkout", "cart", "price_drop", "post_purchase", "birthday",
        "replenishment", "browse", "win_back", "broadcast",
    ]  # fmt: skip
    topic: str = "marketing"
    basis: Literal["consent", "checkout_reminder"] = "consent"
    enabled: bool = True
    trigger: Trigger
    filters: Questions = ()
    enrol: Enrol
    exit: Exit = Exit()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]

    @property
    def rank(self) -> int:
        return PRIORITIES[self.priority]

    def place(self, step_id: str) -> int | None:
        return next((number for number, step in enumerate(self.steps) if step.id == step_id), None)

    def step(self, step_id: str) -> Step | None:
        place = self.place(step_id)
        return None if place is None else self.steps[place]

    def next(self, step_id: str) -> Step | None:
        """The step behind that one; None at the end of the flow (or where the step is not known)."""
        place = self.place(step_id)
        return None if place is None or place + 1 == len(self.steps) else self.steps[place + 1]

    def lower(self) -> frozenset[str]:
        """Priorities of the flows that end when somebody enters this one."""
        return frozenset(INTENTS[: INTENTS.index(self.priority)] if self.priority in INTENTS else ())

    def higher(self) -> frozenset[str]:
        return frozenset(INTENTS[INTENTS.index(self.priority) + 1 :] if self.priority in INTENTS else ())


def from_definition(name: str, definition: dict[str, Any]) -> Flow:
    """The flow behind a stored definition (the tree of its TOML file). Raises ValidationError if it no longer fits."""
    return Flow.model_validate({**definition, "name": name})
