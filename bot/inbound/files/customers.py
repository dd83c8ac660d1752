"""A file of customers: contacts, the ids and addresses they are known by, and marketing consent where it says so."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import clock, stores
from bot.base.ground import Ground
from bot.contacts import profile
from bot.inbound.files import columns, people, values
from bot.inbound.files.batches import Cells, Refused

KNOWN = columns.CUSTOMERS
ONE_OF = ("email", "phone", "user_id", "shopify_id", "woocommerce_id")
_IDS = {"user_id": "user_id", "shopify_id": "shopify", "woocommerce_id": "woocommerce"}


async def take(session: AsyncSession, ground: Ground, lines: Sequence[Cells], now: datetime) -> list[Refused]:
    """Write a batch of lines down; returns those that could not be used."""
    refused, read = list[Refused](), list[tuple[Cells, people.Person]]()
    for line in lines:
        try:
            read.append((line, _person(line, ground, now)))
        except ValueError as error:
            refused.append(Refused(line, str(error)))
    await people.settle(session, ground.secret, [person for _, person in read], now)
    return refused + [Refused(line, person.refused) for line, person in read if person.refused]


def _person(line: Cells, ground: Ground, now: datetime) -> people.Person:
    zone = clock.zone(ground.config.shop.timezone)
    assert zone is not None
    person = people.Person(identities(line), fields(line, now))
    if not person.identities:
        raise ValueError("no e-mail, telephone number or id that names somebody")
    if created := values.moment(line["created_at"], zone):
        person.fields["created_at"] = min(created, now)
    if values.yes(line["consent"]):
        person.consent_at = values.moment(line["consent_at"], zone) or now
    return person


def identities(line: Cells) -> list[tuple[str, str]]:
    """Raises ValueError for an address that is none: it would be mailed to."""
    found = []
    for field, kind in {**_IDS, "email": "email", "phone": "phone"}.items():
        text = values.key(line[field])
        known = contacts.normalise(kind, text)
        if text and known is None and kind == "email":
            raise ValueError(f"{text!r} is not an e-mail address")
        if known is not None:
            # The number of an account is the same in pages and files, unless it is said of which store it is.
            scoped = kind in ("shopify", "woocommerce") or (kind == "user_id" and line.named)
            found.append((kind, stores.person(line.store, known) if scoped else known))
    return found


def fields(line: Cells, now: datetime) -> dict[str, object]:
    first, last = line["first_name"], line["last_name"]
    if not first and not last:
        first, _, last = line["name"].partition(" ")
    born = profile.birthday(line["birthday"], now)
    if line["birthday"] and born is None:
        raise ValueError(f"{line['birthday']!r} is not a birthday; write it like 1990-12-31 or --12-31")
    return {
        "first_name": " ".join(first.split())[:100],
        "last_name": " ".join(last.split())[:100],
        "language": profile.language(line["language"]),
        "timezone": profile.zone(line["timezone"]),
        "country": profile.country(line["country"]),
        "birthday": born,
        "birthday_known_at": now if born else None,
    }
