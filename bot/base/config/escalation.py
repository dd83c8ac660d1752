"""The section [[support.ladder]]: what else is done when a promise is close, or was missed."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator

from bot.base import clock
from bot.base.config.types import Section

Action = Literal["ping_assignee", "ping_department", "raise_priority", "reassign", "page_lead"]


def _when(value: str) -> str:
    written = re.fullmatch(r"(warn)|(breach)(?:\s*\+\s*(\S+))?", value.strip())
    if written is None:
        raise ValueError(f'{value!r} is no moment; write "warn", "breach" or, for later, "breach+10m"')
    if written[3]:
        clock.duration(written[3])
    return f"breach+{written[3]}" if written[3] else written[1] or "breach"


class LadderStep(Section):
    """One step: at the first warning, at the breach, or so much open time after it. It happens once for each promise.

    An empty condition fits everything.
    """

    when: Annotated[str, AfterValidator(_when)]
    action: Action
    metric: Literal["first_response", "next_response", "resolution", "fixed"] | None = None
    policy: str | None = None
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    department: str | None = None

    @property
    def after(self) -> timedelta | None:
        """Open time after the breach; None: at the first warning."""
        if self.when == "warn":
            return None
        return clock.duration(self.when.removeprefix("breach+")) if "+" in self.when else timedelta()

    @property
    def name(self) -> str:
        """What a promise remembers of it."""
        return f"{self.when}:{self.action}"


HOUSE_LADDER = (
    LadderStep(when="warn", action="ping_assignee"),
    LadderStep(when="breach", action="ping_department"),
    LadderStep(when="breach+10m", action="raise_priority"),
    LadderStep(when="breach+20m", action="reassign", metric="first_response"),
    LadderStep(when="breach+20m", action="reassign", metric="next_response"),
    LadderStep(when="breach+30m", action="page_lead"),
)
"""Whoever works on a long solution keeps it; only answers that nobody gives go to somebody else."""
