"""What the events of a batch say about marketing, by the rules of `events.people`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.contacts.consent import Ledger
from bot.events import Happened, people
from bot.shops.history.people import People, Somebody


def is_consent(row: Mapping[str, Any]) -> bool:
    return row["kind"] == "track" and row["name"] in ("Subscribed", "Unsubscribed")


def address(row: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Channel, kind and address that it is about; None where it names no address."""
    said = row["body"].get("properties") or {}
    channel = str(said.get("channel") or "email")
    if channel in people.BY_PHONE:
        named = contacts.normalise("phone", said.get("phone"))
        return (channel, "phone", named) if named else None
    named = contacts.normalise("email", said.get("email")) if channel == "email" else None
    return (channel, "email", named) if named else None


@dataclass
class Consents:
    ledger: Ledger
    said: list[tuple[Happened, Somebody, str, str]] = field(default_factory=list)

    @classmethod
    async def of(cls, session: AsyncSession, secret: str, rows: Sequence[Mapping[str, Any]]) -> "Consents":
        named = {found for row in rows if is_consent(row) and (found := address(row)) is not None}
        return cls(await Ledger.of(session, secret, {(channel, where) for channel, _, where in named}))

    def is_clear(self, row: Mapping[str, Any]) -> bool:
        """It names an address, and no other beside it."""
        named = address(row)
        other = contacts.normalise("email", (row["body"].get("traits") or {}).get("email"))
        return named is not None and (named[1] != "email" or other in (None, named[2]))

    def hear(self, row: Mapping[str, Any], said: Happened, whose: Somebody, known: People) -> None:
        """What is somebody else's is nobody's to decide about here."""
        named = address(row)
        if named is not None and known.by_name.get((named[1], named[2])) is whose:
            self.said.append((said, whose, named[0], named[2]))

    async def write(self, session: AsyncSession) -> None:
        for said, whose, channel, where in self.said:
            about = people.topic(said)
            if people.is_news(said, self.ledger.said(channel, where, about)):
                self.ledger.add(
                    whose.contact.id, channel, where, about, people.source(said), said.ts,
                    wanted=said.name == "Subscribed", proof=people.proof(said),
                )  # fmt: skip
        await self.ledger.write(session)
