"""The plain-text template of a mail, made once from its MJML source with the Jinja tags still in it.

From the source, not from the HTML: no layout tables to see through, and nothing is parsed per recipient. A link of
class `plain` gives only its words: pictures and names that lead where a button leads anyway.
"""

import re
from html.parser import HTMLParser

from bot.outbound.email.mjml import MASK, Masked

_SILENT = frozenset({"mj-head", "style", "script", "mj-style"})
_APART = frozenset({"mj-text", "mj-button", "mj-table", "mj-section", "h1", "h2", "h3", "h4", "p", "ul", "ol", "table"})
_LINES = frozenset({"tr", "div", "li"})
_LINKS = frozenset({"a", "mj-button", "mj-social-element", "mj-navbar-link"})
_STATEMENTS_ALONE = re.compile(r"^[ ]*((?:jz\d+zj[ ]*)+)\n", re.M)


def text_template(masked: Masked) -> str:
    """The text as a Jinja template (rendered with trim_blocks off)."""
    writer = _Writer()
    writer.feed(masked.text)
    writer.close()
    text = "".join(writer.out)
    text = "\n".join(line.strip(" ") for line in text.split("\n"))
    text = re.sub(r" {3,}", "  ", text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return masked.unmask(_STATEMENTS_ALONE.sub(lambda line: _without_line(line, masked), text))


def tidy(rendered: str) -> str:
    """What loops and conditions left: no blanks around line ends, never more than one empty line."""
    lines = (line.strip(" \t") for line in rendered.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _without_line(line: re.Match[str], masked: Masked) -> str:
    """A statement alone on its line takes the line with it; a value alone on its line is content."""
    tags = [masked.kept[int(number)] for number in MASK.findall(line[1])]
    return line[1].replace(" ", "") if all(tag.startswith(("{%", "{#")) for tag in tags) else line[0]


class _Writer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._silent = 0
        self._open: list[tuple[str | None, int]] = []
        self._cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        if self._silent:
            return
        if tag in ("mj-divider", "hr"):
            self.out.append("\n\n---\n\n")
        elif tag == "br":
            self.out.append("\n")
        elif tag in ("td", "th"):
            self.out.append("  " if self._cells else "")
            self._cells += 1
        self._break(tag)
        if tag == "li":
            self.out.append("- ")
        if tag == "tr":
            self._cells = 0
        if tag in _LINKS:
            given = dict(attrs)
            plain = "plain" in (given.get("class") or "").split()
            self._open.append((None if plain else given.get("href"), len(self.out)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
            return
        if self._silent:
            return
        if tag in _LINKS and self._open:
            target, start = self._open.pop()
            label = "".join(self.out[start:]).strip()
            if target and label and target != label:
                self.out.append(f":\n{target}" if tag == "mj-button" else f" ({target})")
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.out.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in _APART:
            self.out.append("\n\n")
        elif tag in _LINES:
            self.out.append("\n")
