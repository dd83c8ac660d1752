"""What machines report about mail of ours: bounced, late, arrived (RFC 3464), called spam (RFC 5965)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from typing import Literal

from bot import contacts
from bot.inbound.mailbox import bounce_words, charsets, headers, leaves, mime
from bot.inbound.mailbox.parsing import Mail
from bot.outbound.email import addresses

Verdict = Literal["hard", "policy", "soft", "delayed", "delivered"]

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_HARD = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (4, 4)})
_SENDERS = frozenset({("1", "7"), ("1", "8")})  # our own address is what they do not like
_SMTP_CODE = re.compile(r"(?<![\d.])([45])[0-5]\d(?=[ -]\D|[ -]\d\.)")
_OURS = re.compile(rb"(?:b\+|m\.)[a-zA-Z2-7]{20,40}(?:@[A-Za-z0-9.-]+)?")
_COMPLAINT = re.compile(r"complaint about message from [\d.:a-f]{3,45}", re.I)
_MOST_BLOCKS = 200
_NO_HARM = ("not-spam", "auth-failure", "dmarc", "dkim")


@dataclass(frozen=True)
class Bounce:
    """What one report says about one message. `status` is the enhanced code or empty, `words` those of the server."""

    verdict: Verdict
    status: str
    words: str


def bounce(mail: Mail) -> Bounce | None:
    """What a delivery report says; None if this is none, or says nothing that we know what to do about.

    Of several receivers (a list behind the address) the worst fate counts.
    """
    found = [one for part in _own_parts(mail.message) if _is_status(part) for one in _fates(part)]
    if not found:
        return None
    order: list[Verdict] = ["hard", "policy", "soft", "delayed", "delivered"]
    worst = min(found, key=lambda one: order.index(one.verdict))
    if worst.verdict == "soft" and not worst.words and worst.status.endswith(".0.0"):  # it says less than its letter
        text = bounce_words.before_what_came_back(mail.text)
        if not worst.status.startswith("4") and bounce_words.meaning(text) == "hard":
            worst = replace(worst, verdict="hard", words=text.strip()[:300])
    return _doubted(worst, mail.text)


def is_delivery_report(mail: Mail) -> bool:
    return any(_is_status(part) for part in _own_parts(mail.message))


def is_receipt(mail: Mail) -> bool:
    """Somebody's program tells that a mail was read, or deleted (RFC 8098)."""
    parts = (part.get_content_type() for part in _own_parts(mail.message))
    return mail.message.get_content_type() == "multipart/report" and "message/disposition-notification" in parts


def told_in_words(mail: Mail, *, daemon: bool) -> Bounce | None:
    """A bounce without a part for machines: of a mail server, or in a mail without a return path that says so."""
    text = bounce_words.before_what_came_back(mail.text)
    failed = mail.header("X-Failed-Recipients")
    found = _STATUS.search(text)
    code = _SMTP_CODE.search(text)
    meant = bounce_words.meaning(text) or bounce_words.meaning(mail.subject)
    named = bool(failed) or bounce_words.is_bounce(mail.subject)
    late = bounce_words.is_late(mail.subject, text)
    if not named and not (daemon and (found or code or meant or late or bounce_words.is_undelivered(text))):
        return None
    words = _line_with(text, found or code)
    if late:
        return Bounce("delayed", found[0] if found else "", words)
    if found or code:
        meant = bounce_words.meaning(words) or meant
    told = Bounce(_verdict(found, meant, code), found[0] if found else "", words or text.strip()[:300])
    return _doubted(told, text)


def _doubted(told: Bounce, text: str) -> Bounce:
    """An address that was taken, and whose mail was refused then, is there. One that was not heard is not known."""
    if told.verdict == "hard" and bounce_words.before_receiver(text):
        return replace(told, verdict="policy")
    if told.verdict == "hard" and not told.status.startswith("5.1.") and bounce_words.after_data(text):
        return replace(told, verdict="soft")
    return told


def complaint(mail: Mail) -> bool | None:
    """Whether somebody called our mail spam; None if this is no feedback report at all."""
    for part in _own_parts(mail.message):
        if part.get_content_type() == "message/feedback-report":
            fields = next(_blocks(part), None)
            kind = (headers.first(fields, "Feedback-Type") if fields is not None else "").lower()
            return not kind.startswith(_NO_HARM)
    whole = any(part.get_content_type() == "message/rfc822" for part in _own_parts(mail.message))
    return True if whole and _COMPLAINT.fullmatch(mail.subject) else None  # as Hotmail tells of it


