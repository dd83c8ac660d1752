"""Telephone numbers of shop systems: read like those of files, or left out and named."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bot import contacts
from bot.contacts import phones, profile
from bot.events import NewEvent
from bot.shops import lines


def readable(event: NewEvent, country: str | None) -> NewEvent:
    """The event with its numbers as E.164. A number without its country is one of the address, else of `country`; one
    that cannot be read would be somebody else's: it goes, and the flags of the event say so.
    """
    body, dropped = dict(event.body), []
    given = body.get("traits")
    traits: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    for part in ("traits", "properties"):
        said = body.get(part)
        if not isinstance(said, Mapping) or said.get("phone") in (None, ""):
            continue
        number = read(said["phone"], profile.country(traits.get("country")), country)
        body[part] = {**said, "phone": number} if number else _without_phone(said)
        if number is None:
            dropped.append(f"dropped: {part}.phone")
    if dropped:
        flags = body.get("flags")
        body["flags"] = [*(flags if isinstance(flags, list) else ()), *dropped]
    return dataclasses.replace(event, body=body)


def read(given: object, *countries: str | None) -> str | None:
    """With a plus, read as one of the first of these countries where it can be; None for what names no line."""
    text = lines.text(given)
    for country in dict.fromkeys(one for one in countries if one) or [None]:
        try:
            return "+" + phones.read(text, country)
        except ValueError:
            continue
    return None


def known_as(given: object, country: str | None) -> str | None:
    """The form in which a number that somebody names is looked for: also one that we would not keep today."""
    return contacts.normalise("phone", read(given, country) or given)


def _without_phone(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "phone"}
