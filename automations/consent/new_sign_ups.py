"""Sign-ups as the form left them: what becomes of each is decided here, behind the answer.

So the answer takes the same time whoever has the address: it tells nobody whether we know it.
"""

from datetime import datetime

import sqlalchemy as sa

from automations.consent import opt_in
from bot.base import clock, logs, work
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.outbound.email.templates import MailTemplates
from bot.tables.people import OptIn

log = logs.get(__name__)

_AT_ONCE = 50
_rows = table(OptIn)


class NewSignUps:
    """The oldest first, each in a transaction of its own. One that cannot be decided holds up none of the others."""

    def __init__(self, database: Database, ground: Ground, mails: MailTemplates) -> None:
        self.database = database
        self.ground = ground
        self.mails = mails
        self._later: set[int] = set()

    def kind(self) -> work.Kind:
        return work.Kind(opt_in.NEW_SIGN_UPS, self.run)

    async def run(self, now: datetime | None = None) -> int:
        """Returns how many were decided."""
        moment = now or clock.now()
        waiting = sa.select(_rows.c.id).where(*opt_in.still_new(moment), _rows.c.id.not_in(self._later))
        async with self.database.reading() as session:
            ids = (await session.scalars(waiting.order_by(_rows.c.id).limit(_AT_ONCE))).all()
        done = 0
        for row_id in ids:
            try:
                async with self.database.transaction() as session:
                    await opt_in.decide_new(session, self.ground, self.mails, row_id, moment)
                done += 1
            except Exception:
                log.exception("a sign-up could not be decided, will try again", opt_in_id=row_id)
                self._later.add(row_id)
        if not done:
            self._later.clear()  # the next look is half a minute away
        return done