def about(mail: Mail, raw: bytes, secret: str) -> int | None:
    """The message of ours that a report is about, by what only we can have signed: return path, Message-ID, envelope.

    They are looked for wherever they stand: mail servers differ in what they give back, and feedback loops take out
    the receiver.
    """
    for address in mail.to:
        if (found := addresses.bounced(address, secret)) is not None:
            return found
    decoded = [leaves.content(part).encode() for part in leaves.parts(mail.message) if _is_words(part)]
    for text in (raw, *decoded):
        for word in _OURS.findall(text):
            if (found := _signed(word.decode("ascii"), secret)) is not None:
                return found
    return None


def _signed(word: str, secret: str) -> int | None:
    for known in (addresses.bounced, addresses.named, addresses.enveloped):
        if (found := known(word, secret)) is not None:
            return found
    return None


def _own_parts(message: Message) -> Iterator[Message]:
    """Without what stands in a mail that was forwarded whole: a report in there is told of, not made."""
    yield message
    payload = message.get_payload()
    if isinstance(payload, list) and message.get_content_type() != "message/rfc822":
        for part in payload:
            if isinstance(part, Message):
                yield from _own_parts(part)


def _is_status(part: Message) -> bool:
    return part.get_content_type() in ("message/delivery-status", "message/global-delivery-status")


def _is_words(part: Message) -> bool:
    return part.get_content_maintype() == "text" and not part.is_multipart()


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a report: about the message, then about each receiver."""
    text = charsets.text(leaves.decoded(part), None).replace("\r\n", "\n").strip()
    for block in re.split(r"\n[ \t]*\n+", text, maxsplit=_MOST_BLOCKS)[:_MOST_BLOCKS]:
        yield mime.fields(block)


def _fates(part: Message) -> Iterator[Bounce]:
    for block in _blocks(part):
        action = headers.first(block, "Action").split(" ")[0].lower()
        if not action:
            continue  # about the whole message, or no report of a delivery (RFC 3834)
        words = headers.first(block, "Diagnostic-Code").partition(";")[2].strip()
        status = _STATUS.search(headers.first(block, "Status")) or _STATUS.search(words)
        verdict: Verdict | None = None
        if action in ("delivered", "relayed", "expanded"):
            verdict = "delivered"
        elif action == "delayed":
            verdict = "delayed"
        elif action == "failed":
            better = _STATUS.search(words)  # `5.0.0` in the report, and the server's own code beside it
            if status and better and status[0].endswith(".0.0"):
                status = better
            verdict = _verdict(status, bounce_words.meaning(words), _SMTP_CODE.search(words), words)
        if verdict is not None:
            yield Bounce(verdict, status[0] if status else "", words[:300])


def _verdict(
    status: re.Match[str] | None, meant: bounce_words.Meaning | None, code: re.Match[str] | None, words: str = ""
) -> Verdict:
    """The server's own code and words win over what others made of them; without any it is for the moment."""
    if status is not None and (status[2], status[3]) in _SENDERS:
        return "policy"
    own = [one for one in _STATUS.finditer(words) if one[2] != "0"]
    if own and _by_status(own[-1]) == "policy" and meant != "hard":
        return "policy"
    passing = (status[1] if status else code[1] if code else "5") == "4"
    if meant == "hard":
        if own and int(own[-1][2]) == 7 and status is not None and status[0] != own[-1][0]:
            return "policy"  # a mail server on the way called it an unknown address, the last one did not
        return "soft" if passing and not (status and status[2] == "1") else "hard"
    if meant == "policy":
        return "policy"
    if status is None:
        return "soft"
    return "soft" if meant == "soft" and not passing and _by_status(status) == "hard" else _by_status(status)


def _by_status(status: re.Match[str]) -> Verdict:
    """RFC 3463: whether the address is at fault, our mail or reputation, or the moment."""
    subject, detail = int(status[2]), int(status[3])
    if status[1] == "4":
        return "policy" if subject == 7 else "soft"
    if (subject, detail) in _HARD:
        return "hard"
    return "policy" if subject in (2, 3, 6, 7) else "soft"


def _line_with(text: str, found: re.Match[str] | None) -> str:
    if found is None:
        return ""
    start = text.rfind("\n", 0, found.start()) + 1
    line, _, after = text[start : found.end() + 300].partition("\n")
    if line.rstrip().endswith((":", ",", ";")) and after[:1] in " \t":  # goes on in the next
        line = f"{line} {after.partition(chr(10))[0].strip()}"
    return line[:300]


def address_of(receiver: str) -> str | None:
    """The bare address of an outbox row's receiver: `ada@example.org`, or `email:ada@example.org#lane`."""
    return contacts.normalise("email", receiver.removeprefix("email:").partition("#")[0])
