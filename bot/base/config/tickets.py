"""Parts of [support] about the life of a ticket: how long it may be taken up again, when it closes, floods."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.base.config.types import Duration, Section


def _or_off(value: object) -> object:
    return None if value == "off" else value


DurationOrOff = Annotated[Duration | None, BeforeValidator(_or_off)]
"""`"7d"`, or `"off"`."""


class Reopen(Section):
    """How long a resolved ticket may be taken up again, by channel. Not set: `support.reopen_within`."""

    telegram: Duration | None = None
    widget: Duration | None = None
    email: Duration | None = None
    whatsapp: Duration | None = None
    sms: Duration | None = None


class Flood(Section):
    """From which number on what one customer writes is kept together instead of shown one by one.

    `new_senders`: so many unknown senders of mail an hour get a ticket each, further ones wait together.
    `danger_senders`: the same of those whose mail tells of danger, a quarter of them from one domain at most.
    """

    messages: Annotated[int, Field(ge=1)] = 30
    within: Duration = timedelta(minutes=1)
    tickets: Annotated[int, Field(ge=1)] = 5
    tickets_within: Duration = timedelta(days=1)
    new_senders: Annotated[int, Field(ge=1)] = 30
    danger_senders: Annotated[int, Field(ge=1)] = 20
