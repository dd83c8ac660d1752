"""The signed identity of a page: who is signed in, as the shop's server vouches for it, for a day at most.

The server writes `{id, email, exp, sig}` into the page; `sig` is made by `sign` with a secret that no page has.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

LONGEST = timedelta(hours=24)
_SKEW = timedelta(minutes=5)  # the clocks of two servers


@dataclass(frozen=True)
class Signed:
    """Who it is. `email` may be empty."""

    user_id: str
    email: str


class Forged(Exception):  # noqa: N818 - says what is wrong with what was sent
    """Not what the shop signed."""


class Expired(Exception):  # noqa: N818 - a page that was left open
    """It was theirs, and holds no longer."""


def sign(secret: str, user_id: str, email: str, exp: int) -> str:
    """The signature in hex. `exp` is in seconds since 1970."""
    return hmac.new(secret.encode(), f"v1\n{user_id}\n{email}\n{exp}".encode(), sha256).hexdigest()


def read(secret: str, said: object, now: datetime) -> Signed:
    """Raises Forged and Expired."""
    if not isinstance(said, Mapping):
        raise Forged("the signed identity is no object")
    user_id, email, exp = _text(said, "id"), _text(said, "email"), _seconds(said.get("exp"))
    given = said.get("sig")
    if not isinstance(given, str) or not user_id:
        raise Forged("the signed identity lacks its `id` or `sig`")
    if not hmac.compare_digest(sign(secret, user_id, email, exp).encode(), given.encode("utf-8", "replace")):
        raise Forged("the signed identity is not what the shop signed")
    if exp > (now + LONGEST + _SKEW).timestamp():
        raise Forged("the signed identity holds longer than 24 hours")
    if exp <= now.timestamp():
        raise Expired
    return Signed(user_id, email)


def _text(said: Mapping[str, Any], key: str) -> str:
    """As it was signed. A line break would let one value end as another."""
    value = said.get(key)
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 255 or re.search(r"[\x00-\x1f]", value):
        raise Forged(f"`{key}` of the signed identity is no plain text")
    return value


def _seconds(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**12:
        raise Forged("`exp` of the signed identity is no time in seconds")
    return value
