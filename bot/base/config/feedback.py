"""Parts of [support] about what customers think: ratings, and complaints until they say that it is fixed."""

from datetime import timedelta
from typing import Literal

from bot.base.config.types import Duration, Section


class Ratings(Section):
    """`low` is what a score up to `support.low_score` does: tell the staff group, or take the ticket up again too."""

    low: Literal["alert", "reopen"] = "alert"
    ask_every: Duration = timedelta(days=7)
    at_night: bool = False


class Complaints(Section):
    """`owner` is a colleague's @username or name; without one the first lead of the department gets it."""

    owner: str = ""
    confirm_within: Duration = timedelta(days=7)
