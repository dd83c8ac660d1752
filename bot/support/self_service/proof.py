"""A chat that we cannot link to an order: the shopper proves the mail address of the order by a code, in the chat."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot import contacts
from bot.shops import disclosure
from bot.support import lines, post
from bot.support.answers import mentions, ranking
from bot.support.desk import Desk
from bot.support.self_service import chats, codes, disclosing, order_status, ready
from bot.support.self_service.chats import Chat
from bot.tables.people import Contact, Proof
from bot.tables.shop import Order
from bot.tables.support import TicketMessage

AGAIN = "1:proof:again"

_ASKED = "proof_mail"
_SENT = "proof_code"
_WAITS = timedelta(minutes=30)  # how long words of ours that ask for something wait for it
_CODE = re.compile(r"\d{6}", re.ASCII)


@dataclass(frozen=True)
class _Talk:
    """Whom we answer, where, in what language, under which key."""

    desk: Desk
    contact: Contact
    chat: Chat
    language: str
    key: str

    @property
    def contact_id(self) -> int:
        return self.chat.contact_id

    @property
    def channel(self) -> str:
        return self.chat.channel


async def offered(
    session: AsyncSession,
    desk: Desk,
    contact: Contact,
    chat: Chat,
    reply: order_status.Reply,
    language: str,
    key: str,
    now: datetime,
) -> bool:
    """Ask for the mail address of the order where `reply` could not tell. False: somebody else must help.

    That is so without a mail relay, and for whoever was just asked and names an order number again.
    """
    talk = _Talk(desk, contact, chat, language, key)
    if desk.ground.config.mail.server is None:
        return False
    if reply.kind == "unproven":
        wanted = _waits_for(await lines.last_of(session, talk.contact_id, "bot"), now) != _ASKED
    else:
        wanted = reply.kind == "ask" and not await disclosure.proven(session, chat.channel, chat.place)
    if wanted:
        await _say(session, talk, "proof.ask", now, kind=_ASKED)
    return wanted


async def took(session: AsyncSession, desk: Desk, contact: Contact, line: TicketMessage, now: datetime) -> bool:
    """Whether the line was the address that we asked for, or a code: then it is dealt with."""
    text = unicodedata.normalize("NFKC", line.text).strip()  # an input method may write ＠ and １
    code, address = re.sub(r"\s", "", text), contacts.normalise("email", text)
    if not _CODE.fullmatch(code) and address is None:
        return False
    last = await lines.last_of(session, contact.id or 0, "bot")
    chat = await chats.of_line(session, contact, line)
    talk = _Talk(desk, contact, chat, _language(desk, contact, last), f"said:{line.id}")
    if address is not None:
        if not _waits_for(last, now):
            return False
        await _send(session, talk, address, await _asked_for(session, talk, last, now), now)
        return True
    proof = await codes.newest(session, chat, now)
    if proof is None:
        return False
    if not (codes.is_live(proof, now) or _waits_for(last, now) == _SENT or codes.fits(desk, proof, code)):
        return False
    await _try(session, talk, proof, code, now)
    return True


async def again(session: AsyncSession, desk: Desk, contact: Contact, channel: str, now: datetime) -> None:
    """The button under a code that is not valid any more: another one to the same address, or the question anew."""
    last = await lines.last_of(session, contact.id or 0, "bot")
    key = f"proof:{contact.id}:{now.isoformat()}"
    chat = await chats.of_contact(session, contact, channel)
    talk = _Talk(desk, contact, chat, _language(desk, contact, last), key)
    proof = await codes.newest(session, chat, now)
    if proof is not None and proof.used_at is None:
        await _send(session, talk, proof.address, proof.asked, now)
    else:
        await _say(session, talk, "proof.ask", now, kind=_ASKED)


def _waits_for(last: TicketMessage | None, now: datetime) -> str:
    """What our last words wait for: an address, a code (or another address), or nothing (empty)."""
    kind = str(last.attachment.get("bot", "")) if last and now - last.at <= _WAITS else ""
    return kind if kind in (_ASKED, _SENT) else ""


def _language(desk: Desk, contact: Contact, last: TicketMessage | None) -> str:
    """An address or a code has no language: the one we spoke last goes on."""
    if last is None:
        return desk.language(contact)
    return "zh_CN" if ranking.is_cjk(last.text) else "en"


async def _asked_for(session: AsyncSession, talk: _Talk, last: TicketMessage | None, now: datetime) -> str:
    """The order number that they named before we asked for the address; empty when they named none."""
    if last is None or last.attachment.get("bot") != _ASKED:
        before = await codes.newest(session, talk.chat, now)
        return before.asked if before is not None and before.used_at is None else ""
    said = select(TicketMessage).where(
        TicketMessage.contact_id == talk.contact_id, TicketMessage.author == "customer", col(TicketMessage.id) < last.id
    )
    words = (await session.scalars(said.order_by(col(TicketMessage.id).desc()).limit(1))).first()
    return next(iter(mentions.numbers(words.text)), "") if words else ""


async def _send(session: AsyncSession, talk: _Talk, address: str, asked: str, now: datetime) -> None:
    """The answer is the same for every address: nobody learns here who is a customer."""
    proof = await codes.make(session, talk.desk, talk.chat, address, asked, talk.language, now)
    if proof is None:
        await _say(session, talk, "proof.limit", now)
    else:
        await _say(session, talk, "proof.sent", now, kind=_SENT)


async def _try(session: AsyncSession, talk: _Talk, proof: Proof, code: str, now: datetime) -> None:
    """Whatever is wrong with it, the same is looked at, the same written down, and the same said."""
    live, right = codes.is_live(proof, now), codes.fits(talk.desk, proof, code)
    orders = await disclosure.named(session, proof.address)
    if live and right and orders:
        await _proven(session, talk, proof, orders, now)
        return
    proof.tries += 1
    await session.flush()
    await _say(session, talk, "proof.wrong", now, kind=_SENT, retry=True)


async def _proven(session: AsyncSession, talk: _Talk, proof: Proof, orders: Sequence[Order], now: datetime) -> None:
    """Whoever reads the mailbox sees the orders of its address, now and later.

    The chat becomes the owner's of that address, and nobody else's, if they have no other one.
    """
    proof.used_at = now
    await session.flush()
    owner = await contacts.find_or_create(session, [("email", proof.address)], now, proven=True)
    assert owner.id is not None
    elsewhere = await _chats_elsewhere(session, talk, owner.id)
    joined = not elsewhere and await contacts.join(session, owner.id, talk.contact_id, now)
    whose = owner if joined else talk.contact
    reply = order_status.reply(talk.desk, owner, orders, proof.asked, talk.language, now)
    if reply.kind != "told":
        reply = order_status.reply(talk.desk, owner, orders, "", talk.language, now)
    chat = Chat(whose.id or 0, talk.channel, talk.chat.place)
    await disclosing.write_down(session, chat, reply.orders, now)
    text = f"{talk.desk.say(talk.language, 'proof.done')}\n\n{reply.text}"
    buttons = [[ready.human_button(talk.desk, talk.language)]]
    await ready.say(session, whose, talk.channel, text, talk.key, now, buttons)


async def _chats_elsewhere(session: AsyncSession, talk: _Talk, owner_id: int) -> bool:
    """A mailbox may be a family's: two chats of one contact would get each other's answers."""
    kind = post.ADDRESS_KIND.get(talk.channel)
    return (
        owner_id != talk.contact_id and kind is not None and await contacts.address(session, owner_id, kind) is not None
    )


async def _say(
    session: AsyncSession,
    talk: _Talk,
    name: str,
    now: datetime,
    *,
    kind: str = "",
    retry: bool = False,
) -> None:
    text = talk.desk.say(talk.language, name, minutes=codes.MINUTES)
    rows = [[{"text": talk.desk.say(talk.language, "proof.again"), "data": AGAIN}]] if retry else []
    human = [ready.human_button(talk.desk, talk.language)]
    await ready.say(session, talk.contact, talk.channel, text, talk.key, now, [*rows, human], kind=kind)
