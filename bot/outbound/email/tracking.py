"""Links of a mail: numbered when the template is compiled, signed when it is rendered, resolved when clicked.

A static link carries only its number (its URL stands in `TemplateRevision.links`); a dynamic one carries its target
in `?u=` under its own signature, so our address never redirects to where somebody else wants. A dynamic target is
signed only if its host is the shop's or stands in the template itself: what data say leads nowhere else.
"""

import html
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from bot.base import hosts, ids
from bot.base.ground import Ground
from bot.base.hosts import Hosts
from bot.outbound.email.mjml import MASK, Masked

CANARY = 0
"""The number of the hidden link that only a machine follows."""
_HREF = re.compile(r"(<(?:a|area|mj-button|mj-image|mj-social-element|mj-navbar-link)\b[^>]*?\shref=)\"([^\"]*)\"")
_NEVER = ("unsubscribe_url", "preferences_url")
_SET = re.compile(r"\{%[-+]?\s*set\b")
_LITERAL = re.compile(r"https?://[^\s\"'<>{}]++(?=[\"'])", re.I)
_FIXED = re.compile(r"https?://[^\s\"'<>{}/?#]++(?=[/?#])", re.I)
"""The beginning of an address that data may go on with, but not change where it leads."""
_SIGNED, _SIGNED_BEFORE = "leads to", "click to"
_HIDDEN = (
    '<div style="display:none;max-height:0;overflow:hidden" aria-hidden="true">'
    '<a href="{{ _l(0) }}" tabindex="-1" rel="nofollow"></a></div>'
)


@dataclass(frozen=True)
class LinkTokens:
    """What makes the links of one mail: `base` is `web.url`, `secret` the ground's.

    `shop` are the hosts to which data may lead; whatever leads elsewhere leads `home`, to the shop's front page.
    """

    base: str
    message_id: int
    secret: str
    shop: Hosts = field(default_factory=Hosts)
    home: str = "#"

    @classmethod
    def of(cls, ground: Ground, message_id: int) -> "LinkTokens":
        shop = ground.config.shop
        return cls(ground.config.web.url, message_id, ground.secret, shop.hosts, shop.url)

    def numbered(self, number: int) -> str:
        return f"{self.base}/c/{ids.sign('click', self.message_id, self.secret)}.{number}"

    def carrying(self, number: int, url: str, own: Collection[str] = ()) -> str:
        """`own` are hosts that the template itself names for this link."""
        if not may_lead(url, self.shop, self.base) and hosts.host_of(url) not in own:
            return self.home
        token = ids.sign(_SIGNED, self.message_id, self.secret, f"{number} {url}".encode())
        return f"{self.base}/c/{token}.{number}?u={quote(url, safe='')}"

    @property
    def unsubscribe(self) -> str:
        return f"{self.base}/u/{ids.sign('unsubscribe', self.message_id, self.secret)}"

    @property
    def survey(self) -> str:
        return f"{self.base}/s/{ids.sign('survey', self.message_id, self.secret)}"

    @property
    def preferences(self) -> str:
        return f"{self.base}/preferences/{ids.sign('preferences', self.message_id, self.secret)}"


@dataclass(frozen=True)
class Target:
    """Where a click token leads: `url` None means, look link `number` up in the message's template revision.

    `unchecked`: it was signed when any host was, and leads on only if the host is the shop's.
    """

    message_id: int
    number: int
    url: str | None
    unchecked: bool = False


def number_links(masked: Masked) -> tuple[Masked, tuple[str, ...]]:
    """Every link that we count as a call `_l(n)` or `_l(n, target, hosts)`; and the URLs by number, empty if dynamic.

    Left alone: mailto, tel, anchors, unsubscribing, and targets put together with statements.
    """
    kept, links = list(masked.kept), [""]
    set_aside = {host for tag in masked.kept if _SET.match(tag) for host in named_hosts(tag)}

    def rewritten(link: re.Match[str]) -> str:
        value = link[2]
        tags = [masked.kept[int(number)] for number in MASK.findall(value)]
        static = html.unescape(value)
        if any(not tag.startswith("{{") or any(name in tag for name in _NEVER) for tag in tags):
            return link[0]
        if not value.startswith("jz") and not static.lower().startswith(("http://", "https://")):
            return link[0]
        links.append("" if tags else static)
        number = len(links) - 1
        target = f"{_expression(value, masked)}, {_own_hosts(value, masked, set_aside)!r}"
        kept.append(f"{{{{ _l({number}, {target}) }}}}" if tags else f"{{{{ _l({number}) }}}}")
        return f'{link[1]}"jz{len(kept) - 1}zj"'

    text = _HREF.sub(rewritten, masked.text)
    return Masked(text, tuple(kept)), tuple(links)


