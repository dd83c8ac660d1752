"""Questions about the tags that are stuck to somebody, here or in the shop."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts, matter
from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case
from bot.base.database import table
from bot.tables.people import ContactTag

_tags = table(ContactTag)


@facts.loads("tags")
async def _load(session: AsyncSession, people: dict[int, Person], ids: Sequence[int], _now: datetime) -> None:
    for person in people.values():
        person.more["tags"] = set()
    mine = sa.select(_tags.c.contact_id, _tags.c.tag).where(facts.among(_tags.c.contact_id, ids))
    for row in await session.execute(mine):
        people[row.contact_id].more["tags"].add(row.tag)


@condition("tags", reason="not_tagged", value=str)
def tagged(person: Person, _case: Case, tag: str) -> bool:
    return tag.strip() in person.more["tags"]


@condition("tags", reason="tagged", value=str)
def not_tagged(person: Person, _case: Case, tag: str) -> bool:
    return tag.strip() not in person.more["tags"]


@condition(reason="not_shop_tagged", value=str.strip)
def shop_tagged(person: Person, _case: Case, tag: str) -> bool:
    """A tag that the shop system has on the customer."""
    return matter.has_word(_of_shop(person), tag)


@condition(reason="shop_tagged", value=str.strip)
def not_shop_tagged(person: Person, _case: Case, tag: str) -> bool:
    return not matter.has_word(_of_shop(person), tag)


def _of_shop(person: Person) -> Sequence[object]:
    tags = person.contact["traits"].get("shop_tags")
    return tags if isinstance(tags, list) else ()
