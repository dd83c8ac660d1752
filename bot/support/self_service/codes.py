"""Codes by mail that show whose an address is: made, limited, mailed, compared, forgotten."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.base import ids, logs, render
from bot.base.database import table
from bot.base.errors import FindingsError
from bot.outbound import outbox
from bot.outbound.email.mail_template import Mail
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
MOST_PER_HOUR = 3
"""So many codes a chat may ask for, whatever the addresses. No other limit is ever told: what others do, and whether we
know an address, must show in no answer. The limits of `Room` keep a mail back in silence."""


class Room(NamedTuple):
    """One more mail with a code leaves if fewer than these left within an hour: to that address, and in all."""

    to_address: int
    in_all: int


# Accounts cost little, so what one chat does must take nothing from another: its first code has more room than further
# ones. Whoever would keep the owner of an address from a code needs ten accounts that do nothing else all hour; whoever
# would keep everybody from one, 133 accounts and the addresses of customers. A mailbox gets ten such mails an hour at
# the worst, besides those that its owner's own chat asks for. 200 mails are 1,000 guesses at a million codes: somebody
# with any number of accounts waits weeks for one to be right. A code that was not mailed opens nothing and counts for
# nothing but its own chat.
FIRST = Room(to_address=10, in_all=200)
AGAIN = Room(to_address=3, in_all=100)

_HOUR = timedelta(hours=1)
_KEPT = timedelta(days=1)
_PROOFS = table(Proof)
_MESSAGES = table(Message)


async def make(
    session: AsyncSession, desk: Desk, chat: Chat, address: str, asked: str, language: str, now: datetime
) -> Proof | None:
    """A code for the normalised `address`, mailed if the shop names it on an order or a customer with orders.

    None: this chat asked too often within an hour. An earlier code of the chat is good no more, unless it went to the
    same address and no mail leaves now: whoever asks again must not lose what they have.
    """
    if await _asked(session, chat, now) >= MOST_PER_HOUR:
        return None
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
    code = f"{secrets.randbelow(1_000_000):06}"
    sealed = _hash(desk, proof, code)
    # All of it for every address, so that one that nobody knows takes as long.
    wanted, owner = await _may_have_mail(session, desk, address, now)
    room = await _has_room(session, chat, address, owner, now)
    mail = _written(desk, code, language)
    earlier = await newest(session, chat, now)
    if wanted and not room:
        log.warning("a code was not mailed: too many left within the hour", contact_id=chat.contact_id)
    leaving = mail if wanted and room else None
    if leaving is None and earlier is not None and _was_mailed(earlier, address) and is_live(earlier, now):
        earlier.asked, proof.expires_at = asked, now
    else:
        await _end_earlier(session, chat, now)
    if leaving is not None:
        proof.code_hash = sealed
    session.add(proof)
    await session.flush()
    if leaving is not None:
        await _queue(session, proof, leaving, owner, now)
    return proof


async def newest(session: AsyncSession, chat: Chat, now: datetime) -> Proof | None:
    """The newest code of this chat, be it dead or used: the one that holds longest. Those of the day before are
    forgotten."""
    mine = select(Proof).where(
        Proof.channel == chat.channel, Proof.chat == chat.place, col(Proof.created_at) > now - _KEPT
    )
    return (await session.scalars(mine.order_by(col(Proof.expires_at).desc(), col(Proof.id).desc()).limit(1))).first()


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


def _was_mailed(proof: Proof, address: str) -> bool:
    return proof.code_hash != "" and proof.address == address


async def _asked(session: AsyncSession, chat: Chat, now: datetime) -> int:
    """How often within an hour, for whatever addresses."""
    here = sa.select(sa.func.count()).where(
        _PROOFS.c.channel == chat.channel, _PROOFS.c.chat == chat.place, _PROOFS.c.created_at > now - _HOUR
    )
    return await session.scalar(here) or 0


async def _has_room(session: AsyncSession, chat: Chat, address: str, owner: int | None, now: datetime) -> bool:
    """Whether one more mail may leave, as far as others go. An address of the chat's own contact (`owner`) is its own
    affair."""
    here = sa.and_(_PROOFS.c.channel == chat.channel, _PROOFS.c.chat == chat.place)
    mailed = sa.select(
        sa.func.count(sa.case((here, 1))), sa.func.count(sa.case((_PROOFS.c.address == address, 1))), sa.func.count()
    ).where(_PROOFS.c.created_at > now - _HOUR, _PROOFS.c.code_hash != "")
    of_chat, to_address, in_all = (await session.execute(mailed)).one()
    room = AGAIN if of_chat else FIRST
    return in_all < room.in_all and (owner == chat.contact_id or to_address < room.to_address)


async def _end_earlier(session: AsyncSession, chat: Chat, now: datetime) -> None:
    living = sa.update(_PROOFS).where(
        _PROOFS.c.channel == chat.channel, _PROOFS.c.chat == chat.place, _PROOFS.c.used_at.is_(None),
        _PROOFS.c.expires_at > now,
    )  # fmt: skip
    await session.execute(living.values(expires_at=now))


def _written(desk: Desk, code: str, language: str) -> Mail | None:
    """None: the template cannot be rendered."""
    shop = desk.ground.config.shop
    values = {"code": f"{code[:3]} {code[3:]}", "minutes": MINUTES, "shop": {"name": shop.name, "url": shop.url}}
    try:
        return desk.mails.find("proof_code", language).render(values, None)
    except (render.TemplateError, FindingsError) as error:
        log.error("the mail with a code cannot be rendered", reason=logs.clean(str(error))[:300])
        return None


async def _queue(session: AsyncSession, proof: Proof, mail: Mail, owner: int | None, now: datetime) -> None:
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
    known = await contacts.identities(session, owner.id if owner is not None and owner.id is not None else 0)
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
