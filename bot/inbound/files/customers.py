"""A file of customers: contacts, the ids and addresses they are known by, and marketing consent where it says so."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import clock, stores
from bot.base.ground import Ground
from bot.contacts import phones, profile
from bot.inbound.files import aliases, consents, people, values
from bot.inbound.files.batches import Cells, Refused

KNOWN = aliases.CUSTOMERS
ONE_OF = ("email", "phone", "user_id", "shopify_id", "woocommerce_id")
_TRADITIONAL = frozenset("訂單號電話會員編稱數價總額貨購郵聯絡註冊國區縣")
"""Signs of headers that are written otherwise in China."""
_HAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff々]+")
_MASKED = "*"
"""What marketplaces write over the letters of addresses and names."""
_IDS = {"user_id": "user_id", "shopify_id": "shopify", "woocommerce_id": "woocommerce"}


def prepare(header: Sequence[str]) -> Mapping[str, str]:
    """The sheet of a Chinese, Taiwanese, Japanese or Korean shop means numbers of its country."""
    chinese = sum(any("\u4e00" <= sign <= "\u9fff" for sign in name) for name in header)
    words = "".join(header)
    if any("\u3040" <= sign <= "\u30ff" for sign in words):
        return {"country": "JP"}
    if any("\uac00" <= sign <= "\ud7a3" for sign in words):
        return {"country": "KR"}
    if chinese < 3 or chinese * 2 <= len(header):
        return {}
    return {"country": "TW" if any(sign in _TRADITIONAL for sign in words) else "CN"}


def country_of(header: Sequence[str]) -> str:
    """Whose sheet it is, as far as the words show it."""
    return prepare(header).get("country", "")


async def take(session: AsyncSession, ground: Ground, lines: Sequence[Cells], now: datetime) -> list[Refused]:
    """Write a batch of lines down; returns those that could not be used."""
    refused, read = list[Refused](), list[tuple[Cells, people.Person]]()
    for line in lines:
        try:
            read.append((line, _person(line, ground, now)))
        except ValueError as error:
            refused.append(Refused(line, str(error)))
    await people.settle(session, ground.secret, [person for _, person in read], now)
    for line, person in read:
        _count(line, person)
        if person.contact_id is not None:
            line.whose["contact"] = person.contact_id
    return refused + [Refused(line, person.refused) for line, person in read if person.refused]


def _count(line: Cells, person: people.Person) -> None:
    if person.refused or person.said.meaning == "nothing" or not any(kind == "email" for kind, _ in person.identities):
        return
    answer = "yes" if person.said.meaning == "yes" else "no"
    line.taken["consent"] = answer if person.heard else f"{answer}, not taken over: what is known is newer or their own"


def _person(line: Cells, ground: Ground, now: datetime) -> people.Person:
    zone = clock.zone(ground.config.shop.timezone)
    assert zone is not None
    person = people.Person(identities(line, ground), fields(line, now, zone))
    if not person.identities:
        why = next((words for words in line.told if words.startswith("phone")), "")
        raise ValueError(why or "no e-mail, telephone number or id that names somebody")
    if created := moment(line, "created_at", zone, now):
        person.fields["created_at"] = min(created, now)
    person.said = consents.read(line, lambda one, name: moment(one, name, zone, now))
    return person


def moment(line: Cells, field: str, zone: tzinfo, now: datetime) -> datetime | None:
    """A time of before that nobody needs to be known: one that cannot be read is left out."""
    try:
        return values.moment(line[field], zone, line.day_order(field), until=now)
    except values.TwoDaysError:
        words = f"{field}: left out, it may be two days; --dates day-first or --dates month-first says which"
        line.told[words] = line[field]
        return None
    except ValueError as error:
        why = "it is in the future" if str(error).endswith("future") else "not a date; write it like 2026-03-04"
        line.told[f"{field}: left out, {why}"] = line[field]
        return None


def identities(line: Cells, ground: Ground) -> list[tuple[str, str]]:
    """Raises ValueError for an address that is none, where nothing else names the person."""
    found, wrong = [], ""
    for field, kind in {**_IDS, "email": "email"}.items():
        text = line[field].lstrip("'") if kind == "email" else values.key(line[field])
        known = None if kind == "email" and _MASKED in text else contacts.normalise(kind, text)
        if text and known is None and kind == "email":
            wrong = text
        if known is not None:
            # The number of an account is the same in pages and files, unless it is said of which store it is.
            scoped = kind in ("shopify", "woocommerce") or (kind == "user_id" and line.named)
            found.append((kind, stores.person(line.store, known) if scoped else known))
    if number := _phone(line, ground):
        found.append(("phone", number))
    if wrong and not found:
        raise ValueError(f"{wrong!r} is not an e-mail address")
    if wrong:
        line.told["email: not an address"] = wrong
    return found


def _phone(line: Cells, ground: Ground) -> str | None:
    """One that cannot be read is left out, or it would be somebody else's."""
    shop = ground.config.shop
    own = shop.country if "country" in shop.model_fields_set else None
    countries = (profile.country(line["country"]), own or line.about.get("country"))
    reason = ""
    given = [(text, abroad) for name, abroad in (("phone", False), ("phone_abroad", True)) for text in line.all(name)]
    for text, abroad in given:
        if not any(letter.isdigit() for letter in text):
            continue
        for country in dict.fromkeys(one for one in countries if one) or [None]:
            try:
                return phones.read(text, country, international=abroad)
            except ValueError as error:
                reason = reason or f"phone: {error}"
                line.told[reason] = text
    return None


