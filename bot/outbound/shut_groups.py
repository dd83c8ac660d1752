"""Staff groups that do not let us write (topics switched off, rights taken): what is for them waits, and they are told
once it works again."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from aiogram.exceptions import AiogramError

from bot.base import clock, logs
from bot.base.database import Database
from bot.base.ground import Ground
from bot.outbound import lanes, outbox

log = logs.get(__name__)


@dataclass
class _Shut:
    since: datetime
    messages: set[str]


class ShutGroups:
    def __init__(self, database: Database, ground: Ground) -> None:
        self.database = database
        self.ground = ground
        self._shut: dict[int, _Shut] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def refused(self, error: AiogramError, key: str) -> None:
        """The message of this key waits because of that."""
        chat_id = getattr(getattr(error, "method", None), "chat_id", None)
        if not isinstance(chat_id, int):
            return
        if chat_id not in self._shut:
            self._shut[chat_id] = _Shut(clock.now(), set())
            words = "a staff group does not let us write, its messages wait: are topics on, may the bot manage them?"
            log.error(words, chat_id=chat_id, reason=logs.clean(str(error)))
        self._shut[chat_id].messages.add(key)

    def reached(self, chat_id: int) -> None:
        """Something arrived there; whatever comes of that, it has arrived."""
        if shut := self._shut.pop(chat_id, None):
            log.info("the staff group lets us write again", chat_id=chat_id, waited=len(shut.messages))
            task = asyncio.create_task(self._tell(chat_id, shut))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def _tell(self, chat_id: int, shut: _Shut) -> None:
        shop = self.ground.config.shop
        since = shut.since.astimezone(clock.zone(shop.timezone)).strftime("%H:%M")
        text = self.ground.texts.say(shop.language, "staff.group.open_again", since=since, many=len(shut.messages))
        async with self.database.transaction() as session:
            await outbox.queue(
                session,
                channel="staff_topic",
                purpose="notice",
                receiver=f"staff:{chat_id}",
                payload={"ticket_id": None, "text": text},
                key=f"open_again:{chat_id}:{shut.since.isoformat()}",
                now=clock.now(),
                priority=lanes.NOTICES,
            )
