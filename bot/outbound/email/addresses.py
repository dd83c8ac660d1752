"""Addresses and ids that name one message of ours, signed: what comes back to them is about that message.

Tokens are base32 in lower case: no relay and no mail program spells them in another way that we could not read.
"""

import base64
import re

from bot.base import ids

_WORD = r"[a-z2-7]{10,60}"
_BOUNCE, _UNSUBSCRIBE, _REPLY, _MESSAGE = "bounce", "unsubscribe", "reply", "message id"


def return_path(message_id: int, secret: str, domain: str) -> str:
    """The envelope sender of one message (VERP): a bounce to it names the message."""
    return f"b+{_token(_BOUNCE, message_id, secret)}@{domain}"


def bounced(address: str, secret: str) -> int | None:
    """The message behind an address made by `return_path`, or None."""
    return _found(rf"b\+({_WORD})@[^@]+", _BOUNCE, address, secret)


def unsubscribe_address(message_id: int, secret: str, domain: str) -> str:
    """Mail to it, whatever it says, asks for no more mail like this one."""
    return f"unsub+{_token(_UNSUBSCRIBE, message_id, secret)}@{domain}"


def unsubscribes(address: str, secret: str) -> int | None:
    return _found(rf"unsub\+({_WORD})@[^@]+", _UNSUBSCRIBE, address, secret)


def reply_address(message_id: int, secret: str, address: str) -> str:
    """`address` with a tag that names the message: `help+r…@shop.example`."""
    local, _, domain = address.rpartition("@")
    return f"{local}+r{_token(_REPLY, message_id, secret)}@{domain}"


def replies(address: str, secret: str) -> int | None:
    return _found(rf"[^@]+\+r({_WORD})@[^@]+", _REPLY, address, secret)


def message_name(message_id: int, secret: str, domain: str) -> str:
    """The Message-ID (without angle brackets): the same whenever the message is sent, and nobody else can make it."""
    return f"m.{_token(_MESSAGE, message_id, secret)}@{domain}"


def named(message_name_: str, secret: str) -> int | None:
    """The message behind a Message-ID made by `message_name`, or None."""
    return _found(rf"<?m\.({_WORD})@[^@]+", _MESSAGE, message_name_, secret)


def envelope(message_id: int, secret: str) -> str:
    """What the relay repeats as Original-Envelope-Id when it reports on the message (RFC 3461)."""
    return f"m.{_token(_MESSAGE, message_id, secret)}"


def enveloped(envelope_id: str, secret: str) -> int | None:
    return _found(rf"m\.({_WORD})", _MESSAGE, envelope_id, secret)


def _token(purpose: str, message_id: int, secret: str) -> str:
    token = ids.sign(purpose, message_id, secret)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _found(pattern: str, purpose: str, text: str, secret: str) -> int | None:
    found = re.fullmatch(pattern, text.strip().lower())
    if not found:
        return None
    try:
        raw = base64.b32decode(found[1].upper() + "=" * (-len(found[1]) % 8))
    except ValueError:
        return None
    return ids.unsign(purpose, base64.urlsafe_b64encode(raw).decode().rstrip("="), secret)
