"""`/export`: a zip of all that is kept of the customer, put into the topic; made when it leaves, stored nowhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.contacts import audit, export
from bot.outbound.outbox import Defer, Outcome, Send, Skip
from bot.support import post, typed
from bot.support.desk import Desk
from bot.tables.support import Ticket

PURPOSE = "export"


async def _export(session: AsyncSession, said: typed.Typed) -> str | None:
    contact = await contacts.current(session, said.case.contact_id)
    if contact is None or contact.status == "erased":
        return said.desk.staff("staff.privacy.forgotten_already")
    await audit.write(session, said.by, "export", f"contact:{contact.id}", said.now)
    content = {"text": "…", "reply_to": said.message_id, "export": contact.id}
    await post.to_topic(session, said.case, PURPOSE, content, f"export:{said.provider_key}", said.now)
    return None


class Exports:
    """The stage of the purpose `export`: the row names the contact, the file is made from what is there now."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def prepare(
        self, session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> Mapping[int, Send | Skip | Defer]:
        return {row["id"]: await self._make(session, row, now) for row in rows}

    async def _make(self, session: AsyncSession, row: Mapping[str, Any], now: datetime) -> Send | Skip:
        ticket = await session.get(Ticket, row["ticket_id"])
        contact = await contacts.current(session, int(row["payload"].get("export") or 0))
        if ticket is None or contact is None or contact.id is None or contact.status == "erased":
            return Skip("erased")
        data = await export.zipped(session, contact.id, self.desk.ground.secret, now)
        document = {"name": f"contact-{contact.id}-{now:%Y%m%d}.zip", "data": data}
        kept = {key: value for key, value in row["payload"].items() if key in ("ticket_id", "reply_to")}
        return Send({**kept, "text": self.desk.staff("staff.privacy.export"), "document": document})

    async def settled(self, session: AsyncSession, row: Mapping[str, Any], outcome: Outcome) -> None:
        """A colleague who got nothing asks again."""


COMMANDS = (typed.Command("export", _export),)
