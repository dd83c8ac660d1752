"""All that can be told of a mail from its bytes alone: read in a thread, outside any transaction, and within a time."""

import asyncio
import re
from dataclasses import dataclass

from bot.base import logs
from bot.base.ground import Ground
from bot.inbound.mailbox import kinds, parsing, quotes, senders
from bot.inbound.mailbox.kinds import Found
from bot.inbound.mailbox.parsing import Mail
from bot.inbound.mailbox.patience import OutOfPatience, Patience
from bot.inbound.mailbox.senders import Person

log = logs.get(__name__)

_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|doorst|vb|vid|pd|ilt|πρθ|转发|轉寄|転送)\s*[:：]", re.I)
_WITHIN = 10.0  # seconds for one mail; usual ones take a thousandth of one


@dataclass(frozen=True)
class Understood:
    """`person` wrote it, `own` is what they wrote themselves."""

    mail: Mail
    person: Person
    found: Found
    own: str


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
    return Understood(mail, senders.person(mail, ground), found, _own_words(mail))


def look_roughly(raw: bytes, ground: Ground) -> Understood:
    mail = parsing.read_roughly(raw)
    return Understood(mail, senders.person(mail, ground), Found("no_reply"), mail.text.strip() or mail.subject)


def _own_words(mail: Mail) -> str:
    """Without what their program repeated of ours; a forward is the message, and a mail without words its subject."""
    text = mail.text.strip()
    if not _FORWARD.match(mail.subject):
        reply = quotes.split(mail.text)
        if mail.thread or reply.quoted:  # a first mail keeps its signature
            text = reply.own or text
    return text or mail.subject
