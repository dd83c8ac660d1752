"""Files as marketers get them wrong, each beside the right one that it replaces."""

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

HEAD = '+++\nsubject = "Hello {{ customer.first_name }}"\npreheader = "News for you"\n+++\n'
BODY = """<mjml>
  <mj-body>
    <mj-section><mj-column>
      <mj-text>Hello again</mj-text>
      <mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""
FLOW = """title = "Right"
about = "cart"
priority = "cart"
[trigger]
events = ["Product Added"]
[enrol]
key = "NAME:{cart_id}"
[[steps]]
id = "rest"
wait = "1h"
[[steps]]
id = "first"
send = "abandoned_cart"
"""
SEGMENT = 'title = "Right"\n[[all]]\ntag = "tea"\n'
BROADCAST = 'title = "Right"\nsegment = "subscribers"\nsend = "newsletter"\n'
TEXT = """msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8"

msgid "order.confirm"
msgstr "Right: {number}?"
"""
ANSWER = """[[answer]]
id = "NAME"
title = "Right"
phrasings = ["does NAME squeak"]
answer = "Hello {{ first_name }}"
"""
MACRO = """actions = ["close"]
[en]
title = "Right"
text = "Hello {{ shopper.first_name }}"
"""
DRILL = """target = "30s"
[en]
title = "Right"
shopper = "Mia"
says = ["Where is it?"]
model = "Here."
[[en.points]]
name = "Says where"
phrases = ["here"]
"""
CARE = """[NAME]
name = "Right"
words = ["NAME"]
basics = ["Keep it dry."]
"""
CHAT = """+++
button = "To your cart"
url = "{{ cart.url }}"
shows = ["cart"]
+++
Right, {{ customer.first_name }}
"""
PAGE = """{% extends "base.html" %}
{% block title %}Right{% endblock %}
{% block content %}
<h1>{{ say("order.confirm", number=7) }} {{ shop.name }}</h1>
{% endblock %}
"""
YEAR = date.today().year + 1  # noqa: DTZ011 - holidays of the year to come, whatever zone
HOLIDAYS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Right//EN
BEGIN:VEVENT
UID:NAME
SUMMARY:Right
DTSTART;VALUE=DATE:YEAR01DAY
END:VEVENT
END:VCALENDAR
"""
RIGHT = {
    "template": HEAD + BODY, "flow": FLOW, "segment": SEGMENT, "broadcast": BROADCAST, "text": TEXT, "answer": ANSWER,
    "macro": MACRO, "drill": DRILL, "care": CARE,
    "chat": CHAT, "page": PAGE, "holidays": HOLIDAYS,
}  # fmt: skip
_LOCALES = ("de", "fr", "es", "it", "nl", "pl", "sv", "da", "fi", "cs", "pt", "hu")
_LANGUAGES = ("en", "zh_CN")
_PAGES = ("gone", "confirm", "rating", "survey", "unsubscribe", "preferences", "sign_up")
_IN_FOLDERS = ("flow", "segment", "broadcast")


@dataclass(frozen=True)
class Wrong:
    """What somebody saves: `old` becomes `new`, found at `line` (0: somewhere) with these `words`."""

    kind: str
    what: str
    old: str
    new: str
    line: int
    words: str

    @property
    def right(self) -> str:
        return RIGHT[self.kind]

    @property
    def place(self) -> tuple[int, int]:
        """Which of its kind it is: the room and the number in it. Of some kinds a folder has few files."""
        number = [one for one in KINDS if one.kind == self.kind].index(self)
        return divmod(number, len(_LANGUAGES)) if self.kind in ("answer", "care") else (0, number)

    def file(self, folder: Path, number: int) -> Path:
        if self.kind == "holidays":
            return folder / f"own_{number}.ics"
        if self.kind in _IN_FOLDERS:
            return folder / f"{self.kind}s" / f"own_{number}.toml"
        nth = self.place[1]
        return (
            folder
            / "templates"
            / {
                "template": f"email/own_{number}/en.mjml",
                "text": f"locale/{_LOCALES[nth % len(_LOCALES)]}.po",
                "answer": f"answers/{_LANGUAGES[nth % len(_LANGUAGES)]}.toml",
                "macro": f"macros/own_{number}.toml",
                "drill": f"drills/own_{number}.toml",
                "chat": f"chat/own_{number}/en.txt",
                "page": f"pages/{_PAGES[nth % len(_PAGES)]}.html",
                "care": f"care/{_LANGUAGES[nth % len(_LANGUAGES)]}.toml",
            }[self.kind]
        )

    def text(self, number: int) -> bytes:
        return self._named(self.right, number).encode()

    @property
    def day(self) -> date:
        """Of a file with holidays."""
        return date(YEAR, 1, 1 + self.place[1])

    def _named(self, text: str, number: int) -> str:
        for word, value in (("NAME", f"own_{number}"), ("YEAR", str(YEAR)), ("DAY", f"{self.day:%d}")):
            text = text.replace(word, value)
        return text

    def wrong(self, number: int) -> bytes:
        right = self.right
        assert self.old in right, self.what
        text = self._named(right.replace(self.old, self.new, 1), number)
        return text.encode("latin-1" if "ü" in self.new else "utf-8")


