"""MJML with Jinja anywhere into HTML with Jinja: every tag is masked as a word, mrml compiles, the words go back.

mrml alone breaks on `<` inside a tag and loses tags between elements; authors need no <mj-raw> this way.
"""

import re
from dataclasses import dataclass

import mrml

JINJA = re.compile(r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)
MASK = re.compile(r"jz(\d+)zj")
ELEMENT = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z][\w-]*)((?:\"[^\"]*\"|'[^']*'|[^>\"'])*?)(/?)>|jz\d+zj", re.S)
# Elements whose content MJML passes through: a masked tag may stand there as it is.
PASSED_THROUGH = frozenset({
    "mj-text", "mj-button", "mj-table", "mj-raw", "mj-style", "mj-title", "mj-preview", "mj-navbar-link",
    "mj-accordion-title", "mj-accordion-text", "mj-social-element", "mj-html-attribute",
})  # fmt: skip
_STARTS = re.compile(r"<(?!/|!)[a-zA-Z][^<>]*>")
_BREAKABLE = re.compile(r" (?=(?:style|class|href|src)=\")")
_STYLE = re.compile(r"<style.*?</style>", re.S)


class MjmlError(ValueError):
    """mrml refused the source; the text is its reason."""


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

    def word(tag: re.Match[str]) -> str:
        kept.append(tag[0])
        return f"jz{len(kept) - 1}zj"

    return Masked(JINJA.sub(word, source), tuple(kept))


def blank(source: str) -> str:
    """The source with every Jinja tag painted over, each character in its old place: for reading positions."""
    return JINJA.sub(lambda tag: re.sub(r"[^\n]", "z", tag[0]), source)


def compiled(masked: Masked) -> tuple[str, list[str]]:
    """The HTML template and the Jinja tags that were lost on the way. Raises MjmlError."""
    try:
        output = mrml.to_html(_between_elements_raw(masked.text))
    except Exception as error:  # mrml raises its own kind, which it does not export
        raise MjmlError(str(error)) from None
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
