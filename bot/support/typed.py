"""What staff type and press, as the door unpacked it: the shape that every command and every button shares."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support.desk import Desk
from bot.tables.chat import StaffMember
from bot.tables.people import Contact
from bot.tables.support import Ticket

_LONGEST_ID, _LONGEST_NUMBER = 18, 9


@dataclass(frozen=True)
class Typed:
    """A command in a topic or in General. `words` follow its name, `ticket` is the topic's (None: General).

    `reply_to` is the provider key of the message that the colleague replied to.
    """

    desk: Desk
    staff: StaffMember
    words: str
    chat_id: int
    message_id: int
    provider_key: str
    now: datetime
    ticket: Ticket | None = None
    reply_to: str | None = None

    @property
    def case(self) -> Ticket:
        """The ticket of a command that is for topics only."""
        assert self.ticket is not None
        return self.ticket

    @property
    def by(self) -> str:
        """The actor as the history names it."""
        return f"staff:{self.staff.id}"


@dataclass(frozen=True)
class Command:
    """`run` returns the words to answer with in the same place, or None. `lead`: leads of a department only."""

    name: str
    run: Callable[[AsyncSession, Typed], Awaitable[str | None]]
    where: Literal["topic", "general", "anywhere"] = "topic"
    lead: bool = False


@dataclass(frozen=True)
class Pressed:
    """A button in a staff group. Its data was `1:verb:id[:extra]`; `message_id` is the message with the button."""

    desk: Desk
    staff: StaffMember
    verb: str
    id: int
    extra: str
    chat_id: int
    message_id: int
    now: datetime

    @property
    def by(self) -> str:
        return f"staff:{self.staff.id}"


Button = Callable[[AsyncSession, Pressed], Awaitable[str | None]]
"""Returns words to show in passing, or None."""

Buttons = Mapping[str, Button]


@dataclass(frozen=True)
class CustomerPressed:
    """A button that a customer pressed. Its data was `1:verb:part:part…`; `parts` follow the verb."""

    desk: Desk
    contact: Contact
    channel: str
    language: str
    now: datetime
    parts: tuple[str, ...] = field(default=())


CustomerButton = Callable[[AsyncSession, CustomerPressed], Awaitable[str | None]]


def is_id(text: str) -> bool:
    """A number that a database takes as the id of a row. What a press brings is whatever the client chose to send."""
    return text.isdecimal() and len(text) <= _LONGEST_ID


def is_number(text: str) -> bool:
    """What staff may call a ticket or a card of the board."""
    return text.isdecimal() and len(text) <= _LONGEST_NUMBER