_T, _F, _S, _B = "template", "flow", "segment", "broadcast"
HELLO, NAMED = "Hello again", "customer.first_name"
KINDS = (
    Wrong(_T, "misspelt value", HELLO, "Hi {{ customer.frist_name }}", 8, "did you mean first_name"),
    Wrong(_T, "value of nobody", HELLO, "Hi {{ nickname }}", 8, "nickname is not a value"),
    Wrong(_T, "misspelt value in the subject", NAMED, "customer.frist_name", 2, "did you mean first_name"),
    Wrong(_T, "an if without its end", HELLO, "{% if customer %}Hi", 0, "endif"),
    Wrong(_T, "unknown filter", HELLO, "{{ customer.name | capitalise }}", 8, "capitalise"),
    Wrong(_T, "an element left open", HELLO + "</mj-text>", HELLO, 0, "mj-text"),
    Wrong(_T, "an element that does not exist", "<mj-text>Hello again</mj-text>", "<mj-txt>Hi</mj-txt>", 8, "mj-txt"),
    Wrong(_T, "a picture without words", HELLO, 'x <img src="https://shop.example/a.png" />', 8, "alt"),
    Wrong(_T, "no front matter", "+++\nsubject", "subject", 1, "front matter"),
    Wrong(_T, "a quote left open", 'preheader = "News for you"', 'preheader = "News for you', 3, "TOML"),
    Wrong(_T, "unknown key", "preheader", "preheder", 3, "preheder"),
    Wrong(_T, "no way to unsubscribe", "{{ unsubscribe_url }}", "https://shop.example", 0, "unsubscribe"),
    Wrong(_T, "a part that is not there", "<mjml>", '<mjml><mj-include path="../_nothing.mjml" />', 5, "not there"),
    Wrong(_T, "not UTF-8", HELLO, "Grüße", 8, "UTF-8"),
    Wrong(_T, "cannot be computed", HELLO, "{{ 1 // 0 }}", 8, "cannot be written"),
    Wrong(_F, "a quote left open", '"Right"', '"Right', 1, "TOML"),
    Wrong(_F, "unknown key", "send =", "sent =", 13, "did you mean send"),
    Wrong(_F, "misspelt event", "Product Added", "Product Addded", 5, "did you mean 'Product Added'"),
    Wrong(_F, "no such template", "abandoned_cart", "abandoned_card", 13, "did you mean abandoned_cart"),
    Wrong(_F, "an id twice", 'id = "first"', 'id = "rest"', 12, "used twice"),
    Wrong(_F, "no duration", '"1h"', '"soon"', 10, "wait"),
    Wrong(_F, "leads nowhere", 'wait = "1h"', 'wait = "1h"\nnext = "frist"', 11, "did you mean first"),
    Wrong(_F, "no such segment", 'events = ["Product Added"]', 'segment = "vips"', 5, "did you mean vip"),
    Wrong(_F, "unknown condition", "[enrol]", 'when = ["has_chart"]\n[enrol]', 6, "unknown condition"),
    Wrong(_F, "nothing starts it", 'events = ["Product Added"]', "events = []", 4, "started by one of"),
    Wrong(_F, "not UTF-8", "Right", "Grüße", 1, "UTF-8"),
    Wrong(_S, "a bracket left open", "[[all]]", "[[all", 2, "TOML"),
    Wrong(_S, "unknown condition", "tag =", "tagged =", 3, "unknown condition"),
    Wrong(_S, "no such group", 'tag = "tea"', 'rfm = "best"', 3, "no RFM group"),
    Wrong(_S, "no such segment", 'tag = "tea"', 'segment = "vips"', 3, "did you mean vip"),
    Wrong(_B, "a quote left open", '"Right"', '"Right', 1, "TOML"),
    Wrong(_B, "unknown key", "send =", "sent =", 3, "did you mean send"),
    Wrong(_B, "no such segment", "subscribers", "subscriber", 2, "did you mean subscribers"),
    Wrong(_B, "no such template", "newsletter", "newsleter", 3, "did you mean newsletter"),
    Wrong("text", "a quote left open", 'number}?"', "number}?", 5, "quote is left open"),
    Wrong("text", "misspelt value", "{number}", "{nubmer}", 4, "{number}"),
    Wrong("text", "a brace left open", "{number}", "{number", 4, "filled in"),
    Wrong("text", "misspelt name", "order.confirm", "order.cofirm", 4, "did you mean order.confirm"),
    Wrong("text", "a value without a name", "{number}", "{}", 4, "{number}"),
    Wrong("text", "not UTF-8", "Right", "Grüße", 5, "UTF-8"),
    Wrong("answer", "a quote left open", '"Right"', '"Right', 3, "TOML"),
    Wrong("answer", "misspelt value", "first_name", "frist_name", 1, "frist_name"),
    Wrong("answer", "unknown key", "title =", "titel =", 1, "unknown key"),
    Wrong("answer", "an if without its end", "Hello", "{% if orders %}", 1, "not right"),
    Wrong("answer", "no phrasing", '["does NAME squeak"]', "[]", 1, "phrasings"),
    Wrong("answer", "not UTF-8", "Right", "Grüße", 3, "UTF-8"),
    Wrong("macro", "a bracket left open", "[en]", "[en", 2, "TOML"),
    Wrong("macro", "misspelt value", "first_name", "frist_name", 4, "has no frist_name"),
    Wrong("macro", "unknown action", '"close"', '"explode"', 1, "explode"),
    Wrong("macro", "no text", "text =", "test =", 0, "text"),
    Wrong("macro", "not UTF-8", "Right", "Grüße", 3, "UTF-8"),
    Wrong("drill", "a quote left open", '"Right"', '"Right', 3, "TOML"),
    Wrong("drill", "unknown key", "shopper =", "shoper =", 4, "unknown"),
    Wrong("drill", "no time", '"30s"', '"soon"', 1, "soon"),
    Wrong("drill", "not UTF-8", "Right", "Grüße", 3, "UTF-8"),
    Wrong("chat", "a quote left open", 'cart"', "cart", 2, "TOML"),
    Wrong("chat", "misspelt value", NAMED, "customer.frist_name", 6, "first_name"),
    Wrong("chat", "an if without its end", "Right", "{% if customer %}", 0, "end"),
    Wrong("chat", "a button without its address", "url =", "ur =", 1, "unknown key"),
    Wrong("chat", "not UTF-8", "Right", "Grüße", 6, "UTF-8"),
    Wrong("page", "a block without its end", "{% endblock %}\n{% block content %}", "{% block content %}", 0, "block"),
    Wrong("page", "misspelt value", "shop.name", "shop.nmae", 4, "did you mean name"),
    Wrong("page", "value of nobody", "shop.name", "nickname", 4, "nickname is not a value"),
    Wrong("page", "no such text", "order.confirm", "order.cofirm", 4, "did you mean order.confirm"),
    Wrong("page", "no such page", "base.html", "bas.html", 1, "did you mean base.html"),
    Wrong("page", "not UTF-8", "Right", "Grüße", 2, "UTF-8"),
    Wrong("holidays", "no day", "01DAY", "0145", 0, "not a valid iCalendar"),
    Wrong("holidays", "an event without its end", "END:VEVENT\n", "", 0, "not a valid iCalendar"),
    Wrong("holidays", "no calendar at all", "BEGIN:VCALENDAR", "<html>", 0, "not a valid iCalendar"),
    Wrong("care", "a quote left open", '"Right"', '"Right', 2, "TOML"),
    Wrong("care", "unknown key", "basics =", "basic =", 4, "did you mean basics"),
    Wrong("care", "no tips", '["Keep it dry."]', "[]", 4, "basics"),
    Wrong("care", "not UTF-8", "Right", "Grüße", 2, "UTF-8"),
    Wrong(_B, "a subject of nobody", "send =", 'subject = "{{ shop.nam }}"\nsend =', 3, "did you mean name"),
)


def save(file: Path, text: bytes) -> None:
    """As an editor does: another time of change, whatever the clock of the file system says."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)
    os.utime(file, ns=(before + 1_000_000_000, before + 1_000_000_000))


ROOMS = range(max(one.place[0] for one in KINDS) + 1)


def room(wanted: int) -> dict[int, Wrong]:
    """The kinds that stand together in the folders, by their numbers."""
    return {number: one for number, one in enumerate(KINDS) if one.place[0] == wanted}


def save_all(folder: Path, *, wrong: bool, wanted: int = 0) -> None:
    for number, one in room(wanted).items():
        save(one.file(folder, number), one.wrong(number) if wrong else one.text(number))


def sections(folder: Path, wanted: int | None = None) -> dict[str, Any]:
    """The configuration that has these folders, and the files with holidays of that room."""
    names = {f"{kind}s_folder": str(folder / f"{kind}s") for kind in _IN_FOLDERS}
    holidays = [
        str(one.file(folder, number))
        for number, one in enumerate(KINDS)
        if one.kind == "holidays" and one.place[0] == wanted
    ]
    support = {"hours": {"ical": holidays}}
    return {"support": support, "templates": {"folder": str(folder / "templates")}, "automations": names}
