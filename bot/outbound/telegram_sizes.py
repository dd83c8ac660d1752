"""What fits into one message of Telegram, and which contents may take words or each other's place."""

import html
import re
from datetime import timedelta

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


def quotation(words: str) -> str:
    """Words that are answered, as a line of text."""
    words = " ".join(words.split())
    return f"↩️ “{words if len(words) <= QUOTED else words[: QUOTED - 1] + '…'}”"


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
