"""What kind of mail this is, by its structure: reports, wishes to unsubscribe, what machines write, what people do."""

import re
from dataclasses import dataclass
from typing import Literal

from bot.base import ids
from bot.base.ground import Ground
from bot.inbound.mailbox import absence, bounce_words, machines, reports, senders
from bot.inbound.mailbox.parsing import Mail
from bot.inbound.mailbox.reports import Bounce
from bot.outbound.email import addresses

Kind = Literal[
    "person", "no_reply", "automatic", "own", "spam", "bounce", "delayed", "delivered", "complaint", "unsubscribe"
]

_UNSUBSCRIBE = re.compile(r"\s*unsubscribe\s+([\w-]{20,60})\s*", re.I)


@dataclass(frozen=True)
class Found:
    """`about_id` is the message of ours that a report or a wish is about, None if no token of ours says so.

    `why` it is set aside, for whoever lists such mails.
    """

    kind: Kind
    about_id: int | None = None
    bounce: Bounce | None = None
    why: str = ""


def of(mail: Mail, raw: bytes, ground: Ground) -> Found:
    secret = ground.secret
    spam = reports.complaint(mail)
    if spam is not None:
        about = reports.about(mail, raw, secret)
        return Found("complaint", about) if spam else Found("automatic", about, why="a report that it is no spam")
    daemon = machines.is_daemon(mail)
    if reports.is_delivery_report(mail) and (daemon or mail.message.get_content_type() == "multipart/report"):
        message_id = reports.about(mail, raw, secret)
        told = reports.bounce(mail)
        if told is None and message_id is not None:
            told = reports.told_in_words(mail, daemon=daemon)
        return _report(told, message_id)
    if (message_id := _unsubscribes(mail, secret)) is not None:
        return Found("unsubscribe", message_id)
    if daemon or machines.has_null_path(mail):
        message_id = reports.about(mail, raw, secret)
        told = None
        if daemon or not absence.is_note(mail.subject, answers=True):
            told = reports.told_in_words(mail, daemon=daemon)
        if told is not None and message_id is not None:
            return _report(told, message_id)
        if machines.is_mailer(mail) or (daemon and told is not None):
            return Found("automatic", message_id, why="a mail server's report that is about no mail of ours")
    person = senders.person(mail, ground)
    if senders.own_address(person.address, ground):
        return Found("own", why="written in our own name")
    if mail.header("X-Spam-Flag").lower() == "yes" or mail.header("X-Spam-Status").lower().startswith("yes"):
        return Found("spam", why="marked as spam on its way")
    answers = bool(mail.thread) or machines.has_null_path(mail)
    if machines.is_reply(mail) or absence.is_note(mail.subject, answers=answers):
        return Found("automatic", why="an absence note or another answer of a machine")
    if reports.is_receipt(mail):
        return Found("automatic", why="a receipt: somebody read a mail of ours, or deleted it")
    if machines.has_null_path(mail) and mail.thread and not machines.was_passed_on(mail):
        return Found("automatic", why="an answer of a machine: it has no return path")
    nobody = machines.is_nobody(person.address) or (machines.is_nobody(mail.sender) and not person.by_form)
    nobody = nobody or bounce_words.is_bounce(mail.subject)  # a mail server's, though nothing else shows it
    return Found("no_reply" if nobody or machines.wants_no_answer(mail) else "person")


def _report(told: Bounce | None, message_id: int | None) -> Found:
    if told is None:
        return Found("automatic", message_id, why="a report that says nothing of a delivery")
    kind: Kind = "bounce"
    if told.verdict == "delayed":
        kind = "delayed"
    elif told.verdict == "delivered":
        kind = "delivered"
    return Found(kind, message_id, told)


def _unsubscribes(mail: Mail, secret: str) -> int | None:
    for address in mail.to:
        if (found := addresses.unsubscribes(address, secret)) is not None:
            return found
    said = _UNSUBSCRIBE.fullmatch(mail.subject)
    return ids.unsign("unsubscribe", said[1], secret) if said else None
