"""MJML with Jinja anywhere into HTML with Jinja: every tag is masked as a word, mrml compiles, the words go back.

mrml alone breaks on `<` inside a tag and loses tags between elements; authors need no <mj-raw> this way.
"""

import re
from dataclasses import dataclass

import mrml

from bot.base import render_code

MASK = re.compile(r"jz(\d+)zj")
ELEMENT = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z][\w-]*)((?:\"[^\"]*\"|'[^']*'|[^>\"'])*?)(/?)>|jz\d+zj", re.S)
LONGEST = 200_000
"""Characters of a source. A mail of more than 102 KB is cut by its readers' programs anyway."""
_MOST_ELEMENTS = 3_000
_DEEPEST = 60  # mrml's stack does not end at a thousand, but it ends
_LONGEST_HTML = 600_000
_CAROUSEL = "<mj-carousel-image"
_MOST_PICTURES = 30  # of carousels, whose styles grow with the square of them
_INLINE = re.compile(r"<mj-style[^<>]*\sinline\b")
_MOST_INLINED = 200_000  # rules times elements
_MOST_REPEATED = 3_000_000  # characters of the longest tag times elements: a default of <mj-all> stands in each
# As ELEMENT reads them, but never back: where a tag does not end, the other patterns would look for its end for ever.
_ONE_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*+)(?:\"[^\"<]*+\"|'[^'<]*+'|[^<>\"'])*+>")
_ENDS_IN_SLASH = re.compile(r"/\s*>\Z")
VOID = frozenset({"br", "img", "hr", "meta", "link", "input", "col"})
# Elements whose content MJML passes through: a masked tag may stand there as it is.
PASSED_THROUGH = frozenset({
    "mj-text", "mj-button", "mj-table", "mj-raw", "mj-style", "mj-title", "mj-preview", "mj-navbar-link",
    "mj-accordion-title", "mj-accordion-text", "mj-social-element", "mj-html-attribute",
})  # fmt: skip
_STARTS = re.compile(r"<(?!/|!)[a-zA-Z][^<>]*>")
_BREAKABLE = re.compile(r" (?=(?:style|class|href|src)=\")")
_STYLE = re.compile(r"<style(?:(?!<style).)*?</style>", re.S)


