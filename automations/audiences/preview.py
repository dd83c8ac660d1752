"""How many are in a segment, and some of them with the reasons why: to look before it is used."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.audiences import compiling
from automations.audiences.compiling import SOURCE, Compiler, contacts
from automations.audiences.segment import Segment
from bot.base.database import table
from bot.contacts import last_claimed
from bot.tables.people import Identity

_identities = table(Identity)


@dataclass(frozen=True)
class Sample:
    """`why` are the conditions that hold of them, in words. `claimed`: only a page said that the address is theirs."""

    contact_id: int
    name: str
    email: str
    why: tuple[str, ...]
    claimed: bool = False

    @property
    def address(self) -> str:
        """As it is shown: nobody should take a claim for an address that is known."""
        return f"{self.email} (claimed)" if self.claimed else self.email


async def count(session: AsyncSession, compiler: Compiler, segment: Segment) -> int:
    return await session.scalar(sa.select(sa.func.count()).select_from(compiler.members(segment).subquery())) or 0


async def everybody(session: AsyncSession) -> int:
    """All contacts that a segment could have."""
    return await session.scalar(sa.select(sa.func.count()).where(contacts.c.status == "active")) or 0


async def sample(session: AsyncSession, compiler: Compiler, segment: Segment, size: int = 10) -> list[Sample]:
    """The newest members."""
    newest = compiler.members(segment).order_by(contacts.c.id.desc()).limit(size)
    ids = (await session.scalars(newest)).all()
    rules = [rule for _, rule in segment.leaves()]
    holds = [sa.case((compiler.rule(rule), 1), else_=0).label(f"rule_{number}") for number, rule in enumerate(rules)]
    email = sa.select(sa.func.max(_identities.c.value)).where(
        _identities.c.contact_id == contacts.c.id, _identities.c.kind == "email"
    )
    columns: list[Any] = [contacts.c.id, contacts.c.first_name, contacts.c.last_name,
                          email.correlate(contacts).scalar_subquery().label("email"),
                          last_claimed(contacts.c.id, "email").label("claimed"), *holds]  # fmt: skip
    found = sa.select(*columns).select_from(SOURCE).where(contacts.c.id.in_(ids)).order_by(contacts.c.id.desc())
    return [
        Sample(
            row["id"],
            f"{row['first_name']} {row['last_name']}".strip(),
            row["email"] or row["claimed"] or "",
            tuple(compiling.words(rule) for number, rule in enumerate(rules) if row[f"rule_{number}"]),
            row["email"] is None and row["claimed"] is not None,
        )
        for row in (await session.execute(found)).mappings()
    ]
