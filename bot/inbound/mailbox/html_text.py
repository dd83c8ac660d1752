"""HTML of foreign mails as plain text: the words in order, what is quoted marked with `>`."""

import re
from html.parser import HTMLParser

_SILENT = frozenset({"style", "script", "head", "title", "template", "noscript"})
_BLOCKS = frozenset(
    {"p", "div", "br", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section", "article"}
)
_QUOTES = re.compile(
    r"\b(?:gmail_quote|gmail_extra|yahoo_quoted|moz-cite-prefix|protonmail_quote|divRplyFwdMsg|appendonsend)\b"
)
_VOID = frozenset({"br", "img", "hr", "input", "meta", "link", "col", "area", "base", "wbr", "embed", "source"})


def plain(html: str) -> str:
    reader = _Reader()
    reader.feed(_ended(html))
    reader.close()
    lines = ["".join(line).strip() for line in reader.lines]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _ended(html: str) -> str:
    """Without beginnings that have no end: the standard reader looks for the end of each anew."""
    comments = html.rfind("-->") + 1
    html = html[:comments] + html[comments:].replace("<!--", "")
    tags = html.rfind(">") + 1
    return html[:tags] + html[tags:].replace("<", "&lt;")


class _Reader(HTMLParser):
    """No tree: a tag that is never closed swallows nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[list[str]] = [[]]
        self._silent = 0
        self._quotes: list[str] = []  # the tags whose end ends a quotation; others of the same name inside count too
        self._depth: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "blockquote" or (tag == "div" and self._marks(attrs)):
            self._quotes.append(tag)
            self._depth.append(0)
            self._break()
        else:
            if self._quotes and tag == self._quotes[-1]:
                self._depth[-1] += 1
            if tag in _BLOCKS:
                self._break(blank=tag == "p")
            elif tag == "li":
                self._break()
                self._say("• ")
            elif tag in ("td", "th"):
                self._say(" ")

    @staticmethod
    def _marks(attrs: list[tuple[str, str | None]]) -> bool:
        return any(name in ("class", "id") and value and _QUOTES.search(value) for name, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif self._quotes and tag == self._quotes[-1]:
            if self._depth[-1]:
                self._depth[-1] -= 1
            else:
                self._quotes.pop()
                self._depth.pop()
            self._break()
        elif tag in _BLOCKS and tag not in _VOID:
            self._break(blank=tag == "p")

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        text = re.sub(r"[\s\u200b\u200c\u00ad\ufeff]+", " ", data)
        if text.strip() or (text and self.lines[-1] and not "".join(self.lines[-1]).endswith(" ")):
            self._say(text)

    def _say(self, text: str) -> None:
        if not self.lines[-1] and self._quotes:
            self.lines[-1].append("> " * min(len(self._quotes), 3))
        self.lines[-1].append(text if self.lines[-1] else text.lstrip())

    def _break(self, *, blank: bool = False) -> None:
        if any(part.strip() for part in self.lines[-1]):
            self.lines.append([])
        if blank and len(self.lines) > 1 and self.lines[-1] == [] and any(self.lines[-2]):
            self.lines.append([])
