"""Codes by mail that show whose an address is: made, limited, mailed, compared, forgotten."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.base import ids, logs, render
from bot.base.database import table
from bot.base.errors import FindingsError
from bot.outbound import outbox
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.shops import disclosure
from bot.support.desk import Desk
from bot.support.self_service.chats import Chat
from bot.tables.outbox import Message
from bot.tables.people import Proof

log = logs.get(__name__)

MINUTES = 15
"""How long a code holds."""
MOST_TRIES = 5
MOST_PER_HOUR = 3  # per chat and per address: with five tries each, 15 guesses at a million codes
MOST_IN_ALL = 200  # an hour: with 1,000 guesses in it, whoever has any number of chats waits weeks for one to be right

_KEPT = timedelta(days=1)
_PROOFS = table(Proof)
_MESSAGES = table(Message)


async def make(
    session: AsyncSession, desk: Desk, chat: Chat, address: str, asked: str, language: str, now: datetime
) -> Proof | None:
    """A code for the normalised `address`, mailed if the shop names it on an order or a customer with orders.

    None: too many within an hour. The limits count addresses that nobody knows like any other, so that they tell
    nothing. An earlier code of the chat is good no more.
    """
    if await _too_many(session, chat, address, now):
        return None
    await _end_earlier(session, chat, now)
    code = f"{secrets.randbelow(1_000_000):06}"
    proof = Proof(
        contact_id=chat.contact_id,
        channel=chat.channel,
        chat=chat.place,
        purpose=disclosure.ORDERS,
        address=address,
        code_hash="",
        asked=asked,
        created_at=now,
        expires_at=now + timedelta(minutes=MINUTES),
    )
    proof.code_hash = _hash(desk, proof, code)
    session.add(proof)
    await session.flush()
    await _mail(session, desk, proof, code, language, now)
    return proof


async def newest(session: AsyncSession, chat: Chat, now: datetime) -> Proof | None:
    """The code that was asked for last in this chat, be it dead or used; those of the day before are forgotten."""
    mine = select(Proof).where(
        Proof.channel == chat.channel, Proof.chat == chat.place, col(Proof.created_at) > now - _KEPT
    )
    return (await session.scalars(mine.order_by(col(Proof.id).desc()).limit(1))).first()


def is_live(proof: Proof, now: datetime) -> bool:
    return proof.used_at is None and proof.tries < MOST_TRIES and now < proof.expires_at


def fits(desk: Desk, proof: Proof, code: str) -> bool:
    return hmac.compare_digest(proof.code_hash, _hash(desk, proof, code))


def _hash(desk: Desk, proof: Proof, code: str) -> str:
    """Good in one chat, for one address, for one purpose."""
    return ids.hash_code(code, f"{proof.purpose}:{proof.channel}:{proof.chat}:{proof.address}", desk.ground.secret)


async def forget(session: AsyncSession, now: datetime) -> None:
    """Codes of the day before go, and the addresses with them. What a right one showed stays, without the code."""
    old = _PROOFS.c.created_at < now - _KEPT
    await session.execute(sa.delete(_PROOFS).where(old, _PROOFS.c.used_at.is_(None)))
    await session.execute(sa.update(_PROOFS).where(old, _PROOFS.c.code_hash != "").values(code_hash=""))


async def _too_many(session: AsyncSession, chat: Chat, address: str, now: datetime) -> bool:
    here = sa.and_(_PROOFS.c.channel == chat.channel, _PROOFS.c.chat == chat.place)
    lately = sa.select(
        sa.func.count(sa.case((here, 1))), sa.func.count(sa.case((_PROOFS.c.address == address, 1))), sa.func.count()
    ).where(_PROOFS.c.created_at > now - timedelta(hours=1))
    in_chat, to_address, in_all = (await session.execute(lately)).one()
    return in_chat >= MOST_PER_HOUR or to_address >= MOST_PER_HOUR or in_all >= MOST_IN_ALL


async def _end_earlier(session: AsyncSession, chat: Chat, now: datetime) -> None:
    living = sa.update(_PROOFS).where(
        _PROOFS.c.channel == chat.channel, _PROOFS.c.chat == chat.place, _PROOFS.c.used_at.is_(None),
        _PROOFS.c.expires_at > now,
    )  # fmt: skip
    await session.execute(living.values(expires_at=now))


async def _mail(session: AsyncSession, desk: Desk, proof: Proof, code: str, language: str, now: datetime) -> None:
    """Written for every address, so that one that nobody knows takes as long; it leaves only to one that we know."""
    wanted, owner = await _may_have_mail(session, desk, proof.address, now)
    shop = desk.ground.config.shop
    values = {"code": f"{code[:3]} {code[3:]}", "minutes": MINUTES, "shop": {"name": shop.name, "url": shop.url}}
    try:
        mail = desk.mails.find("proof_code", language).render(values, None)
    except (render.TemplateError, FindingsError) as error:
        log.error("the mail with a code cannot be rendered", proof_id=proof.id, reason=logs.clean(str(error))[:300])
        return
    if not wanted:
        return
    await outbox.queue(
        session,
        channel="email",
        purpose="code",
        receiver=proof.address,
        payload={
            "proof_id": proof.id,
            "to": proof.address,
            "to_name": "",
            "from": "service",
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
        },
        key=ids.stable("code", proof.id),
        now=now,
        priority=20,
        contact_id=owner,
        template="proof_code",
    )


async def _may_have_mail(session: AsyncSession, desk: Desk, address: str, now: datetime) -> tuple[bool, int | None]:
    """Whether the shop names this address on an order, and it takes mail at all; and the contact that has it."""
    orders = await disclosure.named(session, address, 1)
    owner = await contacts.find(session, "email", address)
    known = await contacts.identities(session, owner.id) if owner is not None and owner.id is not None else ()
    refused = any(one.kind == "email" and one.value == address and one.unreachable_at is not None for one in known)
    suppressed = await contacts.suppressed(session, desk.ground.secret, "email", address, "", now)
    return bool(orders) and not refused and not suppressed, owner.id if owner is not None else None


class Codes:
    """The mails with codes: none leaves when it is of no use any more, and none stays readable in the outbox."""

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._look(session, row["payload"], now) for row in rows}

    async def _look(self, session: AsyncSession, payload: Mapping[str, Any], now: datetime) -> Send | Skip:
        proof = await session.get(Proof, payload["proof_id"], populate_existing=True)
        if proof is None or not is_live(proof, now):
            return Skip("expired")
        return Send({key: value for key, value in payload.items() if key != "proof_id"})

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        await session.execute(sa.update(_MESSAGES).where(_MESSAGES.c.id == row["id"]).values(payload={}))
