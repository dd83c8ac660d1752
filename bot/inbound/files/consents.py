"""What a line says about marketing mail: yes, no, or that the address takes none, each with its own date if it has one.

Systems write it as a column of yes and no, as a state (`UNSUBSCRIBED`, `cleaned`, `blocklisted`), as a column that is
filled only for those who left, or as the list that the file is of (Mailchimp).
"""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.base import answers, clock
from bot.inbound.files.batches import Cells

Meaning = Literal["yes", "no", "left", "hard_bounce", "complaint", "nothing"]

FIELDS = {
    "consent": (
        "email marketing consent", "accepts email marketing", "marketing consent", "accepts marketing",
        "subscription status", "subscriber status", "email status", "email subscription status", "member status",
        "newsletter", "newsletter consent", "opt in", "email opt in", "email optin", "double opt in", "subscribed",
        "is subscribed", "email consent", "newsletter anmeldung", "einwilligung", "werbeeinwilligung",
        "newsletter abonniert", "inscrit newsletter", "inscrit à la newsletter", "consentement", "abonné",
        "consentimiento", "suscrito", "boletín", "acepta marketing", "订阅", "订阅状态", "是否订阅", "接受营销",
        "营销许可", "訂閱電子報", "電子報", "訂閱", "メルマガ", "メルマガ購読", "メールマガジン", "メルマガ配信",
        "nieuwsbrief", "nyhetsbrev", "acepta newsletter", "recibe newsletter", "newsletter abo", "accepte newsletter",
        "accepte la newsletter", "optin", "opt in email", "accepts marketing email", "consentement email",
        "是否接收营销", "是否接受营销", "是否接受推广", "接受推广", "acepta publicidad", "recibe publicidad",
        "acepta comunicaciones", "acepta comunicaciones comerciales", "autoriza publicidad", "werbung erlaubt",
        "werbeerlaubnis", "accepte publicité", "accepte la publicité", "consent", "marketing opt in",
        "email marketing consent status", "email consent status", "consent status",
    ),
    "consent_channels": ("$consent", "consent channels"),
    "consent_at": (
        "email marketing consent timestamp", "email consent timestamp", "email consent date", "$consent timestamp",
        "accepts email marketing at", "consent at", "consent timestamp",
        "consent date", "subscribed at", "subscription date", "opt in date", "optin date", "opt in time",
        "einwilligung am", "datum der einwilligung", "date de consentement", "fecha de consentimiento", "订阅时间",
    ),
    "status": ("status", "状态"),
    "confirmed_at": ("confirm time",),
    "asked_at": ("optin time",),
    "left": (
        "unsubscribed", "opted out", "opt out", "email opt out", "do not contact", "donotcontact", "dnc",
        "do not email", "blocklisted", "blacklisted", "email blocklisted", "email blacklisted", "emailblacklisted",
        "is blacklisted", "bounced", "suppressed", "abgemeldet", "désinscrit", "désabonné", "dado de baja", "退订",
        "已退订", "désabonné e", "désinscrit e", "email bloqué", "blockliste", "gesperrt", "退訂", "配信停止",
        "e mail abgemeldet",
    ),
    "left_at": (
        "unsub time", "unsubscribed at", "unsubscribe date", "opt out date", "opt out time", "abgemeldet am",
        "date de désinscription", "fecha de baja", "退订时间",
    ),
    "left_because": ("unsub reason", "dnc reason", "blocklist reason", "unsubscribe reason"),
    "cleaned_at": ("clean time",),
    "suppressions": ("email suppressions",),
    "suppressed_at": ("email suppressions timestamp",),
}  # fmt: skip
"""Columns of files of people that say something of this kind."""

_MEANINGS: dict[Meaning, tuple[str, ...]] = {
    "yes": (
        "subscribed", "confirmed", "opted in", "opt in", "optin", "double opt in", "accepted", "granted",
        "abonniert", "angemeldet", "zugestimmt", "abonné", "abonnée", "inscrit", "suscrito", "suscrita", "sí", "si",
        "tak", "да", "x", "订阅", "已订阅", "同意", "已同意", "true",
        "訂閱", "已訂閱", "登録", "登録済み", "購読", "購読中", "希望する", "受け取る", "配信する", "abonnée", "oui",
    ),
    "left": (
        "unsubscribed", "unsubscribe", "opted out", "opt out", "optout", "blocklisted", "blacklisted", "suppressed",
        "disabled", "withdrawn", "revoked", "abgemeldet", "widerrufen", "désabonné", "désinscrit", "baja",
        "dado de baja", "退订", "已退订", "取消订阅", "已取消", "退訂", "取消訂閱", "配信停止", "解除", "désabonnée",
        "désinscrite", "redacted", "manual", "user suppressed", "email",
    ),
    "hard_bounce": (
        "cleaned", "bounced", "bounce", "hard bounce", "hardbounce", "hard bounced", "invalid", "invalid email",
        "undeliverable", "退信", "无效",
    ),
    "complaint": (
        "complaint", "complained", "spam", "spam complaint", "spam report", "abuse", "marked as spam", "投诉",
    ),
    "no": (
        "nee", "nej", "nei",
        "希望しない", "受け取らない", "配信しない", "未登録", "未訂閱", "not subscribed", "nonsubscribed",
        "non subscribed", "未订阅", "不同意", "拒绝", "нет", "nie",
    ),
    "nothing": (
        "never subscribed", "unconfirmed", "pending", "unknown", "none", "null", "n/a", "-", "enabled", "active",
        "transactional", "invited", "待确认", "未知", "[]",
    ),
}  # fmt: skip
_LONGEST = 10_000
"""Signs of a list in a cell."""
_DATE = re.compile(r"\d{4}[-/.年]\d|\d{1,2}[-/.]\d{1,2}[-/.]\d{2}|民國\d")
_KNOWN = {word: meaning for meaning, words in _MEANINGS.items() for word in words}


