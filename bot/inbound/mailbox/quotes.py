"""What somebody wrote themselves in a reply, and what their mail program repeated below (or above) it.

Quoted lines begin with `>`; others are known by the words that introduce them. Where answers stand between quoted lines
nothing is taken away: only together do they make sense. A forward is the message itself. What may be theirs after all
(a quotation without marks, in which Outlook lets people answer) is told apart: staff find it folded below.
"""

import re
from dataclasses import dataclass

from bot.inbound.mailbox import introductions, notices

_LONGEST, _MOST_LINES = 300, 3000  # of a line, of a mail: what is longer was not written by hand, and stays
_LINE = re.compile(r"^[\s*]*[-_=]{3,}[\s*]*$")
_RULES = " \t\r>*_=-"
_MOST_TRIED = 80
"""Lines that look like the end of an introduction: who writes so many repeats nothing."""
_FIRST = 8
"""So many marked lines at most are looked at for what introduces them."""
_LONG_SIGNATURE = 8
_LONG_QUOTED = 60
_OPEN_LINK = re.compile(r"https?://\S{1,300}$")
_SIGNATURE = re.compile(r"^-- ?$")
_SENT_FROM = re.compile(
    r"^[\s*_(]*(?:(?:sent|get|composed) (?:from|via|with|by|using)"
    r" (?:my\b|outlook\b|mail\b|yahoo\b|samsung|gmail|\[?proton|.{1,40}https?://)"
    r"|sent (?:from|with|via|by) (?:the all new|an? (?:phone|mobile)|[A-Z]\w+(?:<\S+>)?\s*$)|get \[?outlook for\b|.{0,30}\boutlook\b.{0,30}https?://"
    r"|(?:von meinem|mit|von) .{1,40} gesendet|gesendet (?:von|mit|über)\b"
    r"|envoyé (?:de(?:puis)? mon\b|à partir d|avec\b|depuis\b)|enviado (?:desde|do|a partir|con|via)\b"
    r"|inviato da(?:l|lla)?\b|verzonden (?:vanaf|met|van|via)\b|verstuurd vanaf|skickat från|sendt fra"
    r"|lähetetty\b.{0,20}(?:puhelimesta|ipho|ipad)|wysłan[eo] z|odesláno z|poslano z|отправлено (?:из|с|от)\b"
    r"|надіслано з|στάλθηκε από|được gửi từ|dikirim dari"
    r"|发自我的|發自我的|[从從]我的\s*\S+(?: \S+)?\s*傳送|从我的\s*\S+\s*发送|来自我的|發自|发自).{0,90}$"
    r"|^.{0,30}(?:から送信|에서 보냄|phone['’]?\w* gönderildi)$",
    re.I,
)
_UNSEEN = re.compile(r"^[\sᐧ\u200b-\u200f\ufeff]*$")


@dataclass(frozen=True)
class Reply:
    """`own` is what they wrote, `quoted` what was taken away; together the whole, but for blank lines and signatures.

    `folded` is what of it may be theirs after all. `introduced`: something said that a quotation begins.
    """

    own: str
    quoted: str
    folded: str = ""
    introduced: bool = False


def split(text: str) -> Reply:
    """Without anything to take away, or without words of their own, `own` is the whole text."""
    lines = text.replace("\r\n", "\n").replace("\u00a0", " ").split("\n")
    seen = [line[:_LONGEST] for line in lines[:_MOST_LINES]]
    marked = [n for n, line in enumerate(seen) if _is_marked(line)]
    if len(lines) > _MOST_LINES and any(line.lstrip().startswith(">") for line in lines[_MOST_LINES:]):
        marked = []
    wrapped = _wrapped(seen, marked)
    marked = sorted([*marked, *wrapped])
    start = _start(seen, marked)
    if start is None:
        own, notice = notices.apart(_unsigned(lines))
        return Reply(_trimmed(own) or _trimmed(lines), "", _folded(notice, _signature(lines)))
    first, introduced = start
    own, quoted, tail = lines[:first], lines[first:], ["", *seen[marked[-1] + 1 :]] if marked else []
    if marked and marked[0] >= introduced and _is_one_run(seen, marked):
        rest = lines[marked[-1] + 1 :]
        if _trimmed(_unsigned(rest)) and _begins_with(seen, introduced, marked[0]):  # above and below, or below alone
            own, quoted, tail = [*own, *rest], lines[first : marked[-1] + 1], []
    if not _trimmed(_unsigned(own)):
        return Reply("", _trimmed(lines))
    sure = (
        not wrapped
        and _is_sure(seen, first, introduced, marked)
        and not _trimmed(_unsigned(tail))
        and not _signature(tail)
    )
    kept, notice = notices.apart(_unsigned(own))
    folded = _folded(notice, _signature(own), [] if sure else quoted)
    return Reply(_trimmed(kept), _trimmed(quoted), folded, sure or first < introduced)


def _wrapped(lines: list[str], marked: list[int]) -> list[int]:
    """Ends of long quoted lines that a program wrapped without a mark."""
    of_others = set(marked)
    behind = (n + 1 for n in marked if n + 1 not in of_others and n + 2 in of_others)
    return [n for n in behind if _goes_on(lines[n - 1].rstrip(), lines[n].rstrip())]


