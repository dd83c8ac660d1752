"""Updates on their way to the bot: kept until acknowledged by `getUpdates`, or posted to its webhook."""

import asyncio
import contextlib
import copy
import itertools
from typing import Any

import aiohttp

from bot.demo.telegram_faults import Refused

Json = dict[str, Any]
_ONLY_WHEN_ASKED_FOR = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_KINDS_AS_WORDS = (
    "message edited_message channel_post edited_channel_post business_connection business_message "
    "edited_business_message deleted_business_messages inline_query chosen_inline_result callback_query "
    "shipping_query pre_checkout_query purchased_paid_media poll poll_answer my_chat_member chat_join_request "
    "managed_bot subscription stopped_message_generation guest_message chat_boost removed_chat_boost"
)
_KINDS = _ONLY_WHEN_ASKED_FOR | frozenset(_KINDS_AS_WORDS.split())


class Updates:
    """The queue of one bot. `pending` are those not yet acknowledged, `wanted` the kinds that it asked for (None: it
    never said, and gets the usual ones).
    """

    def __init__(self, first: int = 1000) -> None:
        self.pending: list[Json] = []
        self.webhook: Json | None = None
        self.wanted: frozenset[str] | None = None
        self.delivered = 0
        self.last_error = ""
        self._numbers = itertools.count(first)
        self._arrived = asyncio.Event()
        self._poller: asyncio.Event | None = None
        self._postman: asyncio.Task[None] | None = None

    def add(self, **content: Any) -> int:
        """A new update, for example `add(message={…})`; returns its id. Kinds that nobody asked for are dropped."""
        number = next(self._numbers)
        if all(self._is_wanted(kind) for kind in content):
            self.add_raw({"update_id": number, **copy.deepcopy(content)})  # it tells how things were at that time
        return number

    def allow(self, kinds: Any) -> None:
        """What `allowed_updates` says. None leaves it as it is; an empty list, or one without a known kind, is the
        usual ones.
        """
        if kinds is None:
            return
        if not isinstance(kinds, list):
            raise Refused(400, "Bad Request: expected an Array of String as allowed_updates")
        self.wanted = frozenset(str(kind) for kind in kinds) & _KINDS or None

    def _is_wanted(self, kind: str) -> bool:
        return kind not in _ONLY_WHEN_ASKED_FOR if self.wanted is None else kind in self.wanted

    def add_raw(self, update: Json) -> None:
        self.pending.append(update)
        self._arrived.set()

    async def get(self, offset: int, limit: int, seconds: float) -> list[Json]:
        if self.webhook:
            words = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise Refused(409, f"Conflict: {words}")
        if self._poller:
            self._poller.set()
        gone = self._poller = asyncio.Event()
        try:
            return await self._wait(offset, limit, seconds, gone)
        finally:
            if self._poller is gone:
                self._poller = None

    async def _wait(self, offset: int, limit: int, seconds: float, gone: asyncio.Event) -> list[Json]:
        end = asyncio.get_running_loop().time() + seconds
        if offset < 0:  # the last ones; those before them are forgotten
            offset = self.pending[offset]["update_id"] if len(self.pending) >= -offset else 0
        while True:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]
            left = end - asyncio.get_running_loop().time()
            if self.pending or left <= 0:
                return self.pending[:limit]
            self._arrived.clear()
            waits = [asyncio.ensure_future(self._arrived.wait()), asyncio.ensure_future(gone.wait())]
            await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if gone.is_set():
                words = "terminated by other getUpdates request; make sure that only one bot instance is running"
                raise Refused(409, f"Conflict: {words}")

    def set_webhook(self, url: str, secret: str) -> None:
        self.close()
        self.webhook = {"url": url, "secret": secret}
        self._postman = asyncio.ensure_future(self._deliver())

    def delete_webhook(self, drop_pending: bool) -> None:
        self.close()
        self.webhook = None
        if drop_pending:
            self.pending.clear()

    async def _deliver(self) -> None:
        """Posts in order, again and again until it is answered with 2xx, as Telegram does."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while self.webhook:
                if not self.pending:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                headers = {"X-Telegram-Bot-Api-Secret-Token": self.webhook["secret"]} if self.webhook["secret"] else {}
                self.last_error = "Connection failed"
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.post(self.webhook["url"], json=self.pending[0], headers=headers) as answer:
                        self.last_error = "" if answer.ok else f"Wrong response from the webhook: {answer.status}"
                if self.last_error:
                    await asyncio.sleep(0.2)
                else:
                    self.pending.pop(0)
                    self.delivered += 1

    def close(self) -> None:
        if self._postman:
            self._postman.cancel()
            self._postman = None
