"""Mails as programs of people and machines write them, each with what a person who reads it would say that it is.

Beside them stands `expected.toml`: `kind`, `subject`, `own` (what staff read at once), `quoted` (words that nobody need
read again) or `folded` (what may be the customer's after all), `files` by name, `ours = false` for reports about mails
of others.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import make
import pytest

from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.mailbox import understanding
from bot.inbound.mailbox.kinds import Found
from bot.inbound.mailbox.patience import Patience
from bot.outbound.email import addresses

MAILS = Path(__file__).parent / "mails"
EXPECTED: dict[str, dict[str, Any]] = {
    f"{file.parent.name}/{name}": told
    for file in sorted(MAILS.glob("*/expected.toml"))
    for name, told in tomllib.loads(file.read_text(encoding="utf-8")).items()
}
ABOUT, BOUNCES = 7, "bounce.shop.example"
_KINDS = {"person": "shopper", "no_reply": "shopper", "automatic": "auto reply", "delayed": "late"}


@pytest.fixture
def ground(texts: Texts) -> Ground:
    mail = {"from": "Juniper & Oak <help@shop.example>", "from_marketing": "news@shop.example"}
    return make.ground(texts, mail={**mail, "bounce_domain": BOUNCES})


def test_every_mail_has_its_end() -> None:
    assert {f"{file.parent.name}/{file.stem}" for file in MAILS.glob("*/*.eml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mail_is_read_as_a_person_reads_it(ground: Ground, name: str) -> None:
    told, raw = EXPECTED[name], _sent(name, ground.secret)
    understood = understanding.look(raw, ground, Patience(60))
    assert _kind(understood.found) == told["kind"]
    assert understood.mail.subject == told["subject"]
    if told["kind"] == "shopper":
        assert [one.name for one in understood.mail.attachments] == told.get("files", [])
        assert _tidy(understood.own) == _tidy(told["own"])
        for hidden in (told.get("quoted"), told.get("folded")):
            assert hidden is None or hidden in understood.mail.text
        assert told.get("folded", "") in understood.folded
    elif told["kind"] not in ("auto reply", "unsubscribe"):
        assert understood.found.about_id == (ABOUT if told.get("ours", True) else None)


def _sent(name: str, secret: str) -> bytes:
    """As it travels, about a message that we sent."""
    marks = {
        b"@@BOUNCE@@": addresses.return_path(ABOUT, secret, BOUNCES),
        b"@@MESSAGE@@": addresses.message_name(ABOUT, secret, "shop.example"),
        b"@@UNSUBSCRIBE@@": addresses.unsubscribe_address(ABOUT, secret, BOUNCES),
    }
    raw = (MAILS / f"{name}.eml").read_bytes()
    for mark, address in marks.items():
        raw = raw.replace(mark, address.encode())
    return raw.replace(b"\n", b"\r\n")


def _kind(found: Found) -> str:
    if found.bounce is not None and found.kind == "bounce":
        return "bounce hard" if found.bounce.verdict == "hard" else "bounce soft"
    return _KINDS.get(found.kind, found.kind)


def _tidy(text: str) -> str:
    """Blank lines and blanks at the ends of lines say nothing."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")
