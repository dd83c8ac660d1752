"""What Segment traits tell about a contact: names, language, zone, country, birthday, in the forms clients send."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Any

from babel import Locale
from babel.core import get_global
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.base import clock, short_years, values
from bot.base.day_orders import DayOrder
from bot.contacts.identity import normalise
from bot.tables.people import Contact, Identity

_FIRST = ("firstName", "first_name", "firstname", "$first_name")
_LAST = ("lastName", "last_name", "lastname", "$last_name")
_LANGUAGE = ("language", "locale", "preferredLanguage")
_ZONE = ("timezone", "timeZone", "time_zone", "$timezone")
_BIRTHDAY = ("birthday", "birthdate", "birth_date", "dateOfBirth", "date_of_birth")
_ALIKE = {name: names for names in (_FIRST, _LAST, _LANGUAGE, _ZONE, _BIRTHDAY) for name in names}
_MOST_TRAITS = 32_768  # signs of JSON
_UNKNOWN_YEARS = (0, 4, 1604)  # what clients write for "no year" (vCard, Apple and Facebook contacts)


async def learn(
    session: AsyncSession,
    contact: Contact,
    traits: Mapping[str, Any],
    context: Mapping[str, Any],
    now: datetime,
    zone_of_shop: tzinfo | None = None,
) -> None:
    """Take over traits: a shallow upsert, `null` deletes. What cannot be used stays a trait and leaves the column.

    `context` of an event fills in zone and language only where no trait says them.
    """
    take_in(contact, traits, context, now, zone_of_shop)
    if traits.get("email"):
        await make_newest(session, contact, traits["email"], now)


def take_in(
    contact: Contact,
    traits: Mapping[str, Any],
    context: Mapping[str, Any],
    now: datetime,
    zone_of_shop: tzinfo | None = None,
) -> None:
    """The same, without a look at which address is the newest."""
    kept = {**contact.traits, **traits}
    contact.traits = {name: value for name, value in kept.items() if value is not None}
    _learn_names(contact, traits)
    if (given := _pick(traits, _BIRTHDAY)) is not _ABSENT:
        day = birthday(given, now, zone_of_shop)
        if day is not None and day != contact.birthday:
            contact.birthday, contact.birthday_known_at = day, now
        elif given is None:
            contact.birthday = contact.birthday_known_at = None
    if (given := _pick(traits, _LANGUAGE)) is not _ABSENT:
        contact.language = language(given) or (None if given is None else contact.language)
    elif _pick(contact.traits, _LANGUAGE) is _ABSENT:
        contact.language = language(context.get("locale")) or contact.language
    if (given := _pick(traits, _ZONE)) is not _ABSENT:
        contact.timezone = zone(given) or (None if given is None else contact.timezone)
    elif _pick(contact.traits, _ZONE) is _ABSENT:
        contact.timezone = zone(context.get("timezone")) or contact.timezone
    where = traits.get("address")
    contact.country = (
        country(traits.get("country"))
        or (country(where.get("country")) if isinstance(where, Mapping) else None)
        or contact.country
    )


def newest(
    contact: Contact, traits: Mapping[str, Any], of: Sequence[datetime], *, richer: bool = False
) -> dict[str, Any]:
    """Those of the traits that nobody said later, remembered as said then. `of`: of when the words are by the clock of
    their source, then by what tells two of one moment apart; with nothing in it they only add what nobody said.

    Of two words of one moment the later one to come stands, or with `richer` always the same one: the longer.
    """
    word, held, found = [one.timestamp() for one in of], dict(contact.traits_told), dict[str, Any]()
    for name, value in traits.items():
        clocks = _clocks(name)
        known = [held[one] for one in clocks if one in held]
        if not word:
            if not known and not any(one in contact.traits for one in _ALIKE.get(name, (name,))):
                found[name] = value
        elif all(one <= word for one in known) and not (
            richer and word in known and _is_poorer(value, contact.traits.get(name))
        ):
            found[name] = value
            held |= dict.fromkeys(clocks, word)
    contact.traits_told = held
    return found


def _clocks(name: str) -> tuple[str, ...]:
    """What a trait says, by one name for all the spellings of it."""
    return ("name", _FIRST[0], _LAST[0]) if name == "name" else (_ALIKE.get(name, (name,))[0],)


def _is_poorer(value: Any, held: Any) -> bool:
    mine, theirs = (values.write_json(one) if one is not None else "" for one in (value, held))
    return (len(mine), mine) < (len(theirs), theirs)


def fitting(contact: Contact, traits: Mapping[str, Any]) -> dict[str, Any]:
    """As many of the traits as a contact keeps of what others than the shop say: each event writes them all."""
    kept = dict(contact.traits)
    size = sum(_size(*pair) for pair in kept.items())
    fits = {}
    for name, value in traits.items():
        before = _size(name, kept[name]) if name in kept else 0
        after = size - before + _size(name, value)
        if after <= max(size, _MOST_TRAITS):
            fits[name] = kept[name] = value
            size = after
    return fits


def _size(name: str, value: Any) -> int:
    return len(name) + len(values.write_json(value))


async def make_newest(session: AsyncSession, contact: Contact, email: object, now: datetime) -> None:
    """Going back to an earlier address makes it the newest again."""
    mine = select(Identity).where(col(Identity.contact_id) == contact.id, col(Identity.kind) == "email")
    newest = (await session.scalars(mine.order_by(col(Identity.created_at).desc(), col(Identity.id).desc()))).all()
    for identity in newest[1:]:
        if identity.value == normalise("email", email):
            identity.created_at = now


def _learn_names(contact: Contact, traits: Mapping[str, Any]) -> None:
    first, last = _pick(traits, _FIRST), _pick(traits, _LAST)
    whole = traits.get("name")
    if first is _ABSENT and last is _ABSENT and isinstance(whole, str) and whole.strip():
        first, _, last = whole.strip().partition(" ")
    if first is not _ABSENT:
        contact.first_name = _words(first)
    if last is not _ABSENT:
        contact.last_name = _words(last)


_ABSENT = object()


def _pick(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if name in values), _ABSENT)


def _words(value: object) -> str:
    return " ".join(value.split())[:100] if isinstance(value, str) else ""


def language(value: object) -> str | None:
    """One of ours (`en`, `zh_CN`) for `en-GB`, `zh-Hans`, `zh_TW`; None for every other."""
    if not isinstance(value, str):
        return None
    return {"en": "en", "zh": "zh_CN"}.get(re.split(r"[-_]", value.strip().lower())[0])


def zone(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and clock.zone(value.strip()) else None


_LANGUAGES = ("de", "fr", "es", "it", "nl", "pl", "pt", "cs", "sv", "da", "ru", "el", "ja", "ko", "zh_Hant", "zh", "en")
"""In which the names of countries are known; where two differ the later one is meant."""
_ALSO = {
    "usa": "US", "u.s.a.": "US", "u.s.": "US", "uk": "GB", "u.k.": "GB", "great britain": "GB", "england": "GB",
    "scotland": "GB", "wales": "GB", "northern ireland": "GB", "großbritannien": "GB", "gran bretaña": "GB",
    "grande-bretagne": "GB", "holland": "NL", "brd": "DE", "czech republic": "CZ", "tschechische republik": "CZ",
    "korea": "KR", "republic of korea": "KR", "türkei": "TR", "turkey": "TR", "estados unidos de américa": "US",
    "états-unis d'amérique": "US", "vereinigte staaten von amerika": "US", "people's republic of china": "CN",
    "中国大陆": "CN", "中华人民共和国": "CN", "中國": "CN", "中國大陸": "CN", "香港": "HK", "中国香港": "HK",
    "hong kong": "HK", "澳门": "MO", "中国澳门": "MO", "macau": "MO", "macao": "MO", "台湾": "TW", "臺灣": "TW",
    "台灣": "TW", "中国台湾": "TW", "taiwan": "TW", "英国": "GB", "英國": "GB", "美国": "US", "美國": "US",
}  # fmt: skip


@cache
def _countries() -> dict[str, str]:
    names = {
        str(name).lower().replace("’", "'"): str(code)
        for language in _LANGUAGES
        for code, name in Locale.parse(language).territories.items()
        if re.fullmatch("[A-Z]{2}", str(code))
    }
    return names | _ALSO


@cache
def _codes() -> frozenset[str]:
    return frozenset(str(code) for code in Locale("en").territories if re.fullmatch("[A-Z]{2}", str(code)))


def country(value: object) -> str | None:
    """The two-letter code for a code of two or three letters, or a name in one of many languages."""
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())
    if re.fullmatch("[A-Za-z]{2}", text):
        code = "GB" if text.upper() == "UK" else text.upper()
        return code if code in _codes() else None
    if re.fullmatch("[A-Z]{3}", text) and len(known := get_global("territory_aliases").get(text, ())) == 1:
        return str(known[0])
    return _countries().get(text.lower().replace("’", "'"))


def birthday(
    value: object, now: datetime, zone: tzinfo | None = None, order: DayOrder = DayOrder.UNKNOWN
) -> str | None:
    """`YYYY-MM-DD`, or `--MM-DD` if the year is unknown; None for what is no past date.

    Taken: ISO dates and instants, `--MM-DD`, `MM-DD`, `DD.MM.YYYY`, `YYYY/M/D`, `1990年5月1日`, `5月1日`, and `a/b`,
    `a/b/YYYY`, `a-b-YYYY` where only one day can be meant, by itself or by the `order` of others of its source (a wrong
    birthday is worse than none). An instant is the day of `zone`, the shop's; midnight in UTC only where that is the
    same day, as many write a plain date so.
    """
    if not isinstance(value, str):
        return None
    text = unicodedata.normalize("NFKC", value).strip()
    if order.is_settled or short_years.is_republican(text):
        try:
            short = short_years.read(text, order, now.date(), a_life=True)
        except ValueError:
            return None
        if short is not None:
            day, rest = short
            return _day(day.year, day.month, day.day, now) if not rest.strip(" 0:") else None
    if match := re.fullmatch(r"(?:(\d{4})\s*年\s*)?(\d{1,2})\s*月\s*(\d{1,2})\s*[日号號]?", text):
        return _day(int(match[1] or 0), int(match[2]), int(match[3]), now)
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text):
        return _day(int(match[1]), int(match[2]), int(match[3]), now)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})", text) and zone is not None:
        return _of_instant(text, now, zone)
    if match := re.fullmatch(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[T ].*)?", text):
        return _day(int(match[1]), int(match[2]), int(match[3]), now)
    if match := re.fullmatch(r"(?:--)?(\d{1,2})-(\d{1,2})", text):
        return _day(0, int(match[1]), int(match[2]), now)
    if match := re.fullmatch(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})?", text):
        return _day(int(match[3] or 0), int(match[2]), int(match[1]), now)
    if match := re.fullmatch(r"(\d{1,2})([/-])(\d{1,2})(?:\2(\d{4}))?", text):
        one, two, year = int(match[1]), int(match[3]), int(match[4] or 0)
        if order is DayOrder.DAY_FIRST and two <= 12:
            return _day(year, two, one, now)
        if order is DayOrder.MONTH_FIRST and one <= 12:
            return _day(year, one, two, now)
        found = {_day(year, one, two, now), _day(year, two, one, now)} - {None}
        return found.pop() if len(found) == 1 else None
    return None


def _of_instant(text: str, now: datetime, zone: tzinfo) -> str | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    here = instant.astimezone(zone).date()
    if instant.utcoffset() == timedelta(0) and instant.time() == time(0) and here != instant.date():
        return None
    return _day(here.year, here.month, here.day, now)


def _day(year: int, month: int, day: int, now: datetime) -> str | None:
    try:
        born = date(4 if year in _UNKNOWN_YEARS else year, month, day)
    except ValueError:
        return None
    if year in _UNKNOWN_YEARS:
        return f"--{month:02}-{day:02}"
    return born.isoformat() if date(1900, 1, 1) <= born <= now.date() else None
