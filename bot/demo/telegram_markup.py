"""HTML in the texts of a bot, read into plain words and entities as the Bot API does."""

from html.parser import HTMLParser
from typing import Any

from bot.demo.telegram_faults import bad

_TAGS = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("span", "tg-spoiler"), "spoiler"),
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}


def units(text: str) -> int:
    """UTF-16 code units, which is how Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.open: list[tuple[str, int, dict[str, str | None]]] = []
        self.entities: list[dict[str, Any]] = []

    @property
    def here(self) -> int:
        return units("".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise bad(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {self._byte()}')
        self.open.append((tag, self.here, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open:
            raise bad(f"can't parse entities: Unexpected end tag at byte offset {self._byte()}")
        opened, start, attributes = self.open.pop()
        if opened != tag:
            words = f'Unmatched end tag at byte offset {self._byte()}, expected "</{opened}>", found "</{tag}>"'
            raise bad(f"can't parse entities: {words}")
        if self.here > start:
            kind = "expandable_blockquote" if tag == "blockquote" and "expandable" in attributes else _TAGS[tag]
            entity = {"type": kind, "offset": start, "length": self.here - start}
            self.entities.append(entity | _more(tag, attributes))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def _byte(self) -> int:
        line, column = self.getpos()
        before = self.rawdata.split("\n")[: line - 1]
        return len("\n".join([*before, ""]).encode()) + len(self.rawdata.split("\n")[line - 1][:column].encode())


def _more(tag: str, attributes: dict[str, str | None]) -> dict[str, str]:
    if tag == "a":
        return {"url": attributes.get("href") or ""}
    return {"custom_emoji_id": attributes.get("emoji-id") or ""} if tag == "tg-emoji" else {}


def read(text: str, parse_mode: Any, entities: Any = None) -> tuple[str, list[dict[str, Any]]]:
    """The words, and what is special about which of them. `parse_mode` beats `entities`. Only HTML is known here."""
    if not parse_mode:
        return text, _checked(text, entities or [])
    if str(parse_mode).lower() != "html":
        known = str(parse_mode).lower() in ("markdown", "markdownv2")
        raise bad(f"the stand-in reads HTML only, not {parse_mode}" if known else "unsupported parse_mode")
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.open:
        raise bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{reader.open[-1][0]}\"")
    found = [one for one in reader.entities if one["type"] != "text_link" or one["url"]]
    return "".join(reader.words), sorted(found, key=lambda one: (one["offset"], -one["length"]))


def _checked(text: str, entities: Any) -> list[dict[str, Any]]:
    if not isinstance(entities, list) or not all(isinstance(one, dict) for one in entities):
        raise bad("expected an Array of MessageEntity")
    for one in entities:
        offset, length = one.get("offset"), one.get("length")
        if not isinstance(offset, int) or not isinstance(length, int) or not one.get("type"):
            raise bad("can't parse MessageEntity: type, offset and length must be given")
        if not 0 <= offset < offset + length <= units(text):
            raise bad(f"entity begins after the end of the text at UTF-16 offset {offset}")
    return list(entities)
