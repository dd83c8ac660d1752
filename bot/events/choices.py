"""What somebody chose to get: written into the ledger with how they said it, and told as an event that ends flows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base.config.topics import GENERAL
from bot.contacts import topics
from bot.contacts.topics import LEFT, Standing
from bot.events.happened import NewEvent, record


@dataclass(frozen=True)
class How:
    """How somebody said it: `source` is one_click, unsubscribe_page, preference_page, double_opt_in, stop_word, …"""

    source: str
    ip: str | None = None
    user_agent: str | None = None
    text_version: str | None = None

    @property
    def proof(self) -> dict[str, str | None]:
        return {"ip": self.ip, "user_agent": self.user_agent, "text_version": self.text_version}


@dataclass(frozen=True)
class At:
    """The address that it is about. Consent is per address."""

    contact_id: int | None
    channel: str
    address: str


async def choose(
    session: AsyncSession,
    secret: str,
    at: At,
    wanted: Mapping[str, bool],
    how: How,
    now: datetime,
    *,
    known: Sequence[str] = (),
    assumed: Sequence[str] = (),
) -> list[str]:
    """Make it so that the address gets what is `wanted`, and say which topics changed by it.

    Writes only what changes something. `known` are all topics: those not named in `wanted` follow `marketing` as they
    do. `assumed` are topics that the address gets without a word of its own (the shop has another basis for them).
    A wish counts also while mail to the address is given up: that may be for a time only, or be lifted.
    """
    before = await topics.standing(session, secret, at.channel, at.address, now)
    had = {topic: wants(before, topic, assumed) for topic in {*known, *wanted}}
    standing = before
    # The general word first: it moves the others, and what was chosen for them stands over it.
    for topic in sorted(wanted, key=lambda topic: topic != GENERAL):
        if wants(standing, topic, assumed) is wanted[topic]:
            continue
        write = contacts.allow if wanted[topic] else contacts.withdraw
        await write(session, secret, at.contact_id, at.channel, at.address, topic, how.source, now, **how.proof)
        if not wanted[topic]:
            await contacts.suppress(session, secret, at.channel, at.address, LEFT, now, topic=topic)
        standing = await topics.standing(session, secret, at.channel, at.address, now)
    changed = [topic for topic in had if wants(standing, topic, assumed) is not had[topic]]
    await _tell(session, at, sorted(topic for topic in changed if had[topic]), "Unsubscribed", how, now)
    await _tell(session, at, sorted(topic for topic in changed if not had[topic]), "Subscribed", how, now)
    return sorted(changed)


async def nothing(
    session: AsyncSession, secret: str, at: At, known: Sequence[str], how: How, now: datetime
) -> list[str]:
    """No marketing of any kind to this address, also none of kinds that come later. What they ask for still comes.

    Said again it changes nothing. Returns the topics that it wanted until now.
    """
    before = await topics.standing(session, secret, at.channel, at.address, now)
    own = [topic for topic, said in before.words.items() if said.action == "granted" and topic in {GENERAL, *known}]
    leaving = dict.fromkeys((*([] if before.word(GENERAL) == "withdrawn" else [GENERAL]), *own))
    left = sorted(topic for topic in {GENERAL, *known} if before.wants(topic))
    for topic in leaving:
        await contacts.withdraw(
            session, secret, at.contact_id, at.channel, at.address, topic, how.source, now, **how.proof
        )
        await contacts.suppress(session, secret, at.channel, at.address, LEFT, now, topic=topic)
    if leaving:
        await _tell(session, at, sorted({GENERAL, *left}), "Unsubscribed", how, now)
    return left


def wants(standing: Standing, topic: str, assumed: Sequence[str]) -> bool:
    """Whether it is to get the topic as far as its owner decides. A bounce may still keep it from that."""
    return standing.wants(topic) or (topic in assumed and standing.word(topic) is None and not standing.left(topic))


async def _tell(session: AsyncSession, at: At, changed: Sequence[str], name: str, how: How, now: datetime) -> None:
    """One event for all of it: `topic` is the general one where it changed, `topics` has every one."""
    if not changed:
        return
    topic = GENERAL if GENERAL in changed else changed[0]
    properties = {"channel": at.channel, "topic": topic, "topics": list(changed), "source": how.source}
    key = f"{name.lower()}:{at.contact_id}:{at.channel}:{topic}:{now.isoformat()}"
    await record(
        session,
        NewEvent("aftercart", key, "track", name, now, now, {"properties": properties}, at.contact_id, rank="person"),
    )