class MjmlError(ValueError):
    """mrml refused the source, or we did before; the text is the reason, `line` where it is known."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Masked:
    """Source in which every Jinja tag is an opaque word; `kept` are the tags by number."""

    text: str
    kept: tuple[str, ...]

    def unmask(self, text: str) -> str:
        return MASK.sub(lambda word: self.kept[int(word[1])], text)

    def lost(self, text: str) -> list[str]:
        """The tags that stood in this text and do not stand in `text`; comments may go."""
        gone = {int(number) for number in MASK.findall(self.text)} - {int(number) for number in MASK.findall(text)}
        return [self.kept[n] for n in sorted(gone) if not self.kept[n].startswith("{#")]


def mask(source: str) -> Masked:
    kept: list[str] = []
    out: list[str] = []
    position = 0
    for start, end in render_code.tags(source):
        out += (source[position:start], f"jz{len(kept)}zj")
        kept.append(source[start:end])
        position = end
    return Masked("".join((*out, source[position:])), tuple(kept))


def blank(source: str) -> str:
    """The source with every Jinja tag painted over, each character in its old place: for reading positions."""
    out: list[str] = []
    position = 0
    for start, end in render_code.tags(source):
        out += (source[position:start], re.sub(r"[^\n]", "z", source[start:end]))
        position = end
    return "".join((*out, source[position:]))


def check(text: str) -> None:
    """Raises MjmlError for what mrml and our own patterns would take too long over, or die of. Takes linear time."""
    if len(text) > LONGEST:
        raise MjmlError(f"longer than {LONGEST:,} characters; readers see 102 KB of a mail")
    if text.count(_CAROUSEL) > _MOST_PICTURES:
        raise MjmlError(f"more than {_MOST_PICTURES} pictures in a carousel; use fewer")
    position, count, longest, still_open = 0, 0, 0, list[str]()
    while (position := text.find("<", position)) >= 0:
        if text.startswith("<!--", position):
            end = text.find("-->", position)
            if end < 0:
                raise MjmlError("a comment is never closed", _line(text, position))
            position = end + 3
            continue
        tag = _ONE_TAG.match(text, position)
        if tag is None and text[position + 1 : position + 3].strip("/")[:1].isalpha():
            raise MjmlError("a tag is never closed with >, or holds < in its quotes", _line(text, position))
        if tag is None and text[position + 1 : position + 2] in ("!", "?"):
            raise MjmlError("<! and <? are not allowed here, only <!-- comments -->", _line(text, position))
        position = tag.end() if tag else position + 1
        if tag:
            count, longest = count + 1, max(longest, len(tag[0]))
            _count(tag, count, still_open, text)
    if count * longest > _MOST_REPEATED:
        raise MjmlError("a very long tag in a very long mail; shorten the tag (a picture in it belongs on a server)")
    if _INLINE.search(text) and count * text.count("{") > _MOST_INLINED:
        raise MjmlError("too many inline styles for so many elements; use <mj-style> without inline")


def _count(tag: re.Match[str], count: int, still_open: list[str], text: str) -> None:
    if count > 2 * _MOST_ELEMENTS:
        raise MjmlError(f"more than {_MOST_ELEMENTS:,} elements; no mail has as many", _line(text, tag.start()))
    if tag[1]:
        if tag[2] in still_open:
            while still_open.pop() != tag[2]:
                pass
    elif not _ENDS_IN_SLASH.search(tag[0], max(0, len(tag[0]) - 20)) and tag[2].lower() not in VOID:
        still_open.append(tag[2])
        if len(still_open) > _DEEPEST:
            words = f"elements inside elements, more than {_DEEPEST} deep; write it flatter"
            raise MjmlError(words, _line(text, tag.start()))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def compiled(masked: Masked) -> tuple[str, list[str]]:
    """The HTML template and the Jinja tags that were lost on the way. Raises MjmlError."""
    check(masked.text)
    try:
        output = mrml.to_html(_between_elements_raw(masked.text))
    except Exception as error:  # mrml raises its own kind, which it does not export
        raise MjmlError(str(error)) from None
    if len(output.content) > _LONGEST_HTML:
        raise MjmlError(f"becomes more than {_LONGEST_HTML // 1000} KB of HTML; readers see 102 KB of a mail")
    # MJML's hidden preview is white on white, which SpamAssassin counts as hidden text; it is hidden anyway.
    html = output.content.replace("font-size:1px;color:#ffffff;", "font-size:1px;", 1)
    return masked.unmask(_foldable(html)), masked.lost(html)


def _between_elements_raw(masked: str) -> str:
    """A masked tag that stands between elements gets its own <mj-raw>."""
    out: list[str] = []
    position, passing, inside = 0, "", False
    for element in ELEMENT.finditer(masked):
        out.append(masked[position : element.start()])
        position = element.end()
        whole, closing, name, closed = element[0], element[1], (element[2] or "").lower(), element[4]
        if whole.startswith("jz"):
            out.append(whole if passing or not inside else f"<mj-raw>{whole}</mj-raw>")
            continue
        if name and not passing:
            if name in ("mj-body", "mj-head"):
                inside = not closing
            if name in PASSED_THROUGH and not closing and not closed:
                passing = name
        elif name == passing and closing:
            passing = ""
        out.append(whole)
    out.append(masked[position:])
    return "".join(out)


def _foldable(html: str) -> str:
    """Line breaks inside tags, where white space never shows, so that no line of the mail grows past 998.

    A line that would begin with a dot (CSS classes) gets a blank before it.
    """
    html = _STARTS.sub(lambda tag: _BREAKABLE.sub("\n", tag[0]), html)
    html = _STYLE.sub(lambda style: style[0].replace("} ", "}\n"), html)
    return re.sub(r"\n(?=[.@])", "\n ", html)