def _goes_on(line: str, below: str) -> bool:
    """In the midst of a sentence or of an address; whoever answers there answers a question."""
    if _OPEN_LINK.search(line):
        return bool(below) and " " not in below
    return len(line) >= _LONG_QUOTED and below[:1].islower() and not line.endswith(("?", "？", ":", "："))


def _is_sure(lines: list[str], first: int, introduced: int, marked: list[int]) -> bool:
    """Each line of it is marked, and something says that a quotation begins."""
    inside = [n for n in marked if n >= first]
    if not inside or not _is_one_run(lines, inside) or not _begins_with(lines, introduced, inside[0]):
        return False
    bare = [lines[n].lstrip("> \t") for n in inside[:_FIRST]]
    return first < inside[0] or any(_introduces(bare, n) for n in range(len(bare)))


def _introduces(lines: list[str], n: int) -> bool:
    line = lines[n]
    return (
        introductions.is_rule(line)
        or introductions.header_block(lines, n)
        or (introductions.ending_at(lines, n) is not None)
    )


def _signature(lines: list[str]) -> list[str]:
    """One so long that it may be no signature."""
    below = lines[len(_unsigned(lines)) :]
    return below if sum(1 for line in below if line.strip()) > _LONG_SIGNATURE else []


def _folded(*pieces: list[str]) -> str:
    return "\n\n".join(text for text in map(_trimmed, pieces) if text)


def _is_marked(line: str) -> bool:
    return line.lstrip().startswith(">") and not introductions.is_left_over(line)


def _start(lines: list[str], marked: list[int]) -> tuple[int, int] | None:
    """Where the quotation begins with the words that introduce it, and where these end; None if all is to stay."""
    introduction = _introduction(lines)
    if introduction is not None and introductions.is_forward(lines[introduction[0]]):
        return None
    run = _run_of_marks(lines, marked)
    if marked and run is None:
        before = (
            introduction is not None
            and introduction[1] <= marked[0]
            and _begins_with(lines, introduction[1], marked[0])
        )
        if introduction is None or before or introduction[0] > marked[0]:
            return None  # answers between the quoted lines
    found = [one for one in (introduction, run) if one is not None]
    return min(found) if found else None


def _introduction(lines: list[str]) -> tuple[int, int] | None:
    """The first introduction, header or forward that no mark stands before: its first line, and the one behind it."""
    tried = 0
    for n, line in enumerate(lines):
        if not line.strip(_RULES):
            continue
        if _is_marked(line):
            if introductions.is_forward(line):
                return n, n + 1
            continue
        if introductions.is_forward(line) or introductions.is_rule(line):
            return n, n + 1
        if introductions.header_block(lines, n):
            return _with_line_above(lines, n), n + 1
        tried += introductions.may_end(line.strip())
        if tried > _MOST_TRIED:
            return None
        if (start := introductions.ending_at(lines, n)) is not None:
            return _with_line_above(lines, start), n + 1
    return None


def _with_line_above(lines: list[str], start: int) -> int:
    above = start - 1
    while above >= 0 and start - above < 4 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and (_LINE.match(lines[above]) or introductions.is_title(lines[above])) else start


def _run_of_marks(lines: list[str], marked: list[int]) -> tuple[int, int] | None:
    """A run of `>` lines at the end, with or without an introduction, or an introduced one with words behind it."""
    if not marked or not _is_one_run(lines, marked):
        return None
    first, last = marked[0], marked[-1]
    start = _introduced(lines, first)
    if _trimmed(_unsigned(lines[last + 1 :])) and start == first:
        return None  # a few words quoted by hand, and the answer to them
    return start, first


def _introduced(lines: list[str], first: int) -> int:
    """Whatever ends in a colon right above quoted lines, and has a date or an address, introduces them."""
    end = first
    while end and first - end < 3 and not lines[end - 1].strip():
        end -= 1
    if not end or introductions.shares_its_line(lines[end - 1]):
        return first
    if (start := introductions.ending_at(lines, end - 1)) is not None or introductions.is_rule(lines[end - 1]):
        return _with_line_above(lines, start if start is not None else end - 1)
    if lines[end - 1].rstrip().endswith((":", "：")) and re.search(r"\d|@|<", " ".join(lines[max(0, end - 3) : end])):
        start = end - 1
        while start and end - start < 3 and lines[start - 1].strip() and not re.search(r"\d|@", lines[start]):
            start -= 1
        return start
    return first


def _is_one_run(lines: list[str], marked: list[int]) -> bool:
    of_others = set(marked)
    return all(n in of_others or not lines[n].strip() for n in range(marked[0], marked[-1]))


def _begins_with(lines: list[str], behind: int, first: int) -> bool:
    """Only blank lines stand between an introduction and the first mark."""
    return not any(line.strip() for line in lines[behind:first])


def _unsigned(lines: list[str]) -> list[str]:
    """Without a signature (below `-- `) and without what a telephone adds."""
    for n, line in enumerate(lines):
        if _SIGNATURE.match(line) and n:
            lines = lines[:n]
            break
    end = len(lines)
    while end and (
        _UNSEEN.match(lines[end - 1]) or _SENT_FROM.match(lines[end - 1][:_LONGEST]) or _LINE.match(lines[end - 1])
    ):
        end -= 1
    return lines[:end]


def _trimmed(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")
