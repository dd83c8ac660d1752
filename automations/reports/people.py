"""What the automations did for whoever has an address, for staff to read: all of it, for each of the people apart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from automations.reports import coming, why
from automations.reports.coming import Coming
from automations.reports.why import Beside, Explained, Refused
from bot import contacts
from bot.base.config import Config

_MOST = 20  # browsers that claim one address, the newest: a page can name any address as often as it likes


@dataclass(frozen=True)
class Told:
    """What happened, did not happen and is coming for one contact. `events` names those that ended something."""

    contact: int
    mails: list[Explained]
    refused: list[Refused]
    beside: list[Beside]
    coming: list[Coming]
    events: Mapping[int, str]


@dataclass(frozen=True)
class People:
    """`known` has the address; in each browser of `claimed` a page only said so. There are `claims` of those in all."""

    known: Told | None
    claimed: list[Told]
    claims: int

    def plain(self) -> dict[str, Any]:
        """As it goes into JSON: what is of the one who has the address stands above, what is only claimed apart."""
        claimed = [{"contact": one.contact, **_plain(one)} for one in self.claimed]
        return {**_plain(self.known), "claimed": claimed, "claims": self.claims}


async def explain(
    session: AsyncSession, config: Config, kind: str, value: str, flow: str | None, now: datetime
) -> People | None:
    """None if nobody is known by this identity, and no page claims it. `flow`: this one alone."""
    known, browsers = await contacts.find_beside_claims(session, kind, value)
    if known is None and not browsers:
        return None
    claimed = [await _told(session, config, one, flow, now) for one in browsers[: -_MOST - 1 : -1]]
    mine = None if known is None or known.id is None else await _told(session, config, known.id, flow, now)
    return People(mine, claimed, len(browsers))


async def _told(session: AsyncSession, config: Config, contact_id: int, flow: str | None, now: datetime) -> Told:
    mails = await why.explain(session, contact_id, flow)
    ahead = await coming.coming(session, config, contact_id, now)
    return Told(
        contact_id,
        mails,
        await why.refused(session, contact_id, flow),
        await why.beside(session, contact_id, flow),
        [one for one in ahead if flow in (None, one.flow)],
        await why.events(session, {one.exit_event_id for one in mails if one.exit_event_id}),
    )


def _plain(told: Told | None) -> dict[str, Any]:
    parts = ("mails", "refused", "beside", "coming")
    return {part: [asdict(one) for one in getattr(told, part)] if told else [] for part in parts}
