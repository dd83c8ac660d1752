"""The desk with a mailbox: mails come in, stand in staff topics, and are answered through a real SMTP server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from telegram_office import Office, hurried
from telegram_world import ROWS, World, world

from bot.base import clock
from bot.base.database import Database
from bot.base.texts import Texts
from bot.demo.mail_catcher import Catcher, Caught, catch
from bot.demo.telegram_people import Staff
from bot.inbound.mailbox import store
from bot.inbound.mailbox.taking import Taking
from bot.outbound import outbox
from bot.outbound.email.sender import EmailSender
from bot.outbound.outbox import Outbox
from bot.tables.mail import ReceivedMail

BOX = "imap://ada:secret@127.0.0.1?tls=none"
BOUNCES = "bounce.shop.example"


class MailOffice(Office):
    def __init__(self, here: World, catcher: Catcher) -> None:
        super().__init__(here)
        self.catcher = catcher
        self.mia: Staff = here.telegram.staff(1, "Mia")
        self.sender = EmailSender(here.ground)
        self.outbox = Outbox(here.database, {"email": self.sender}, here.stages, 1)
        self.taking = Taking(here.database, self.desk, 1)
        self.uid = 0

    @property
    def secret(self) -> str:
        return self.here.ground.secret

    async def comes(self, raw: bytes, *, size: int | None = None) -> ReceivedMail:
        """A mail arrives, and everything that follows from it happens."""
        await self.arrives(raw, size=size)
        await self.settle()
        return (await self.rows(ReceivedMail))[-1]  # type: ignore[no-any-return]

    async def arrives(self, raw: bytes, *, size: int | None = None) -> None:
        """A mail is taken; what it leads to waits to leave."""
        self.uid += 1
        now = clock.now()
        mail = store.Fetched(self.uid, raw, size or len(raw), now, cut=size is not None)
        async with self.here.database.transaction() as session:
            await store.keep(session, "INBOX", 1, mail, now)
        while await self.taking.take_due():
            pass

    async def settle(self) -> None:
        await super().settle()
        await self.mails_leave()
        await self.here.deliver()

    async def mails_leave(self) -> None:
        async with self.here.database.transaction() as session:
            waiting = sa.and_(ROWS.c.channel == "email", ROWS.c.due_at.is_not(None))
            await session.execute(sa.update(ROWS).where(waiting).values(due_at=clock.now()))
        while await self.outbox.deliver_due("email"):
            pass

    async def sent_by_a_flow(self, contact_id: int, **columns: Any) -> dict[str, Any]:
        """A marketing mail of the abandoned cart, as it stands in the outbox after it left."""
        values = {"flow": "abandoned_cart", "step_id": "first", "status": "sent", "due_at": None, **columns}
        async with self.here.database.transaction() as session:
            row = await outbox.queue(
                session, channel="email", purpose="marketing", receiver="ada@example.org",
                payload={"list_id": "marketing.shop.example"}, key=f"flow:{contact_id}:{clock.now()}", now=clock.now(),
                once=True, contact_id=contact_id,
            )  # fmt: skip
            await session.execute(sa.update(ROWS).where(ROWS.c.id == row).values(values))
            found = (await session.execute(sa.select(ROWS).where(ROWS.c.id == row))).mappings().one()
        return dict(found)

    async def answers(self, words: str) -> Caught:
        """Mia takes the ticket, writes in its topic, and the mail leaves."""
        topic = await self.topic()
        self.mia.says("/take", topic)
        self.mia.says(words, topic)
        await self.settle()
        return self.catcher.mails[-1]

    async def close(self) -> None:
        await self.sender.close()

    async def mails(self) -> list[dict[str, Any]]:
        """The rows of the outbox that are mails."""
        async with self.here.database.reading() as session:
            found = await session.execute(sa.select(ROWS).where(ROWS.c.channel == "email").order_by(ROWS.c.id))
            return [dict(row) for row in found.mappings()]


@asynccontextmanager
async def opened(database: Database, texts: Texts, **sections: Any) -> AsyncIterator[MailOffice]:
    async with catch() as catcher:
        mail = {"smtp_url": catcher.url, "from": "Juniper & Oak <help@shop.example>", "bounce_domain": BOUNCES}
        settings = {"mail": mail, "mailbox": {"imap_url": BOX}, **sections}
        async with world(database, texts, limits=hurried(), **settings) as here:
            office = MailOffice(here, catcher)
            try:
                yield office
            finally:
                await office.close()
