"""Is it alive: `/healthz` for load balancers and for people."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import clock, due, logs
from bot.base.config import Config
from bot.base.config.events import EventKey
from bot.base.database import Database, insert, table
from bot.events import leaked
from bot.inbound.web.api import Key
from bot.outbound import costly_templates
from bot.shops import troubles
from bot.support.escalation import file_alarm, group_alarm, leads
from bot.tables.automations import Enrolment
from bot.tables.chat import TelegramChat
from bot.tables.events import Event, WebhookDelivery
from bot.tables.mail import ReceivedMail
from bot.tables.outbox import Message
from bot.tables.settings import Setting
from bot.tables.support import SlaTimer

log = logs.get(__name__)

ANSWER_WITHIN = 5.0  # seconds; a load balancer that waits longer has gone

KINDS = {
    "updates": table(TelegramChat),
    "webhooks": table(WebhookDelivery),
    "events": table(Event),
    "enrolments": table(Enrolment),
    "timers": table(SlaTimer),
    "mails": table(ReceivedMail),
}
"""The kinds of work that have a table of their own; messages are a kind per channel."""
_messages, _settings = table(Message), table(Setting)
_NAME = "healthz"
_FRESH = 1.0  # seconds that an answer is good for: asking more often costs nothing and writes nothing
_NAMED = frozenset({
    "staff_groups", "leaked_keys", "templates_given_up", "shops_in_trouble", "files_to_mend", "unwritten_mails",
})  # fmt: skip
_SIGNS = {
    "read-only": ("readonly", "read-only"),
    "full": ("full", "no space left", "could not extend"),
    "locked": ("locked", "lock timeout", "busy"),
}
"""Words in the errors of both databases."""


async def overdue(session: AsyncSession, now: datetime) -> dict[str, float]:
    """Seconds that the longest waiting row of each kind is late; 0 where nothing waits."""
    late = {name: await due.oldest_overdue(session, rows, now) for name, rows in KINDS.items()}
    by_channel = (
        sa.select(_messages.c.channel, sa.func.min(_messages.c.due_at, type_=_messages.c.due_at.type))
        .where(_messages.c.due_at <= now)
        .group_by(_messages.c.channel)
    )
    for channel, oldest in await session.execute(by_channel):
        late[f"messages:{channel}"] = (now - oldest).total_seconds()
    return late


class Pulse:
    """Whether the database takes what is written: a row of our own, once a second at most, however many ask."""

    def __init__(
        self,
        database: Database,
        within: float = ANSWER_WITHIN,
        keys: Sequence[EventKey] = (),
        config: Config | None = None,
    ) -> None:
        self.database = database
        self.keys = keys
        self.config = config or Config()
        self.within = within
        self._looking = asyncio.Lock()
        self._found: tuple[int, dict[str, Any]] | None = None
        self._until = 0.0

    async def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and body. 503 with a word: `away`, `read-only`, `full`, `locked`."""
        async with self._looking:
            if self._found is None or time.monotonic() >= self._until:
                self._found = await self._look()
                self._until = time.monotonic() + _FRESH
            return self._found

    async def _look(self) -> tuple[int, dict[str, Any]]:
        answer: dict[str, Any] = {"alive": True, "database": "ok", "overdue_seconds": {}}
        reading = True
        try:
            async with asyncio.timeout(self.within):
                async with self.database.reading() as session:
                    late = await overdue(session, clock.now())
                    lost = await leaked.names(session, self.keys)
                    costly = [one.key for one in await costly_templates.given_up(session)]
                    mend = await file_alarm.to_mend(session)
                    shut = {group: why for group, why in (await group_alarm.in_trouble(session)).items() if why}
                    apart = await troubles.every(session)
                    unheard = await leads.unreachable(session, self.config)
                reading = False
                await self._write(clock.now())
        except Exception as error:  # whatever keeps the driver from answering: that is what we are asked
            if isinstance(error, TimeoutError):  # it says nothing of itself: a slow disk, a writer that is not done
                log.warning("the database is slow", reading=reading, no_answer_within=self.within)
            else:
                log.warning("the database does not answer", reason=logs.clean(str(error))[:200])
            return 503, {**answer, "database": word(error, reading=reading)}
        answer["staff_groups"] = shut
        answer["leaked_keys"] = lost
        answer["templates_given_up"] = costly
        answer["shops_in_trouble"] = {
            one: sorted(each.kind for each in apart if each.store == one) for one in {each.store for each in apart}
        }
        answer["unreachable_leads"] = len(unheard)
        answer["files_to_mend"], answer["unwritten_mails"] = list(mend.files), mend.unwritten
        answer["overdue_seconds"] = {name: round(seconds, 1) for name, seconds in late.items()}
        return 200, answer

    async def _write(self, now: datetime) -> None:
        row = {"name": _NAME, "value": now.isoformat(), "changed_at": now}
        async with self.database.transaction() as session:
            put = insert(session, _settings).values(row)
            again = put.on_conflict_do_update(
                index_elements=[_settings.c.name], set_={"value": put.excluded.value, "changed_at": now}
            )
            await session.execute(again)


def word(error: Exception, *, reading: bool = False) -> str:
    """What is wrong with the database, for whoever is called at night."""
    said = str(error).lower()
    for name, signs in _SIGNS.items():
        if any(sign in said for sign in signs):
            return name
    return "locked" if isinstance(error, TimeoutError) and not reading else "away"


def without_names(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What anybody may know: whether something is wrong, and how much. Names of keys, groups, shops and files are for
    whoever carries the key of the API: a proxy makes every visitor look as if they came from this machine."""
    return {name: _counted(answer[name]) if name in _NAMED else answer[name] for name in answer}


def _counted(named: Any) -> int:
    if isinstance(named, Mapping):
        return sum(one if isinstance(one, int) else 1 for one in named.values())
    return len(named or ())


def routes(database: Database, keys: Sequence[EventKey] = (), config: Config | None = None) -> APIRouter:
    router = APIRouter()
    pulse = Pulse(database, keys=keys, config=config)
    key = Key(config.web.api_key if config else None)

    @router.get("/healthz")
    async def healthz(request: Request) -> JSONResponse:
        """200 while the database answers and takes what is written, else 503. `overdue_seconds` grows when work stands
        still. The rest is counted; with the key of the API the same is named: `staff_groups` are those in which the bot
        may not work or others may be, with the reasons; `leaked_keys` are server keys that a browser sent;
        `templates_given_up` ask for too much and are not sent; `shops_in_trouble` are those whose API refuses us, does
        not answer or shows much less than before, with what of these it is; `unreachable_leads` counts those whom
        neither chat nor mail reaches; `files_to_mend` are lines of the shop's own files that are wrong,
        `unwritten_mails` how many of each flow wait for a mend."""
        status, answer = await pulse.answer()
        said = answer if key.opens(request) else without_names(answer)
        return JSONResponse(said, status, headers={"Cache-Control": "no-store"})

    return router