@dataclass(frozen=True)
class Said:
    """`left` is a no that somebody said; a mere `no` may be that nobody ever asked. `at` None: no date in the file."""

    meaning: Meaning
    at: datetime | None = None


NOTHING = Said("nothing")


def meaning(value: str) -> Meaning | None:
    """None for a word that nobody knows."""
    word = " ".join(value.strip().lower().replace("_", " ").replace("-", " ").split()) or "none"
    if word in _KNOWN:
        return _KNOWN[word]
    answer = answers.read(value)
    return None if answer is None else "yes" if answer else "no"


def read(line: Cells, moment: Callable[[Cells, str], datetime | None]) -> Said:
    """The no outweighs the yes beside it. What is not understood is told, and says nothing."""
    if line["cleaned_at"]:
        return Said("hard_bounce", moment(line, "cleaned_at"))
    for one, at in _listed(line["suppressions"]):
        found = meaning(one)
        if found is None:
            line.told["suppressions: not understood, so it is a no"] = one
        if found not in ("nothing", "yes"):
            return Said("left" if found == "no" else found or "left", at or moment(line, _newest(line)))
    if line["left_at"]:
        because = meaning(line["left_because"])
        return Said(because if because in ("hard_bounce", "complaint") else "left", moment(line, "left_at"))
    if (left := _filled(line["left"])) is not None:
        return Said(left)
    if line.has("euid") or line.has("leid"):  # Mailchimp writes no state: the list says it
        if line.file_name.startswith("nonsubscribed"):
            return NOTHING
        field = "confirmed_at" if line["confirmed_at"] else "asked_at"
        return Said("yes", moment(line, field)) if line[field] else NOTHING
    return _stated(line, moment)


def _stated(line: Cells, moment: Callable[[Cells, str], datetime | None]) -> Said:
    values = [(name, value) for name in ("consent", "status") for value in line.all(name) if value]
    if not line["consent"] and line["consent_channels"]:  # what a form wrote once; the state beside it is newer
        values.append(("consent_channels", line["consent_channels"]))
    meanings: list[Meaning] = []
    odd, since = False, ""
    for name, value in values:
        found = _by_mail(value) if value.startswith("[") or name == "consent_channels" else meaning(value)
        if found is None and name == "consent" and _DATE.match(value):
            meanings.append("yes")
            since = since or value
        elif found is None:
            odd = True
            line.told[f"{name}: not understood, so it says neither yes nor no"] = value
        else:
            meanings.append(found)
    order: tuple[Meaning, ...] = ("complaint", "hard_bounce", "left", "yes", "no")  # one column of several is enough
    said = next((one for one in order if one in meanings), None)
    if said is None or (said == "yes" and odd):  # half understood is no yes
        return NOTHING
    return Said(said, moment(line, "consent_at") or (moment(line, "consent") if since and said == "yes" else None))


def _newest(line: Cells) -> str:
    return "suppressed_at" if line["suppressed_at"] else "consent_at"


def _by_mail(value: str) -> Meaning:
    """Of the channels that somebody agreed to: `['email', 'sms']`, `email,sms`. The others are no matter of mails."""
    channels = {word.strip(" []'\"").lower() for word in value.split(",")}
    return "yes" if channels & {"email", "e-mail", "mail"} else "nothing"


def _filled(value: str) -> Meaning | None:
    """Of a column for those who left: yes, or the way how."""
    found = meaning(value)
    if not value or found in ("no", "nothing"):
        return None
    return found if found in ("hard_bounce", "complaint") else "left"


def _listed(value: str) -> list[tuple[str, datetime | None]]:
    """`[{"reason": "UNSUBSCRIBE", "timestamp": "…"}]`, `["HARD_BOUNCE"]`, or a bare word; and when."""
    if not value:
        return []
    for loads in (json.loads, ast.literal_eval):  # as JSON, or as Python prints it
        try:
            rows = loads(value[:_LONGEST])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return [_reason(one) for one in (rows if isinstance(rows, list) else [rows])]
    return [(one.strip(" []'\""), None) for one in value.split(",") if one.strip(" []'\"")]


def _reason(one: object) -> tuple[str, datetime | None]:
    if not isinstance(one, dict):
        return str(one), None
    try:
        at = clock.parse(str(one.get("timestamp") or one.get("created_at") or ""))
    except ValueError:
        at = None
    return str(one.get("reason") or one.get("type") or "left"), at
