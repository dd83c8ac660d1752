"""The section [[support.departments]]: who in the house answers what, in which staff groups."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from bot.base.config.types import Language, Section

Channel = Literal["telegram", "widget", "email", "whatsapp", "sms", "phone"]


class Department(Section):
    """The first department of the file that fits a new ticket gets it. An empty condition fits everything."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,19}$")]
    title: str = ""
    groups: tuple[int, ...] = ()
    calendar: str = ""
    languages: tuple[Language, ...] = ()
    tiers: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    kinds: tuple[Literal["question", "complaint"], ...] = ()
    members: tuple[int, ...] = ()
    leads: tuple[int, ...] = ()
    give: Literal["claim", "round_robin"] = "claim"
    cap: Annotated[int, Field(ge=1)] = 5


class LeadMail(Section):
    """Where whoever leads is told by mail what their chat with the bot does not take."""

    lead: int
    mail: Annotated[str, Field(pattern=r"^[^\s@<>,]+@[^\s@<>,]+$")]


def check(departments: Sequence[Department]) -> None:
    """Raises ValueError when two departments share a name."""
    names = [department.name for department in departments]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two departments have the name {twice[0]}; each needs one of its own")
