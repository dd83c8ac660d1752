"""Which web addresses are the shop's own: what a stranger said may lead there in a mail, and nowhere else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"https?://([^/?#\\@:\s\[\]]{1,253})(?::\d{1,5})?(?:[/?#][^\s\\\"'<>`\x00-\x1f\x7f]*)?", re.I)
"""What every reader takes apart alike: no user before an @, no backslash (browsers read a slash), no blanks."""
_LONGEST = 2000


@dataclass(frozen=True)
class Hosts:
    """`domains` and those below are the shop's; pictures may also come from `pictures`.

    Without `named` the shop never said where it is: then the words of a stranger are not shown at all.
    """

    domains: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    named: bool = False

    def ours(self, url: object) -> bool:
        return _below(host_of(url), self.domains)

    def picture(self, url: object) -> bool:
        return _below(host_of(url), (*self.domains, *self.pictures))


@lru_cache(maxsize=50)
def of_shop(url: str, domains: Sequence[str], pictures: Sequence[str], *, named: bool) -> Hosts:
    front = (urlsplit(url).hostname or "").lower().removeprefix("www.")
    own = (front, *domains) if front else tuple(domains)
    return Hosts(tuple(map(_ascii, own)), tuple(map(_ascii, pictures)), named)


def host_of(url: object) -> str:
    """The host that a web address leads to, in ASCII; nothing where readers might not agree about it."""
    if not isinstance(url, str) or len(url) > _LONGEST:
        return ""
    found = _ADDRESS.fullmatch(url)
    return _ascii(found[1]) if found else ""


def _ascii(host: str) -> str:
    plain = host.lower().rstrip(".")
    try:
        name = plain if plain.isascii() else plain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return name if re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name) else ""


def _below(host: str, domains: Sequence[str]) -> bool:
    return bool(host) and any(host == domain or host.endswith("." + domain) for domain in domains if domain)
