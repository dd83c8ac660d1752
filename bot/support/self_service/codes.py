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
from bot.shops import facts
from bot.support.desk import Desk
from bot.tables.outbox import Message
from bot.tables.people import Proof

log = logs.get(__name__)

MINUTES = 15
"""How long a code holds."""
MOST_TRIES = 5
MOST_PER_HOUR = 3  # per contact and per address: with five tries each, 15 guesses at a million codes

_KEPT = timedelta(days=1)
_PROOFS = table(Proof)
_MESSAGES = table(Message)


async def make(
    session: AsyncSession, desk: Desk, contact_id: int, address: str, asked: str, language: str, now: datetime
) -> Proof | None:
    """A code for the normalised `address`, mailed if somebody with orders has it. None: too many within an hour.

    The limits count addresses that nobody knows like any other, so that they tell nothing.
    """
    if await _too_many(session, contact_id, address, now):
        return None
    code = f"{secrets.randbelow(1_000_000):06}"
    proof = Proof(
        contact_id=contact_id,
        address=address,
        code_hash=ids.hash_code(code, address, desk.ground.secret),
        asked=asked,
        created_at=now,
        expires_at=now + timedelta(minutes=MINUTES),
    )
    session.add(proof)
    await session.flush()
    await _mail(session, desk, proof, code, language, now)
    return proof


async def newest(session: AsyncSession, contact_id: int) -> Proof | None:
    """The code that was asked for last; None if there is none or it did its work."""
    mine = select(Proof).where(Proof.contact_id == contact_id).order_by(col(Proof.id).desc()).limit(1)
    proof = (await session.scalars(mine)).first()
    return proof if proof is not None and proof.used_at is None else None


def is_live(proof: Proof, now: datetime) -> bool:
    return proof.used_at is None and proof.tries < MOST_TRIES and now < proof.expires_at


def fits(desk: Desk, proof: Proof, code: str) -> bool:
    return hmac.compare_digest(proof.code_hash, ids.hash_code(code, proof.address, desk.ground.secret))


async def forget(session: AsyncSession, now: datetime) -> None:
    """Codes of the day before go, and the addresses with them."""
    await session.execute(sa.delete(_PROOFS).where(_PROOFS.c.created_at < now - _KEPT))


async def _too_many(session: AsyncSession, contact_id: int, address: str, now: datetime) -> bool:
    for whose in (_PROOFS.c.contact_id == contact_id, _PROOFS.c.address == address):
        lately = sa.select(sa.func.count()).where(whose, _PROOFS.c.created_at > now - timedelta(hours=1))
        if (await session.scalar(lately) or 0) >= MOST_PER_HOUR:
            return True
    return False


async def _mail(session: AsyncSession, desk: Desk, proof: Proof, code: str, language: str, now: datetime) -> None:
    owner = await _reachable_owner(session, desk, proof.address, now)
    if owner is None:
        return
    shop = desk.ground.config.shop
    values = {"code": f"{code[:3]} {code[3:]}", "minutes": MINUTES, "shop": {"name": shop.name, "url": shop.url}}
    try:
        mail = desk.mails.find("proof_code", language).render(values, None)
    except (render.TemplateError, FindingsError) as error:
        log.error("the mail with a code cannot be rendered", proof_id=proof.id, reason=logs.clean(str(error))[:300])
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


async def _reachable_owner(session: AsyncSession, desk: Desk, address: str, now: datetime) -> int | None:
    """The contact with orders that has this address, if it takes mail at all."""
    owner = await contacts.find(session, "email", address)
    if owner is None or owner.id is None or not await facts.orders_of(session, owner.id, 1):
        return None
    known = await contacts.identities(session, owner.id)
    refused = any(one.kind == "email" and one.value == address and one.unreachable_at is not None for one in known)
    if refused or await contacts.suppressed(session, desk.ground.secret, "email", address, "", now):
        return None
    return owner.id


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
