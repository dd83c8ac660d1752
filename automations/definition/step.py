"""A step of a flow as its TOML describes it, of one of the KINDS."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from automations.definition.parts import Channel, Duration, EventName, Name, Part, Questions, TimeOfDay

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Wait(Part):
    """`elapsed` time, or `days` calendar days `at` a local time, counted from entering the step or `since` a date.

    With a `weekday` it is the next such day on which that time is still to come.
    """

    elapsed: Duration | None = None
    days: int | None = None
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None = None
    at: TimeOfDay | None = None
    since: Literal["delivery", "occurrence", "run_out"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Wait":
        if self.weekday is not None:
            if not self.at or self.elapsed is not None or self.days is not None or self.since:
                raise ValueError('a weekday needs a time of day and nothing else: {weekday = "tuesday", at = "10:00"}')
            return self
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


AnyWait = Annotated[Wait, BeforeValidator(_wait)]
"""A table, or a duration alone."""


class WaitFor(Part):
    """Rest until one of `events` of the same person comes, at most for `timeout`.

    With `match_on` it must be about the same thing (`order_id`, `product_id`, …); one that does not say which counts.
    """

    events: Annotated[tuple[EventName, ...], Field(min_length=1)]
    timeout: Duration
    match_on: str | None = None


class Split(Part):
    """Chance decides, once for each person: `arms` has the weight of each arm, `to` the step it goes to."""

    arms: Annotated[dict[Name, Annotated[int, Field(ge=0, le=10_000)]], Field(min_length=2)]
    to: dict[Name, Name] = Field(default_factory=dict)


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


KINDS = ("wait", "wait_for", "check", "branch", "split", "send", "tag", "task", "webhook", "exit")
"""What a step may do. `check` beside a send belongs to the send: it is asked right before it leaves."""

_OF_SENDS = frozenset({"max_lateness", "on_cap", "merge_on", "channels", "coupon", "subject"})


class Step(Part):
    """One step, of one of the KINDS. `then` and `else` name the step that follows a yes or a no; without them it is
    the next one (`else` of a check: the flow ends). `next` names the step that follows where it is not the next one.

    All of them point forward: a flow has no circles.
    """

    id: Name
    wait: AnyWait | None = None
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
        if len(made) > 1:
            raise ValueError(f"a step does one thing; make a step each for {' and '.join(made)}")
        if not made and not self.check:
            raise ValueError(f"a step does one thing, and this one nothing: give it one of {', '.join(KINDS)}")
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
