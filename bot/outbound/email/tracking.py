"""Links of a mail: numbered when the template is compiled, signed when it is rendered, resolved when clicked.

A static link carries only its number (its URL stands in `TemplateRevision.links`); a dynamic one carries its target
in `?u=` under its own signature, so our address never redirects to where somebody else wants.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from bot.base import ids
from bot.outbound.email.mjml import JINJA, MASK, Masked

CANARY = 0
"""The number of the hidden link that only a machine follows."""
_HREF = re.compile(r"(<(?:a|area|mj-button|mj-image|mj-social-element|mj-navbar-link)\b[^>]*?\shref=)\"([^\"]*)\"")
_VALUE = re.compile(r"\{\{[-+]?\s*(.*?)\s*[-+]?\}\}", re.S)
_NEVER = ("unsubscribe_url", "preferences_url")
_HIDDEN = (
    '<div style="display:none;max-height:0;overflow:hidden" aria-hidden="true">'
    '<a href="{{ _l(0) }}" tabindex="-1" rel="nofollow"></a></div>'
)


@dataclass(frozen=True)
class LinkTokens:
    """What makes the links of one mail: `base` is `web.url`, `secret` the ground's."""

    base: str
    message_id: int
    secret: str

    def numbered(self, number: int) -> str:
        return f"{self.base}/c/{ids.sign('click', self.message_id, self.secret)}.{number}"

    def carrying(self, number: int, url: str) -> str:
        token = ids.sign("click to", self.message_id, self.secret, f"{number} {url}".encode())
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
    """Where a click token leads: `url` None means, look link `number` up in the message's template revision."""

    message_id: int
    number: int
    url: str | None


def number_links(masked: Masked) -> tuple[Masked, tuple[str, ...]]:
    """Every link that we count as a call `_l(n)` or `_l(n, target)`; and the URLs by number, empty where dynamic.

    Left alone: mailto, tel, anchors, unsubscribing, and targets put together with statements.
    """
    kept, links = list(masked.kept), [""]

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
        kept.append(f"{{{{ _l({number}, {_expression(value, masked)}) }}}}" if tags else f"{{{{ _l({number}) }}}}")
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
            found = _VALUE.fullmatch(masked.kept[int(part)])
            assert found is not None and JINJA.fullmatch(masked.kept[int(part)])
            parts.append(f"({found[1]})")
        elif part:
            parts.append(repr(html.unescape(part)))
    return " ~ ".join(parts)


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
    else:
        message_id = ids.unsign("click to", signed, secret, f"{number} {url}".encode("utf-8", "replace"))
    return None if message_id is None else Target(message_id, number, url)


def utm(shop: str, campaign: str, content: str) -> dict[str, str]:
    """`campaign` is a flow's or broadcast's name, `content` its step (and variant)."""
    source = re.sub(r"[^\w]+", "-", shop.lower()).strip("-") or "shop"
    return {"utm_source": source, "utm_medium": "email", "utm_campaign": campaign, "utm_content": content}


def with_utm(url: str, tags: Mapping[str, str], own_domains: Sequence[str]) -> str:
    """The address with the campaign tags that it lacks, before its fragment; other people's addresses as they are."""
    host = (urlsplit(url).hostname or "").lower()
    if not any(host == domain or host.endswith("." + domain) for domain in own_domains):
        return url
    rest, mark, fragment = url.partition("#")
    path, _, query = rest.partition("?")
    there = {unquote(pair.partition("=")[0]).lower() for pair in query.split("&")}
    more = [f"{name}={quote(value, safe='')}" for name, value in tags.items() if value and name not in there]
    if not more:
        return url
    joined = "&".join([*([query.rstrip("&")] if query.rstrip("&") else []), *more])
    return f"{path}?{joined}{mark}{fragment}"


def own_domains(shop_url: str) -> tuple[str, ...]:
    host = (urlsplit(shop_url).hostname or "").lower()
    return (host.removeprefix("www."),) if host else ()
