"""Whose key came with a request for events, and whether it came from where such a key may be."""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers

from bot.base.config.events import EventKey, digest
from bot.base.ranks import Rank

_BROWSER = re.compile(r"\b(?:mozilla|opera)/", re.I)


@dataclass(frozen=True)
class Sender:
    """Who sends: the name of the key, how far it is believed, for which store it speaks, and the digest of the key."""

    name: str
    rank: Rank
    store: str
    digest: str


class Keys:
    """The keys that we know, as digests."""

    def __init__(self, keys: Sequence[EventKey]) -> None:
        self._known = [Sender(one.name, one.rank, one.store, one.digest) for one in keys]

    def find(self, said: object, authorization: str) -> Sender | None:
        """Whose key was given, in the body, as Basic user or as Bearer."""
        given = [said] if isinstance(said, str) else []
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            given.append(token.strip())
        elif user := basic_user(authorization):
            given.append(user)
        for key in given:
            said_digest = digest(key)
            # Every key is compared, so that the time tells nothing.
            found = [sender for sender in self._known if hmac.compare_digest(sender.digest, said_digest)]
            if found:
                return found[0]
        return None


def from_a_browser(headers: Headers) -> bool:
    """Whether a page sent it: then the key stands where everybody can read it."""
    if "origin" in headers or any(name.startswith("sec-fetch-") for name in headers):
        return True
    return _BROWSER.search(headers.get("user-agent", "")) is not None


def basic_user(authorization: str) -> str:
    """The user of Basic credentials, if they are; some clients leave out the colon."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(token.strip(), validate=False).decode().partition(":")[0]
    except ValueError:
        return ""
