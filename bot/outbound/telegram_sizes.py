"""What fits into one message of Telegram, and which contents may take words or each other's place."""

import html
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

ICON_STAYS = timedelta(seconds=30)
"""An icon of a topic that was changed stays so long at least."""

TEXT = 4096
CAPTION = 1024
QUOTED = 200
"""So many characters of what is answered are shown where it cannot be pointed at."""

EXCHANGEABLE = frozenset({"photo", "video", "document", "audio", "animation"})
"""Kinds of files that may take each other's place in a message."""
IN_ALBUMS = EXCHANGEABLE - {"animation"}
CAPTIONED = EXCHANGEABLE | {"voice", "live_photo"}
"""Kinds that may have words beside them."""
LARGEST_ALBUM = 10


_FOLD = "<blockquote expandable>{}</blockquote>"
_SMALL_FOLD = 200


def quotation(words: str) -> str:
    """Words that are answered, as a line of text."""
    words = " ".join(words.split())
    return f"↩️ “{words if len(words) <= QUOTED else words[: QUOTED - 1] + '…'}”"


def as_shown(words: str, content: Mapping[str, Any]) -> str:
    """Plain words as they stand beside this content, which may be HTML."""
    return html.escape(words, quote=False) if content.get("html") else words


def with_fold(text: str, below: str, rest: str) -> str:
    """The text as HTML with something folded below it, as much of that as one message holds; `rest` tells of more.

    Without room for a few lines of it only `rest` is said.
    """
    shown, inside, more = (html.escape(one, quote=False) for one in (text, below, rest))
    room = TEXT - units(shown) - units(_FOLD.format("")) - 1
    if units(inside) > room:
        room -= units(more) + 2
        if room < _SMALL_FOLD:
            return f"{shown}\n{more}"
        inside = f"{_beginning(below, room)}…\n{more}"
    return f"{shown}\n{_FOLD.format(inside)}"


def _beginning(text: str, room: int) -> str:
    """What of it takes no more room as HTML: cut before it is escaped, so that no entity is cut."""
    head = parts(text, room)[0].rstrip()
    while (over := units(html.escape(head, quote=False)) - room) > 0:
        head = head[: -max(1, over // 5)]
    return html.escape(head, quote=False)


def without_markup(text: str) -> str:
    return html.unescape(re.sub(r"</?[a-zA-Z][^>]*>", "", text))


def parts(text: str, longest: int) -> list[str]:
    """The text in pieces of up to `longest` UTF-16 units (which is how Telegram counts), cut at a line or a word."""
    pieces: list[str] = []
    while units(text) > longest:
        head = text.encode("utf-16-le")[: longest * 2].decode("utf-16-le", "ignore")
        at = max(head.rfind("\n") + 1, 0) or head.rfind(" ") + 1
        cut = at if at > len(head) // 2 else len(head)
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text] if text.strip() else pieces


def below_caption(text: str) -> list[str]:
    """A caption and what follows it as texts."""
    caption, *rest = parts(text, CAPTION) or ["…"]
    return [caption, *parts("".join(rest), TEXT)]


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
