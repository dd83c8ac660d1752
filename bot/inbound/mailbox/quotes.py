"""What somebody wrote themselves in a reply, and what their mail program repeated below (or above) it.

By structure rather than by words: quoted lines begin with `>`, what introduces them ends with a colon, and other
programs repeat the header of the mail as a block of `Name: value`. Where answers stand between quoted lines nothing
is taken away: only together do they make sense.
"""

import re
from dataclasses import dataclass

_RULE = re.compile(r"^\s*[-_]{5,}(?:[^-_\n]{0,60}[-_]{5,})?\s*$")
_FIELD = re.compile(r"^\s*\*?[^\s:：*][^:：*\n]{0,24}\*?\s*[:：]\*?\s*\S")
_ADDRESS = re.compile(r"[^\s<>\"]+@[^\s<>\"]+\.\w+")
_DATE_OR_ADDRESS = re.compile(r"\d|@|<")
_SIGNATURE = re.compile(r"^-- ?$")
_SENT_FROM = re.compile(
    r"^(?:sent from my\b|sent from outlook\b|get outlook for\b|von meinem .{1,30} gesendet|envoyé de mon\b"
    r"|发自我的|發自我的|从我的\s*\S+\s*发送|来自我的).{0,60}$",
    re.I,
)


@dataclass(frozen=True)
class Reply:
    """`own` is what they wrote, `quoted` what was taken away; together the whole, but for blank lines."""

    own: str
    quoted: str


def split(text: str) -> Reply:
    """Without anything to take away, or without words of their own, `own` is the whole text."""
    lines = text.replace("\r\n", "\n").replace("\u00a0", " ").split("\n")
    start = _start(lines)
    if start is None:
        return Reply(_trimmed(_unsigned(lines)) or _trimmed(lines), "")
    own, quoted = lines[:start], lines[start:]
    if not _trimmed(_unsigned(own)):  # they wrote below what they quote, or nothing
        rest = _below(quoted)
        if not _trimmed(_unsigned(rest)):
            return Reply("", _trimmed(lines))
        own, quoted = rest, quoted[: len(quoted) - len(rest)]
    return Reply(_trimmed(_unsigned(own)), _trimmed(quoted))


def _start(lines: list[str]) -> int | None:
    """Where the quotation begins, with the words that introduce it."""
    found = [one for one in (_repeated_header(lines), _marked(lines)) if one is not None]
    return min(found) if found else None


def _marked(lines: list[str]) -> int | None:
    """A run of `>` lines that nothing of their own follows, or that stands first of all."""
    marked = [n for n, line in enumerate(lines) if line.lstrip().startswith(">")]
    if not marked:
        return None
    first, last = marked[0], marked[-1]
    of_others = set(marked)
    between = any(lines[n].strip() and n not in of_others for n in range(first, last))
    after = _trimmed(_unsigned(lines[last + 1 :]))
    before = _trimmed(lines[: _introduced(lines, first)])
    if between or (after and before):
        return None  # answers between the quoted lines, or on both sides of them
    return _introduced(lines, first)


def _introduced(lines: list[str], first: int) -> int:
    """`On Tuesday, Ada wrote:` above a quotation, in whatever language: up to three lines, the last ends in a colon."""
    end = first
    while end and not lines[end - 1].strip():
        end -= 1
    if not end or not lines[end - 1].rstrip().endswith((":", "：")):
        return first
    start = end - 1
    while start and end - start < 3 and lines[start - 1].strip() and not _DATE_OR_ADDRESS.search(lines[start]):
        start -= 1
    while start and end - start < 3 and lines[start - 1].strip() and _begins_elsewhere(lines, start, end):
        start -= 1
    paragraph = " ".join(lines[start:end])
    return start if _DATE_OR_ADDRESS.search(paragraph) else end - 1


def _begins_elsewhere(lines: list[str], start: int, end: int) -> bool:
    """The introduction was wrapped: its date stands a line above its address."""
    above, here = lines[start - 1], " ".join(lines[start:end])
    return bool(re.search(r"\d", above)) and not re.search(r"\d{1,2}[:.]\d{2}|\d{4}", here)


def _repeated_header(lines: list[str]) -> int | None:
    """Three fields or more in a row, the first or second with an address, or a rule with words right above them."""
    following = [0] * (len(lines) + 1)  # fields in a row from here on
    for n in reversed(range(len(lines))):
        following[n] = following[n + 1] + 1 if _FIELD.match(lines[n]) else 0
    for n in range(len(lines)):
        if following[n] < 3:
            continue
        above = n - 1
        while above >= 0 and not lines[above].strip():
            above -= 1
        ruled = above >= 0 and bool(_RULE.match(lines[above]))
        if ruled or any(_ADDRESS.search(line) for line in lines[n : n + 2]):
            return above if ruled else n
    return None


def _below(quoted: list[str]) -> list[str]:
    """What stands below the last `>` line."""
    marked = [n for n, line in enumerate(quoted) if line.lstrip().startswith(">")]
    return quoted[marked[-1] + 1 :] if marked else []


def _unsigned(lines: list[str]) -> list[str]:
    """Without a signature (below `-- `) and without what a telephone adds."""
    for n, line in enumerate(lines):
        if _SIGNATURE.match(line) and n:
            lines = lines[:n]
            break
    end = len(lines)
    while end and (not lines[end - 1].strip() or _SENT_FROM.match(lines[end - 1].strip())):
        end -= 1
    return lines[:end]


def _trimmed(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")
