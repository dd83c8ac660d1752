"""All that can be told of a mail from its bytes alone: read in a thread, outside any transaction, and within a time."""

import asyncio
import re
from dataclasses import dataclass

from bot.base import logs
from bot.base.ground import Ground
from bot.inbound.mailbox import authentication, kinds, notices, parsing, quotes, senders
from bot.inbound.mailbox.kinds import Found
from bot.inbound.mailbox.parsing import Mail
from bot.inbound.mailbox.patience import OutOfPatience, Patience
from bot.inbound.mailbox.senders import Person

log = logs.get(__name__)

_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|doorst|vb|vid|pd|ilt|πρθ|转发|轉寄|転送)\s*[:：]", re.I)
_WITHIN = 10.0  # seconds for one mail; usual ones take a thousandth of one


@dataclass(frozen=True)
class Understood:
    """`person` wrote it, `own` is what they wrote themselves, `folded` what else of it may be theirs.

    `of_domain`: a mail server that the shop trusts says that the domain of `person` stands for it.
    """

    mail: Mail
    person: Person
    found: Found
    own: str
    of_domain: bool = False
    folded: str = ""


async def understand(raw: bytes, ground: Ground, within: float = _WITHIN) -> Understood:
    """Raises Unreadable. What takes too long goes to people with its words as they came."""
    try:
        async with asyncio.timeout(2 * within):  # the thread asks for the time by itself; this is for where it does not
            return await asyncio.to_thread(look, raw, ground, Patience(within))
    except (OutOfPatience, TimeoutError):
        log.warning("a mail took too long to read, its words are shown as they came", size=len(raw))
        return await asyncio.to_thread(look_roughly, raw, ground)


def look(raw: bytes, ground: Ground, patience: Patience) -> Understood:
    mail = parsing.read(raw, patience)
    patience.check()
    found = kinds.of(mail, raw, ground)
    patience.check()
    person = senders.person(mail, ground)
    own, folded = _own_words(mail)
    return Understood(mail, person, found, own, _is_of_domain(mail, person, ground), folded)


def look_roughly(raw: bytes, ground: Ground) -> Understood:
    mail = parsing.read_roughly(raw)
    person, words = senders.person(mail, ground), mail.text.strip() or mail.subject
    return Understood(mail, person, Found("no_reply"), words, _is_of_domain(mail, person, ground))


def _is_of_domain(mail: Mail, person: Person, ground: Ground) -> bool:
    """A form may be proven, and says nothing about whoever filled it in."""
    servers = ground.config.mailbox.trusted_servers
    return person.address == mail.sender and authentication.proves_sender(mail, servers)


def _own_words(mail: Mail) -> tuple[str, str]:
    """Without what their program repeated of ours; a forward is the message, and a mail without words its subject."""
    text = mail.text.strip()
    if _FORWARD.match(mail.subject):
        return text or mail.subject, ""
    reply = quotes.split(mail.text)
    if mail.thread or reply.introduced:
        return reply.own.strip() or text or mail.subject, reply.folded if reply.own else ""
    own, notice = notices.apart(text.split("\n"))  # a first mail keeps its signature
    return "\n".join(own).strip() or mail.subject, "\n".join(notice).strip()