def parted(name: str) -> tuple[str, str]:
    """First and last name, also of "Berg, Anna". What stands in one piece is the first."""
    whole = " ".join(name.split())
    if whole.count(",") == 1:
        last, _, first = whole.partition(",")
        return first.strip(), last.strip()
    first, _, last = whole.partition(" ")
    if _HAN.fullmatch(first) and _HAN.fullmatch(last):  # 山田 花子: the family stands first
        return last, first
    return first, last


def _day(text: str, zone: tzinfo) -> str:
    """A day that a spreadsheet counts, as a date."""
    found = values.moment(text, zone) if values.is_serial(text) else None
    return f"{found.astimezone(zone):%Y-%m-%d}" if found else text.strip("'")


def _beside(first: str, name: str) -> str:
    """The last name out of a column of names beside the first name: it may be the whole name, or the rest."""
    words = [word for word in name.split() if word.lower() not in first.lower().split()]
    return " ".join(words)


def fields(line: Cells, now: datetime, zone: tzinfo) -> dict[str, object]:
    first, last = line["first_name"], line["last_name"]
    if not first:
        first, last = (line["name"], last) if last else parted(line["name"])
    elif not last and line["name"]:
        last = _beside(first, line["name"])
    if _MASKED in first + last:
        line.told["name: its letters are hidden, so it is left out"] = f"{first} {last}".strip()
        first, last = ("" if _MASKED in name else name for name in (first, last))
    born = profile.birthday(_day(line["birthday"], zone), now, zone, line.day_order("birthday"))
    if line["birthday"] and born is None:
        line.told[
            "birthday: not one, or it may be two days; write it like 1990-12-31 or --12-31, or say which with"
            " --dates day-first or --dates month-first"
        ] = line["birthday"]
    if line["country"] and profile.country(line["country"]) is None:
        line.told["country: not known by that name; write its two letters"] = line["country"]
    return {
        "first_name": " ".join(first.split())[:100],
        "last_name": " ".join(last.split())[:100],
        "language": profile.language(line["language"]),
        "timezone": profile.zone(line["timezone"]),
        "country": profile.country(line["country"]),
        "birthday": born,
        "birthday_known_at": now if born else None,
    }