def with_canary(html_template: str) -> str:
    return html_template.replace("</body>", _HIDDEN + "</body>", 1)


def _expression(value: str, masked: Masked) -> str:
    """`https://x/jz0zj` as the Jinja expression `"https://x/" ~ (item.slug)`."""
    parts = []
    for n, part in enumerate(MASK.split(value)):
        if n % 2:
            value = masked.kept[int(part)].removeprefix("{{").removesuffix("}}")
            parts.append(f"({value.strip().strip('+-').strip()})")
        elif part:
            parts.append(repr(html.unescape(part)))
    return " ~ ".join(parts)


def _own_hosts(value: str, masked: Masked, set_aside: Collection[str]) -> tuple[str, ...]:
    """The hosts that stand in the link itself, or in a word that the template sets for later use."""
    text = html.unescape(MASK.sub(lambda word: f"{{{masked.kept[int(word[1])]}}}", value))
    return tuple(sorted({*named_hosts(text), *set_aside}))


def named_hosts(source: str) -> Iterator[str]:
    """The hosts that a piece of a template names word for word."""
    for address in (*_FIXED.findall(source), *_LITERAL.findall(source)):
        if host := hosts.host_of(address):
            yield host


def may_lead(url: str, shop: Hosts, base: str) -> bool:
    """Whether data may send a reader there: to the shop, or to a page of ours such as a survey."""
    return shop.ours(url) or url.startswith(f"{base}/")


def safe(url: object) -> str:
    """The address if a reader may follow it, else `#`: values come from events, and those from browsers."""
    text = str(url or "").strip()
    return text if text.lower().startswith(("https://", "http://", "mailto:", "tel:", "sms:")) else "#"


def resolve(token: str, url: str | None, secret: str) -> Target | None:
    """The meaning of `/c/{token}?u={url}`, or None if it is not one of ours."""
    signed, _, last = token.partition(".")
    if not re.fullmatch(r"\d{1,4}", last, re.A):
        return None
    number = int(last)
    if url is None:
        message_id = ids.unsign("click", signed, secret)
        return None if message_id is None else Target(message_id, number, None)
    said = f"{number} {url}".encode("utf-8", "replace")
    for purpose in (_SIGNED, _SIGNED_BEFORE):
        message_id = ids.unsign(purpose, signed, secret, said)
        if message_id is not None:
            return Target(message_id, number, url, unchecked=purpose == _SIGNED_BEFORE)
    return None


def utm(shop: str, campaign: str, content: str) -> dict[str, str]:
    """`campaign` is a flow's or broadcast's name, `content` its step (and variant)."""
    source = re.sub(r"[^\w]+", "-", shop.lower()).strip("-") or "shop"
    return {"utm_source": source, "utm_medium": "email", "utm_campaign": campaign, "utm_content": content}


def with_utm(url: str, tags: Mapping[str, str], shop: Hosts) -> str:
    """The address with the campaign tags that it lacks, before its fragment; other people's addresses as they are."""
    if not shop.ours(url):
        return url
    rest, mark, fragment = url.partition("#")
    path, _, query = rest.partition("?")
    there = {unquote(pair.partition("=")[0]).lower() for pair in query.split("&")}
    more = [f"{name}={quote(value, safe='')}" for name, value in tags.items() if value and name not in there]
    if not more:
        return url
    joined = "&".join([*([query.rstrip("&")] if query.rstrip("&") else []), *more])
    return f"{path}?{joined}{mark}{fragment}"
