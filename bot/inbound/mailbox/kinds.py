"""What kind of mail this is, by its structure: reports, wishes to unsubscribe, what machines write, what people do."""

import re
from dataclasses import dataclass
from typing import Literal

from bot.base import ids
from bot.base.ground import Ground
from bot.inbound.mailbox import headers, reports
from bot.inbound.mailbox.parsing import Mail
from bot.inbound.mailbox.reports import Bounce
from bot.outbound.email import addresses, compose

Kind = Literal[
    "person", "no_reply", "automatic", "own", "spam", "bounce", "delayed", "delivered", "complaint", "unsubscribe"
]

_BULK = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_MACHINE_HEADERS = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Reply-From",
    "List-Id",
    "List-Unsubscribe",
)
_DAEMONS = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|mdaemon|double-bounce)@")
_NOBODY = re.compile(
    r"(?:no|not|do-?not|donot)[._-]?(?:reply|respond|answer)[^@]*@|noreply[^@]*@|(?:bounces?|notifications?)[+@]"
)
_AWAY = re.compile(
    r"(?:automatic reply|auto(?:matic)?[ -]?response|auto[ -]?reply|out of (?:the )?office|automatische antwort"
    r"|abwesenheits(?:notiz|nachricht)|réponse automatique|respuesta automática|risposta automatica"
    r"|自动回复|自動回覆|自动答复)\b",
    re.I,
)
_UNSUBSCRIBE = re.compile(r"\s*unsubscribe\s+([\w-]{20,60})\s*", re.I)


@dataclass(frozen=True)
class Found:
    """`about_id` is the message of ours that a report or a wish is about, None if no token of ours says so."""

    kind: Kind
    about_id: int | None = None
    bounce: Bounce | None = None


def of(mail: Mail, raw: bytes, ground: Ground) -> Found:
    secret = ground.secret
    spam = reports.complaint(mail)
    if spam is not None:
        return Found("complaint" if spam else "automatic", reports.about(mail, raw, secret))
    daemon = _from_a_daemon(mail)
    if reports.is_delivery_report(mail) and (daemon or mail.message.get_content_type() == "multipart/report"):
        return _report(reports.bounce(mail), reports.about(mail, raw, secret))
    if (message_id := _unsubscribes(mail, secret)) is not None:
        return Found("unsubscribe", message_id)
    if daemon:
        message_id = reports.about(mail, raw, secret)
        told = reports.told_in_words(mail) if message_id is not None and not is_automatic(mail) else None
        return _report(told, message_id)
    if own_address(mail.sender, ground) and not form_sender(mail, ground):
        return Found("own")
    if mail.header("X-Spam-Flag").lower() == "yes" or mail.header("X-Spam-Status").lower().startswith("yes"):
        return Found("spam")
    if is_automatic(mail):
        return Found("automatic")
    person = form_sender(mail, ground) or mail.sender
    silent = bool(_NOBODY.match(person)) or bool(mail.header("X-Auto-Response-Suppress"))
    return Found("no_reply" if silent else "person")


def is_automatic(mail: Mail) -> bool:
    """RFC 3834, and what programs did before it: no ticket, no answer, and no bounce either."""
    submitted = mail.header("Auto-Submitted").partition(";")[0].strip().lower()
    return (
        submitted not in ("", "no")
        or mail.header("Precedence").lower() in _BULK
        or any(mail.header(name) for name in _MACHINE_HEADERS)
        or mail.message.get_content_type() == "multipart/report"
        or bool(_AWAY.match(mail.subject))
    )


def form_sender(mail: Mail, ground: Ground) -> str:
    """Who filled in a contact form that writes in our own name: whom an answer is to go to; empty if it is none."""
    if own_address(mail.sender, ground) and mail.reply_to and not own_address(mail.reply_to, ground):
        return mail.reply_to
    return ""


def own_address(address: str, ground: Ground) -> bool:
    config = ground.config.mail
    own = [compose.split_address(one)[1].lower() for one in (config.sender, config.from_marketing) if one]
    local, _, domain = address.partition("@")
    plain = f"{local.partition('+')[0]}@{domain}"
    return plain in own or bool(config.bounce_domain and domain == config.bounce_domain.lower())


def _from_a_daemon(mail: Mail) -> bool:
    path = headers.first(mail.message, "Return-Path").replace(" ", "")
    return path == "<>" or bool(_DAEMONS.match(mail.sender))


def _report(told: Bounce | None, message_id: int | None) -> Found:
    if told is None:
        return Found("automatic", message_id)
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
