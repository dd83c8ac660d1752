"""Headers of foreign mails, whatever is wrong with them: words decoded, addresses bare, Message-IDs by themselves."""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from itertools import islice

from bot import contacts
from bot.inbound.mailbox import charsets

_MOST, _LONGEST = 50, 20_000  # headers of one name, characters of one: nobody's mail has more
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)(?:\?=|$)")
_BETWEEN = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_MOST_ADDRESSES = 200
_PIECE = re.compile(r'"(?:[^"\\]|\\.){0,300}+"|<[^<>]*+>|\([^()]*+\)|[,;]|[^",;<(]++|.', re.S)
_ADDRESS = re.compile(r"(?<![^\s<>\"()\[\]:])[^\s<>\"()\[\],;:@]{1,64}@[^\s<>\"()\[\],;:@]{1,255}")
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,250})>")


def every(message: Message, *names: str, charset: str | None = None) -> Iterator[str]:
    """The values of these headers as text in one line, encoded words left as they are."""
    wanted = {name.lower() for name in names}
    found = (value for name, value in message.raw_items() if name.lower() in wanted)
    for value in islice(found, _MOST):
        yield plain(str(value)[:_LONGEST], charset)


def first(message: Message, name: str, charset: str | None = None) -> str:
    return next(every(message, name, charset=charset), "")


def plain(value: object, charset: str | None = None) -> str:
    """A raw header in one line; bytes that nobody announced are read like the mail's words, or guessed."""
    raw = str(value).encode("utf-8", "surrogateescape")
    return " ".join(charsets.text(raw, None, charset).split())


def words(value: str) -> str:
    """A header with its encoded words (RFC 2047) decoded; a character may be cut in two between two of them."""
    value = _BETWEEN.sub(r"\1", value)
    out: list[str] = []
    at, held, charset = 0, b"", ""
    for found in _WORD.finditer(value):
        if held and (found.start() > at or found[1].lower() != charset):
            out.append(charsets.text(held, charset))
            held = b""
        out.append(value[at : found.start()])
        charset = found[1].partition("*")[0].lower()
        held += _word(found[2], found[3])
        at = found.end()
    if held:
        out.append(charsets.text(held, charset))
    out.append(value[at:])
    return " ".join("".join(out).split())


def charset_said(message: Message) -> str | None:
    """In which encoding the subject and the names are, if they say so."""
    said = (found[1] for value in every(message, "Subject", "From") for found in _WORD.finditer(value))
    return next((one.partition("*")[0] for one in said), None)


def _word(how: str, text: str) -> bytes:
    if how in "qQ":
        return quopri.decodestring(text.replace("_", " ").encode("utf-8", "replace"), header=True)
    try:
        whole = text[: len(text) // 4 * 4] if len(text.rstrip("=")) % 4 == 1 else text  # it was cut
        return base64.b64decode(whole + "=" * (-len(whole) % 4))
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


def addresses(values: Sequence[str]) -> list[tuple[str, str]]:
    """`(name, address)` of every mailbox that can be read as people would, the address normalised."""
    found = list(islice((one for value in values for one in _mailboxes(value)), _MOST_ADDRESSES))
    if not found:  # some programs encode the address with the name
        found = [one for value in values if "=?" in value for one in _mailboxes(words(value))]
    known = [(_name(name), contacts.normalise("email", address)) for name, address in found[:_MOST_ADDRESSES]]
    return [(name[:100], address) for name, address in known if address is not None]


def _mailboxes(value: str) -> Iterator[tuple[str, str]]:
    """Parted at commas that stand in no quotes, brackets or comments."""
    named: list[str] = []
    angled = ""
    for piece in _PIECE.findall(f"{value},"):
        if piece in ",;":
            if angled or any("@" in one for one in named):
                yield _mailbox(named, angled)
            named, angled = [], ""
        elif piece.startswith("<") and "@" in piece:
            angled = piece
        else:
            named.append(piece)


def _mailbox(named: list[str], angled: str) -> tuple[str, str]:
    text = "".join(named)
    bare = _ADDRESS.search(angled.replace(" ", "")) or _ADDRESS.search(text.replace('"@', "@"))
    address = bare[0] if bare else ""
    name = text if angled else text.replace(address, " ")
    return name, address.removeprefix("mailto:").strip("'.")


def _name(raw: str) -> str:
    name = words(re.sub(r"\\(.)", r"\1", raw.replace('"', "") if '"' in raw else raw)).strip(" ,;<>")
    if name.startswith(("(", "'")) and name.endswith((")", "'")):
        name = name[1:-1].strip()
    return "" if "@" in name and " " not in name else name


def message_ids(value: str) -> list[str]:
    return _MESSAGE_ID.findall(value)
