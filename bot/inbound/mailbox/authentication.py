"""Whether the shop's own mail server says that a mail is of the domain in its From (RFC 8601).

Anybody can write `Authentication-Results` into a mail. Believed is what stands topmost and names a server that the
configuration trusts: servers write above what they were given.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message

from bot.inbound.mailbox import headers
from bot.inbound.mailbox.parsing import Mail

_HEADER = "authentication-results"
_MOST, _LONGEST = 20, 10_000  # headers and characters of one: no server writes more
_METHODS = ("dkim", "dmarc")
_SPACED = re.compile(r"\s*([=/])\s*")


@dataclass(frozen=True)
class Verdict:
    """What a server found by one method. `properties` are such as `header.d`, in lower case."""

    method: str
    result: str
    properties: Mapping[str, str]


_UNREADABLE = Verdict("dmarc", "", {})
"""Of a header that cannot be taken apart: it is the server's all the same, and what stands below it is not."""


def proves_sender(mail: Mail, servers: Collection[str]) -> bool:
    """Whether a trusted server found that the domain of the only address in From stands for this mail.

    Not that this very person wrote it: whoever may write for the domain may write any name before the @.
    """
    senders = headers.addresses(list(headers.every(mail.message, "From")))
    if not servers or not mail.sender or len(senders) != 1 or _count(mail.message, "from") != 1:
        return False
    domain = mail.sender.partition("@")[2]
    for verdicts in _written_by(mail.message, {one.lower() for one in servers}):
        # The first that looked at all: below it may stand what the sender wrote in the server's name.
        if known := [one for one in verdicts if one.method in _METHODS]:
            return _pass(known, domain)
    return False


def _count(message: Message, name: str) -> int:
    return sum(known.lower() == name for known, _value in message.raw_items())


def _written_by(message: Message, servers: Collection[str]) -> Iterator[Sequence[Verdict]]:
    """The results of the topmost headers of these servers, one after another without any other header between."""
    begun = False
    found = ((name.lower(), str(value)) for name, value in message.raw_items())
    for number, (name, value) in enumerate(one for one in found if begun or one[0] == _HEADER):
        if name != _HEADER or number >= _MOST:
            return
        server, verdicts = _read(headers.plain(value[:_LONGEST]))
        if server in servers:
            begun = True
            yield verdicts
        elif begun:
            return


def _pass(verdicts: Sequence[Verdict], domain: str) -> bool:
    """DMARC has the last word; without it a signature must be of the domain in From, or of one above it."""
    dmarc = [one for one in verdicts if one.method == "dmarc"]
    if dmarc:
        return all(one.result == "pass" and one.properties.get("header.from") == domain for one in dmarc)
    return any(one.result == "pass" and _stands_for(one, domain) for one in verdicts)


def _stands_for(verdict: Verdict, domain: str) -> bool:
    signed = verdict.properties.get("header.d") or verdict.properties.get("header.i", "").rpartition("@")[2]
    return "." in signed and (domain == signed or domain.endswith(f".{signed}"))


def _read(value: str) -> tuple[str, list[Verdict]]:
    """The id of the server and its results; what is no result is left out."""
    text, whole = _without_comments(value)
    server, *results = text.split(";")
    words = server.split()
    found = [one for text in results if (one := _verdict(text)) is not None]
    return words[0].lower() if words else "", found if whole else [_UNREADABLE]


def _verdict(text: str) -> Verdict | None:
    plain = " ".join(text.lower().split())  # where comments stood, blanks lie side by side
    words = [word.partition("=") for word in _SPACED.sub(r"\1", plain).split()]
    if not words or not words[0][1]:
        return None
    method = words[0][0].partition("/")[0]
    properties = {name: value.rstrip(".") for name, _sign, value in words[1:]}
    # A server says each thing once, and nothing else: what is more came with a name that a sender chose.
    plainly = len(properties) == len(words) - 1 and all(sign for _name, sign, _value in words)
    return Verdict(method, words[0][2] if plainly else "", properties)


def _without_comments(value: str) -> tuple[str, bool]:
    """Comments gone, and of quoted words the signs that would part results: a sender chose some of them. And whether
    every quote and comment ends: a domain may be called `shop.example(.evil.example`, and a reader who took the rest
    for a comment would see another one.
    """
    out: list[str] = []
    depth, quoted, escaped, whole = 0, False, False, True
    for sign in value:
        if escaped:
            escaped = False
        elif sign == "\\" and (quoted or depth):
            escaped = True
            continue
        elif quoted:
            quoted = sign != '"'
            if not quoted:
                continue
        elif sign == '"':
            quoted = True
            continue
        elif sign in "()":
            if sign == "(" and not depth and out and not (out[-1].isspace() or out[-1] in ";=/"):
                out.append(sign)  # it stands in the middle of a word, which is none that we look for
            depth += 1 if sign == "(" else -1
            whole, depth = whole and depth >= 0, max(0, depth)
            continue
        if not depth:
            out.append("_" if quoted and (sign.isspace() or sign in ";=") else sign)
    return "".join(out), whole and not depth and not quoted
