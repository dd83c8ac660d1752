"""HTML of foreign mails as plain text: the words in order as a browser shows them, what is quoted marked with `>`.

No tree is built: a tag that is never closed swallows nothing, and the time grows with the text alone.
"""

import re
from html import unescape

from bot.inbound.mailbox.patience import Patience

_TOKEN = re.compile(
    r"<(?:(/?)([a-zA-Z][^\s/>]{0,60})"
    r"""((?:[^>=]++|=\s*+"[^"]{0,4000}+"|=\s*+'[^']{0,4000}+'|=)*+)>|(!--)|[!?/][^>]*+>)"""
)
_VALUE = re.compile(r"""([a-zA-Z-]{1,20})\s{0,9}=\s{0,9}(?:"([^"]{0,4000})"|'([^']{0,4000})'|([^\s"'>]{1,4000}))""")
_SPACE = re.compile(r"[\s\u200b\u200c\u00ad\ufeff\u034f]+")
_UNSEEN = frozenset({"style", "script", "title", "template", "iframe", "noembed", "noframes"})
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "p div br tr table ul ol dl dt dd li h1 h2 h3 h4 h5 h6 pre section article header footer main nav aside form"
        " fieldset address center figure body caption hr",
    )
)
_HEARD = _BLOCKS | {"td", "th", "blockquote", "a"}
_QUOTES = re.compile(r"\b(?:gmail_quote|gmail_extra|yahoo_quoted|moz-cite-prefix|protonmail_quote)\b")
_FROM_HERE = re.compile(
    r"\b(?:divRplyFwdMsg|x_divRplyFwdMsg|appendonsend|OLK_SRC_BODY_SECTION|mail-editor-reference-message-container)\b"
)
_EVERY = 256  # tokens between two looks at the clock


def plain(html: str, patience: Patience | None = None) -> str:
    reader = _Reader(html)
    reader.read(patience or Patience(60))
    text = "\n".join(reader.lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


class _Reader:
    def __init__(self, html: str) -> None:
        self.html = html
        self.lines: list[str] = []
        self._line: list[str] = []
        self._ends_blank = True  # nothing, or a blank, stands before what comes
        self._said = False  # whether the line has words
        self._kept_open = False  # whether it has a blank that browsers give a line to
        self._quotes: list[str] = []  # the tags whose end ends a quotation; others of the same name inside count too
        self._depth: list[int] = []
        self._pre = 0
        self._link: tuple[str, int, int] | None = None
        self._endless: set[str] = set()

    def read(self, patience: Patience) -> None:
        html, at, count = self.html, 0, 0
        last = html.rfind(">") + 1  # behind it no tag can end
        while (found := _TOKEN.search(html, at, last)) is not None:
            count += 1
            if count % _EVERY == 0:
                patience.check()
            if found.start() > at:
                self._words(html[at : found.start()])
            at = self._token(found)
        self._words(html[at:])
        self._link_ends()
        self._break()

    def _token(self, found: re.Match[str]) -> int:
        """Returns where to read on."""
        ends, name, rest, comment = found.groups()
        if name is None:
            return self._behind("-->", found.end(), found.end() - 2) if comment else found.end()
        name = name.lower()
        if ends:
            self._end(name)
        elif name in _UNSEEN and not rest.endswith("/"):
            return self._behind(f"</{name}", found.end(), found.end())
        elif rest or name in _HEARD or (self._quotes and name == self._quotes[-1]):
            self._start(name, rest)
        return found.end()

    def _behind(self, end: str, at: int, near: int) -> int:
        """Behind this end; where it never comes, on with the words."""
        if end in self._endless:
            return at
        found = re.compile(re.escape(end), re.I).search(self.html, near)
        if found is None:
            self._endless.add(end)
            return at
        return found.end() if end == "-->" else found.start()

    def _start(self, name: str, rest: str) -> None:
        if name == "blockquote" or (name == "div" and rest and _QUOTES.search(rest)):
            self._quotes.append(name)
            self._depth.append(0)
            self._break()
            return
        if rest and _FROM_HERE.search(rest) and "-here" not in self._quotes:
            self._break()
            self._quotes.append("-here")  # no tag ends it: all that follows was repeated
            self._depth.append(0)
            return
        if self._quotes and name == self._quotes[-1]:
            self._depth[-1] += 1
        if name in _BLOCKS:
            self._break(blank=name == "p", line=name == "br")
            self._pre += name == "pre"
            if name == "li":
                self._say("• ")
            elif name == "hr":
                self._say("_" * 32)
                self._break()
        elif name in ("td", "th"):
            self._say(" ")
        elif name == "a":
            self._link_ends()
            address = _attribute(rest, "href")
            if address.lower().startswith(("http://", "https://")):
                self._link = address, len(self.lines), len(self._line)
        elif name == "img" and (shown := _attribute(rest, "alt")) and len(shown) <= 4 and not shown.isascii():
            self._say(shown)  # an emoji

    def _end(self, name: str) -> None:
        if name == "a":
            self._link_ends()
        if self._quotes and name == self._quotes[-1]:
            if self._depth[-1]:
                self._depth[-1] -= 1
            else:
                self._quotes.pop()
                self._depth.pop()
            self._break()
        elif name in _BLOCKS and name != "br":
            self._pre = max(0, self._pre - (name == "pre"))
            self._break(blank=name == "p")

    def _link_ends(self) -> None:
        """The address behind the words, if they do not say it themselves."""
        if self._link is None:
            return
        address, line, piece = self._link
        self._link = None
        shown = "".join(self._line[piece:] if len(self.lines) == line else self._line).strip()
        bare = address.partition("://")[2].rstrip("/")
        if shown and bare.removeprefix("www.").lower() not in shown.lower():
            self._say(f" <{address}>" if not self._ends_blank else f"<{address}>")

    def _words(self, text: str) -> None:
        if "&" in text:
            text = unescape(text)
        if self._pre:
            first, *others = text.expandtabs(4).split("\n")
            if first:
                self._say(first)
            for line in others:
                self._break(line=True)
                if line:
                    self._say(line)
            return
        self._kept_open = self._kept_open or "\u00a0" in text
        text = text if text.isalnum() else _SPACE.sub(" ", text)
        if text == " ":
            if not self._ends_blank:
                self._say(" ")
        elif text:
            self._say(text)

    def _say(self, text: str) -> None:
        line = self._line
        if not line:
            if self._quotes:
                line.append("> " * min(len(self._quotes), 3))
            text = text if self._pre else text.lstrip(" ")
        if text:
            line.append(text)
            self._ends_blank = text.endswith(" ")
            self._said = self._said or not text.isspace()

    def _break(self, *, blank: bool = False, line: bool = False) -> None:
        """A new line: at a block if this one has words, at `<br>` always."""
        if self._said or line:
            self.lines.append("".join(self._line).rstrip(" ") if self._line else "")
        elif self._kept_open and self.lines and self.lines[-1]:
            self.lines.append("")
        if self._line:
            self._line = []
        if blank and self.lines and self.lines[-1]:
            self.lines.append("")
        self._ends_blank, self._said, self._kept_open = True, False, False


def _attribute(rest: str, name: str) -> str:
    for found in _VALUE.finditer(rest[:8000]):
        if found[1].lower() == name:
            return unescape(found[2] or found[3] or found[4] or "").strip()
    return ""
