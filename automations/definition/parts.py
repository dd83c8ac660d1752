"""What the words of a flow file are made of: durations, times of day, names, questions, rates."""

import re
from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bot.base import clock
from bot.base.config.types import Duration
from bot.events import names

__all__ = ["Channel", "Duration", "EventName", "Name", "Part", "Questions", "Rate", "Throttle", "TimeOfDay"]


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


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
EventName = Annotated[str, AfterValidator(names.plain)]
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


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Channel = Literal["email", "telegram", "whatsapp", "sms"]
