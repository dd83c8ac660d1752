"""What people allow: the consent ledger (appended to, never changed) and the addresses that get nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import ids
from bot.base.config.topics import GENERAL
from bot.base.database import insert, table
from bot.contacts.identity import normalise
from bot.tables.people import Consent, Suppression

EVERY_TOPIC = "*"
"""The topic of a suppression that stops whatever is sent without being asked; answers and codes still go out.

The topic "" stops everything: an address that does not exist, somebody who was forgotten.
"""

ANSWERS = ("granted", "withdrawn")
"""Actions that decide. One that was only requested and never confirmed decides nothing."""

_suppressions = table(Suppression)
_TAKEN_BACK = ("unsubscribed", "erased")
_KIND = {"email": "email", "telegram": "telegram", "sms": "phone", "whatsapp": "phone"}


async def allow(
    session: AsyncSession,
    secret: str,
    contact_id: int | None,
    channel: str,
    address: str,
    topic: str,
    source: str,
    at: datetime,
    one_thing: bool = False,
    /,
    **proof: str | None,
) -> None:
    """Write down that mail of this topic is wanted at this address since `at`.

    `source` says where it was said (`checkout`, `import`, …); `proof` is ip, user_agent, text_version. Somebody who
    unsubscribed and wants it again gets it again; an import cannot want in their place. `one_thing`: it was asked for
    by whoever knew the address, so a stop of that topic is lifted and one of everything stays.
    """
    hashed = _hash(channel, address, secret)
    await _append(session, contact_id, channel, hashed, topic, "granted", source, at, proof)
    if one_thing or not source.startswith("import"):
        await _lift(session, channel, hashed, (topic,) if one_thing else ("", EVERY_TOPIC, topic), at)


async def _lift(session: AsyncSession, channel: str, hashed: str, topics: Sequence[str], at: datetime) -> None:
    lifted = sa.delete(_suppressions).where(
        _suppressions.c.channel == channel,
        _suppressions.c.address_hash == hashed,
        _suppressions.c.topic.in_(topics),
        _suppressions.c.reason.in_(_TAKEN_BACK),
        _suppressions.c.created_at < at,
    )
    await session.execute(lifted)


async def withdraw(
    session: AsyncSession,
    secret: str,
    contact_id: int | None,
    channel: str,
    address: str,
    topic: str,
    source: str,
    at: datetime,
    **proof: str | None,
) -> None:
    """Write down that mail of this topic is not wanted (any more) at this address."""
    await _append(session, contact_id, channel, _hash(channel, address, secret), topic, "withdrawn", source, at, proof)


async def request(
    session: AsyncSession,
    secret: str,
    contact_id: int | None,
    channel: str,
    address: str,
    topic: str,
    source: str,
    at: datetime,
    **proof: str | None,
) -> None:
    """Write down that somebody asked for this topic for this address. Nothing may be sent before it is confirmed."""
    await _append(session, contact_id, channel, _hash(channel, address, secret), topic, "requested", source, at, proof)


async def allowed(session: AsyncSession, secret: str, channel: str, address: str, topic: str) -> Consent | None:
    """What the ledger says last about this address and topic: a row with `action` granted or withdrawn, or nothing."""
    said = select(Consent).where(
        col(Consent.address_hash) == _hash(channel, address, secret),
        col(Consent.channel) == channel,
        col(Consent.topic) == topic,
        col(Consent.action).in_(ANSWERS),
    )
    return await session.scalar(said.order_by(col(Consent.at).desc(), col(Consent.id).desc()).limit(1))


async def words(
    session: AsyncSession, secret: str, channel: str, addresses: Collection[str], topic: str
) -> dict[str, str]:
    """What the ledger says last of many addresses: granted or withdrawn. Without a word on the topic that on marketing
    holds; an address without either is left out.
    """
    marks = {_hash(channel, address, secret): address for address in addresses}
    said = sa.select(col(Consent.address_hash), col(Consent.topic), col(Consent.action)).where(
        col(Consent.address_hash).in_(sorted(marks)),
        col(Consent.channel) == channel,
        col(Consent.topic).in_({topic, GENERAL}),
        col(Consent.action).in_(ANSWERS),
    )
    found: dict[str, dict[str, str]] = {GENERAL: {}, topic: {}}
    for mark, about, action in await session.execute(said.order_by(col(Consent.at), col(Consent.id))):
        found[about][marks[mark]] = action  # the newest overwrites
    return {**found[GENERAL], **found[topic]}


async def suppress(
    session: AsyncSession,
    secret: str,
    channel: str,
    address: str,
    reason: str,
    now: datetime,
    *,
    topic: str = "",
    until: datetime | None = None,
) -> None:
    """This address gets nothing (or nothing of `topic`), at most until `until`. Only ever made longer, not shorter."""
    await suppress_many(session, [stop(secret, channel, address, reason, now, topic=topic, until=until)])


def stop(
    secret: str,
    channel: str,
    address: str,
    reason: str,
    now: datetime,
    *,
    topic: str = "",
    until: datetime | None = None,
) -> dict[str, Any]:
    """The row of a suppression, for `suppress_many`."""
    hashed = _hash(channel, address, secret)
    where = {"channel": channel, "address_hash": hashed, "topic": topic}
    return {**where, "reason": reason, "created_at": now, "until": until}


async def suppress_many(session: AsyncSession, stops: Sequence[Mapping[str, Any]]) -> None:
    """`suppress` for a batch, in one round to the database."""
    if not stops:
        return
    added = insert(session, _suppressions)
    longer = sa.or_(
        added.excluded.reason == "erased",  # must be known by its name, see forget.was_erased
        sa.and_(
            _suppressions.c.until.is_not(None),
            sa.or_(added.excluded.until.is_(None), added.excluded.until > _suppressions.c.until),
        ),
    )
    await session.execute(
        added.on_conflict_do_update(
            index_elements=["channel", "address_hash", "topic"],
            set_={name: added.excluded[name] for name in ("reason", "created_at", "until")},
            where=longer,
        ),
        list(stops),
    )


async def suppressed(
    session: AsyncSession, secret: str, channel: str, address: str, topic: str, now: datetime
) -> str | None:
    """Why this address gets nothing of `topic` now, or None. Topic "" is what was asked for: answers, codes."""
    reason: str | None = await session.scalar(
        sa.select(_suppressions.c.reason).where(
            _suppressions.c.channel == channel,
            _suppressions.c.address_hash == _hash(channel, address, secret),
            _suppressions.c.topic.in_(("", topic, *((EVERY_TOPIC,) if topic else ()))),
            sa.or_(_suppressions.c.until.is_(None), _suppressions.c.until > now),
        )
    )
    return reason


async def history(session: AsyncSession, secret: str, channel: str, address: str) -> Sequence[Consent]:
    """Everything that the ledger holds about an address, the oldest first."""
    said = select(Consent).where(
        col(Consent.address_hash) == _hash(channel, address, secret), col(Consent.channel) == channel
    )
    return (await session.scalars(said.order_by(col(Consent.at), col(Consent.id)))).all()


async def stops(session: AsyncSession, secret: str, channel: str, address: str) -> Sequence[Suppression]:
    """Every suppression of an address, also one that is over."""
    mine = select(Suppression).where(
        col(Suppression.address_hash) == _hash(channel, address, secret), col(Suppression.channel) == channel
    )
    return (await session.scalars(mine.order_by(col(Suppression.created_at), col(Suppression.id)))).all()


def _hash(channel: str, address: str, secret: str) -> str:
    return ids.hash_address(normalise(_KIND.get(channel, channel), address) or address, secret)


async def _append(
    session: AsyncSession,
    contact_id: int | None,
    channel: str,
    hashed: str,
    topic: str,
    action: str,
    source: str,
    at: datetime,
    proof: dict[str, Any],
) -> None:
    session.add(_word(contact_id, channel, hashed, topic, action, source, at, proof))
    await session.flush()


def _word(
    contact_id: int | None, channel: str, hashed: str, topic: str, action: str, source: str, at: datetime,
    proof: Mapping[str, Any],
) -> Consent:  # fmt: skip
    return Consent(
        contact_id=contact_id, address_hash=hashed, channel=channel, topic=topic, action=action, source=source, at=at,
        **{name: value[:500] if value else None for name, value in proof.items()},
    )  # fmt: skip


@dataclass
class Ledger:
    """The ledger about the addresses of a batch: read at once, and written at once what is new."""

    secret: str
    held: dict[tuple[str, str], list[Consent]]
    new: list[Consent] = field(default_factory=list)

    @classmethod
    async def of(cls, session: AsyncSession, secret: str, addresses: Collection[tuple[str, str]]) -> "Ledger":
        """Of pairs of channel and address."""
        hashes = sorted({_hash(channel, address, secret) for channel, address in addresses})
        held: dict[tuple[str, str], list[Consent]] = {}
        if hashes:
            said = select(Consent).where(col(Consent.address_hash).in_(hashes), col(Consent.action).in_(ANSWERS))
            for one in await session.scalars(said.order_by(col(Consent.at), col(Consent.id))):
                held.setdefault((one.channel, one.address_hash), []).append(one)
        return cls(secret, held)

    def said(self, channel: str, address: str, topic: str) -> list[Consent]:
        """The words that decide so far, the newest last."""
        words = self.held.get((channel, _hash(channel, address, self.secret)), ())
        return [one for one in words if one.topic == topic]

    def add(
        self, contact_id: int | None, channel: str, address: str, topic: str, source: str, at: datetime, *,
        wanted: bool, proof: Mapping[str, str],
    ) -> None:  # fmt: skip
        """As `allow` and `withdraw`."""
        hashed = _hash(channel, address, self.secret)
        action = "granted" if wanted else "withdrawn"
        one = _word(contact_id, channel, hashed, topic, action, source, at, proof)
        words = self.held.setdefault((channel, hashed), [])
        words.append(one)
        words.sort(key=lambda word: word.at)
        self.new.append(one)

    async def write(self, session: AsyncSession) -> None:
        rows = table(Consent)
        names = [column.name for column in rows.columns if not column.primary_key]
        if self.new:
            await session.execute(sa.insert(rows), [{name: getattr(one, name) for name in names} for one in self.new])
        yes = [one for one in self.new if one.action == "granted"]
        stopped = sa.select(_suppressions.c.address_hash).where(
            _suppressions.c.address_hash.in_(sorted({one.address_hash for one in yes})),
            _suppressions.c.reason.in_(_TAKEN_BACK),
        )
        there = set((await session.scalars(stopped)).all()) if yes else set()
        for one in yes:
            if one.address_hash in there and not one.source.startswith("import"):
                await _lift(session, one.channel, one.address_hash, ("", EVERY_TOPIC, one.topic), one.at)
