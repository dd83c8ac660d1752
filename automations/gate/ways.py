"""How somebody can be reached: their addresses on the channels that we have a sender for, the best first."""

from collections.abc import Iterable, Sequence

from automations.asking.facts import Person
from automations.gate.asked import Way

PREFERRED = "preferred_channel"
"""The trait that names the channel on which somebody would rather be written to."""


def every(people: Iterable[Person]) -> list[Way]:
    """All addresses of these people that take messages."""
    return [way for person in people for channel in ("email", "telegram") if (way := way_of(person, channel))]


def way_of(person: Person, channel: str) -> Way | None:
    address = person.email if channel == "email" else person.more.get("chats") if channel == "telegram" else None
    return Way(channel, address) if address else None


def of(person: Person, channels: Sequence[str]) -> tuple[Way, ...]:
    """Those of these channels on which the person can be reached: what they prefer first, then as the flow has them."""
    wanted = person.contact["traits"].get(PREFERRED)
    ordered = sorted(channels, key=lambda channel: channel != wanted)
    return tuple(way for channel in ordered if (way := way_of(person, channel)))
