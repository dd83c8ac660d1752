"""What a page may say in a mail of the shop: plain titles of the shop's own goods, a name that looks like one.

The key of a page is anybody's, so its words are a stranger's: they never carry an address that a mail program would
make a link of, and never a link or a picture of another host. Held when the event is taken, so that nothing behind the
door ever sees more.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

from bot.base.hosts import Hosts
from bot.events import addresses

LONGEST_TITLE = 120
LONGEST_NAME = 40
_MOST_WORDS = 3  # of a first name: a sentence is none

TITLES = ("name", "title", "variant", "variant_name", "brand", "category", "description")
_LINKS = ("url", "checkout_url", "cart_url", "abandoned_checkout_url", "product_url", "link")
_PICTURES = ("image_url", "image")
FIRST_NAMES = ("firstName", "first_name", "firstname", "$first_name")
LAST_NAMES = ("lastName", "last_name", "lastname", "$last_name")
_NEEDS_A_LINK = frozenset({"name", "title", "variant", "variant_name", "description"})

_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_BLANK = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"), " ")  # by their class not, but nothing is seen


def title(value: object) -> str:
    """The words as one plain line of at most 120 characters; nothing if an address stands in them."""
    words = _plain(value)[:LONGEST_TITLE].strip()  # what is not shown leads nowhere, and looking costs time
    return "" if addresses.leads_somewhere(words) else words


def first_name(value: object) -> str:
    """The name if it looks like one: letters of any script, blanks, hyphens, apostrophes, and no sentence."""
    name = _name(value)
    return name if len(name.split()) <= _MOST_WORDS else ""


def last_name(value: object) -> str:
    return _name(value)


def goods(said: Mapping[str, Any], hosts: Hosts) -> dict[str, Any]:
    """A line or a product as a mail may show it: words only beside a link of the shop's, pictures from its hosts."""
    held = _linked(said, hosts)
    own = hosts.named and hosts.ours(held.get("url"))
    for key in TITLES:
        if key not in held:
            continue
        words = title(held[key]) if own or key not in _NEEDS_A_LINK else ""
        if words:
            held[key] = words
        else:
            del held[key]
    return held


def hold(body: Mapping[str, Any], hosts: Hosts) -> dict[str, Any]:
    """The body of an event of a page without what no mail may show; what was taken out is told by its `flags`."""
    held = dict(body)
    if isinstance(said := body.get("properties"), Mapping):
        properties = goods(said, hosts)
        if isinstance(lines := properties.get("products"), list):
            properties["products"] = [goods(line, hosts) for line in lines if isinstance(line, Mapping)]
        held["properties"] = properties
    if isinstance(traits := body.get("traits"), Mapping):
        held["traits"] = _traits(traits)
    if held != body:
        flags = body.get("flags")
        held["flags"] = [*(flags if isinstance(flags, list) else ()), "words_held"]
    return held


def _linked(said: Mapping[str, Any], hosts: Hosts) -> dict[str, Any]:
    held = dict(said)
    for key in _LINKS:
        if key in held and not hosts.ours(held[key]):
            del held[key]
    for key in _PICTURES:
        if key in held and not hosts.picture(held[key]):
            del held[key]
    return held


def _traits(traits: Mapping[str, Any]) -> dict[str, Any]:
    held = dict(traits)
    for keys, looks in ((FIRST_NAMES, first_name), (LAST_NAMES, last_name)):
        for key in keys:
            if isinstance(value := held.get(key), str) and value and not (name := looks(value)):
                del held[key]
            elif isinstance(value, str) and value:
                held[key] = name
    if isinstance(whole := held.get("name"), str):
        first, _, last = whole.strip().partition(" ")
        if not (first_name(first) and (not last or last_name(last))) or addresses.leads_somewhere(_plain(whole)):
            del held["name"]
    return held


def _name(value: object) -> str:
    words = _plain(value, "NFKC")
    if not words or len(words) > LONGEST_NAME:
        return ""
    if addresses.leads_somewhere(f"x {words}"):  # the rest of one may stand in the other name: "evil", "dot com"
        return ""
    fits = all(one in " -'’‐‑" or unicodedata.category(one)[0] in "LM" for one in words)
    return words if fits and unicodedata.category(words[0])[0] == "L" else ""


def _plain(value: object, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """One line without signs that are not seen."""
    if not isinstance(value, str):
        return ""
    shown = (" " if one.isspace() else one for one in unicodedata.normalize(form, value[:2000]).translate(_BLANK))
    return " ".join("".join(one for one in shown if unicodedata.category(one) not in _UNSEEN).split())
