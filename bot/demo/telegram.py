"""A stand-in for Telegram that speaks the Bot API over HTTP on this machine, with people who write and press buttons.

async with Telegram() as telegram:
    config: [telegram] api_base = telegram.url, token = telegram.token, staff_chat_id = telegram.group.id
    ada = telegram.shopper(7, "Ada", "en")
    ada.says("Where is my order?")
    await telegram.wait_for(lambda: ada.received)

It refuses what the real one refuses, in its words; tests/bot_api/README.md says what that is, and how to run it alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from aiohttp import web

from bot.demo import telegram_http, telegram_limits, telegram_parameters
from bot.demo.telegram_chats import Chats
from bot.demo.telegram_copies import Copies
from bot.demo.telegram_edits import Edits
from bot.demo.telegram_faults import Faults, Refused
from bot.demo.telegram_limits import Clock, Limits
from bot.demo.telegram_memory import BOT, Chat, Memory, Posted, Topic
from bot.demo.telegram_methods import Messages
from bot.demo.telegram_people import Person, Shopper, Staff, membership
from bot.demo.telegram_topics import Topics
from bot.demo.telegram_updates import Updates

_T = TypeVar("_T")
_LARGEST_REQUEST = 60_000_000


@dataclass(frozen=True)
class Call:
    """A request of the bot, as it came. `at` counts seconds of a monotonic clock."""

    method: str
    values: Mapping[str, Any]
    at: float


class Telegram:
    """The stand-in. `faults` orders troubles, `latency` delays every answer, `calls` remembers what was asked and
    `refused` what was not done of it, as method and words.

    `strict_limits` lets it refuse with 429 beyond Telegram's own limits (`limits` has the numbers). Parameters that a
    method does not have are refused unless `strict_parameters` is False, as the real one ignores them. `clock` may be
    moved: `clock.forward(60)`.
    """

    def __init__(
        self,
        token: str = "424242:DEMO-token-of-the-stand-in",  # noqa: S107
        *,
        strict_limits: bool = False,
        strict_parameters: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.token = token
        self.clock = clock or Clock()
        self.strict_parameters = strict_parameters
        self.memory = Memory(self.clock)
        self.updates = Updates()
        self.messages_api = Messages(self.memory)
        self.chats = Chats(self.memory, self.updates)
        self.topics = Topics(self.memory)
        self.faults = Faults()
        self.limits = Limits(self.clock, strict=strict_limits)
        self.latency = 0.0
        self.calls: list[Call] = []
        self.refused: list[tuple[str, str]] = []
        self.pressed_by: dict[str, Person] = {}
        self.url = ""
        self.group = self.add_group(-1001234567890, "Staff")
        parts = (self.chats, self.topics, self.messages_api, Copies(self.memory), Edits(self.memory))
        self.methods = {name: run for part in parts for name, run in part.methods.items()}
        self._spelt = {name.lower(): name for name in self.methods}
        self._happened = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def start(self, port: int = 0, more: Iterable[web.RouteDef] = ()) -> None:
        """Listens on 127.0.0.1; port 0 takes a free one. `url` is the Bot API base. `more` are routes beside it."""
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        app.router.add_routes(more)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{bound}"

    async def close(self) -> None:
        self.updates.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    # People and places

    def shopper(self, user_id: int, name: str, language: str = "en") -> Shopper:
        """A customer who has not written to the bot yet."""
        user = self._person(user_id, name, language)
        self.memory.chats.setdefault(user_id, Chat(user_id, "private", name, reach="fresh"))
        return Shopper(self, user)

    def staff(self, user_id: int, name: str, language: str = "en", status: str = "member") -> Staff:
        """A colleague in the staff group; `status` is member, administrator or creator."""
        user = self._person(user_id, name, language)
        self.group.members[user_id] = status
        return Staff(self, user)

    def outsider(self, user_id: int, name: str) -> Staff:
        """Somebody who sees the staff group and may write there (it may be public) but is no member."""
        return Staff(self, self._person(user_id, name, "en"))

    def _person(self, user_id: int, name: str, language: str) -> dict[str, Any]:
        user = {"id": user_id, "is_bot": False, "first_name": name, "language_code": language}
        return self.memory.people.setdefault(user_id, user)

    def add_group(self, chat_id: int, title: str, *, forum: bool = True) -> Chat:
        chat = self.memory.chats[chat_id] = Chat(chat_id, "supergroup", title, is_forum=forum)
        return chat

    def topic_of(self, words: str) -> Topic | None:
        """The newest topic of the staff group with these words in its name or in a message."""
        for topic in sorted(self.group.topics.values(), key=lambda one: one.thread_id, reverse=True):
            inside = self.messages(self.group.id, topic.thread_id)
            if words in topic.name or any(words in posted.text for posted in inside):
                return topic
        return None

    def messages(self, chat_id: int, thread: int | None = None) -> list[Posted]:
        """What stands in a chat, or in one topic of it, oldest first."""
        posted = self.memory.chats[chat_id].messages.values()
        return [one for one in posted if thread is None or one.thread_id == thread]

    def migrate_group(self, new_id: int = -1009876543210) -> Chat:
        """The staff group gets a new id: old calls are refused with it, two service messages tell of it."""
        old, new = self.group, self.add_group(new_id, self.group.title)
        for name in ("topics", "gone_topics", "general", "messages", "members", "numbers"):
            setattr(new, name, getattr(old, name))
        old.moved_to, self.group = new_id, new
        told = self.memory.post(Chat(old.id, "group", old.title), BOT, {"migrate_to_chat_id": new_id})
        self.updates.add(message=told.json)
        told = self.memory.post(Chat(new_id, "supergroup", new.title), BOT, {"migrate_from_chat_id": old.id})
        self.updates.add(message=told.json)
        return new

    def removes_bot(self, by: Person) -> None:
        self.group.reach = "kicked"
        self.updates.add(my_chat_member=membership(self.group, by.user, "member", "kicked"))

    # Waiting

    def changed(self) -> None:
        self._happened.set()

    async def wait_for(self, look: Callable[[], _T], timeout: float = 10.0) -> _T:  # noqa: ASYNC109
        """The first true value that `look` gives. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while not (found := look()):
            if time.monotonic() > end:
                raise TimeoutError(f"did not happen within {timeout} s")
            self._happened.clear()
            try:
                await asyncio.wait_for(self._happened.wait(), 0.05)
            except TimeoutError:
                continue
        return found

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    # HTTP

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return telegram_http.refusal(Refused(401, "Unauthorized"))
        method = self._spelt.get(request.match_info["method"].lower(), "")  # Telegram does not mind how it is spelt
        if not method:
            return telegram_http.refusal(Refused(404, "Not Found: the stand-in does not know this method"))
        try:
            values = await telegram_http.values(request)
        except Refused as refusal:
            return telegram_http.refusal(refusal)
        self.calls.append(Call(method, values, time.monotonic()))
        fault = self.faults.next(method, values)
        if self.latency and method != "getUpdates":
            await asyncio.sleep(self.latency)
        if fault and (answer := telegram_http.faulty(fault)):
            return answer
        answer = await self._call(self.methods[method], method, values)
        self.changed()
        if fault and request.transport:  # "lost": it was done, but nobody hears of it
            request.transport.abort()
        return answer

    async def _call(
        self, run: Callable[[Mapping[str, Any]], Awaitable[Any]], method: str, values: Mapping[str, Any]
    ) -> web.Response:
        try:
            self._check(method, values)
            result = await run(values)
        except Refused as refusal:
            self.refused.append((method, refusal.description))
            return telegram_http.refusal(refusal)
        if method == "answerCallbackQuery":
            self._toast(str(values["callback_query_id"]))
        return web.json_response({"ok": True, "result": result})

    def _check(self, method: str, values: Mapping[str, Any]) -> None:
        if self.strict_parameters:
            telegram_parameters.check(method, {name: value for name, value in values.items() if name != "files"})
        if count := telegram_limits.weight(method, values):
            self.limits.take(self.memory.chat(values.get("chat_id")).id, count)

    async def _download(self, request: web.Request) -> web.Response:
        file = self.memory.files.at(request.match_info["path"])
        if request.match_info["token"] != self.token or file is None:
            return telegram_http.refusal(Refused(404, "Not Found"))
        return web.Response(body=file.content, content_type="application/octet-stream")

    def _toast(self, query: str) -> None:
        person, words = self.pressed_by.get(query), self.chats.toasts.get(query)
        if person and words:
            person.toasts.append(words)
            if query in self.chats.alerts:
                person.alerts.append(words)
