"""A stand-in for Telegram that speaks the Bot API over HTTP on this machine, with people who write and press buttons.

async with Telegram() as telegram:
    config: [telegram] api_base = telegram.url, token = telegram.token, staff_chat_id = telegram.group.id
    ada = telegram.shopper(7, "Ada", "en")
    ada.says("Where is my order?")
    await telegram.wait_for(lambda: ada.received)
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from aiohttp import web

from bot.demo.telegram_faults import Fault, Faults, FloodGate, Refused
from bot.demo.telegram_memory import BOT, Chat, Memory, Posted, Topic
from bot.demo.telegram_methods import Messages
from bot.demo.telegram_people import Person, Shopper, Staff, membership
from bot.demo.telegram_topics import Chats
from bot.demo.telegram_updates import Updates

_T = TypeVar("_T")
_SENDS = ("send", "copy", "edit", "create", "close", "reopen", "pin")
_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@dataclass(frozen=True)
class Call:
    """A request of the bot, as it came. `at` counts seconds of a monotonic clock."""

    method: str
    values: Mapping[str, Any]
    at: float


class Telegram:
    """The stand-in. `faults` orders troubles, `latency` delays every answer, `calls` remembers what was asked.

    `strict_limits` lets it refuse with 429 beyond Telegram's own limits.
    """

    def __init__(self, token: str = "424242:DEMO-token-of-the-stand-in", *, strict_limits: bool = False) -> None:  # noqa: S107
        self.token = token
        self.memory = Memory()
        self.updates = Updates()
        self.messages_api = Messages(self.memory)
        self.chats = Chats(self.memory, self.updates)
        self.faults = Faults()
        self.latency = 0.0
        self.calls: list[Call] = []
        self.pressed_by: dict[str, Person] = {}
        self.url = ""
        self.group = self.add_group(-1001234567890, "Staff")
        self._gate = FloodGate(time.monotonic) if strict_limits else None
        self._methods = {**self.chats.methods, **self.messages_api.methods}
        self._happened = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; port 0 takes a free one. `url` is the Bot API base."""
        app = web.Application(client_max_size=60_000_000)
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
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

    def staff(self, user_id: int, name: str, language: str = "en") -> Staff:
        """A colleague; a member of the staff group."""
        user = self._person(user_id, name, language)
        self.group.members[user_id] = "member"
        return Staff(self, user)

    def outsider(self, user_id: int, name: str) -> Staff:
        """Somebody who sees the staff group (it may be public) but is no member."""
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
        for name in ("topics", "gone_topics", "messages", "members", "numbers"):
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
        method = request.match_info["method"]
        if request.match_info["token"] != self.token:
            return _json(Refused(401, "Unauthorized"))
        if method not in self._methods:
            return _json(Refused(404, "Not Found"))
        values = await _values(request)
        self.calls.append(Call(method, values, time.monotonic()))
        fault = self.faults.next(method, values)
        if self.latency and method != "getUpdates":
            await asyncio.sleep(self.latency)
        if fault and (answer := _faulty(fault)):
            return answer
        answer = await self._call(self._methods[method], method, values)
        self.changed()
        if fault and request.transport:  # "lost": it was done, but nobody hears of it
            request.transport.abort()
        return answer

    async def _call(
        self, run: Callable[[Mapping[str, Any]], Awaitable[Any]], method: str, values: Mapping[str, Any]
    ) -> web.Response:
        try:
            if self._gate and method.startswith(_SENDS) and values.get("chat_id"):
                self._gate.pass_through(int(values["chat_id"]))
            result = await run(values)
        except Refused as refusal:
            return _json(refusal)
        if method == "answerCallbackQuery":
            self._toast(str(values["callback_query_id"]))
        return web.json_response({"ok": True, "result": result})

    def _toast(self, query: str) -> None:
        person, words = self.pressed_by.get(query), self.chats.toasts.get(query)
        if person and words:
            person.toasts.append(words)


def _json(refusal: Refused) -> web.Response:
    return web.json_response(refusal.json, status=refusal.code)


def _faulty(fault: Fault) -> web.Response | None:
    """The answer of a fault that keeps the call from being done; None for one that only loses the answer."""
    if fault.kind == "flood":
        words = f"Too Many Requests: retry after {fault.seconds}"
        return _json(Refused(429, words, {"retry_after": fault.seconds}))
    if fault.kind == "bad_gateway":
        return web.Response(text=_BAD_GATEWAY, status=502, content_type="text/html")
    if fault.kind == "broken":
        return _json(Refused(500, "Internal Server Error"))
    if fault.kind == "refused":
        return _json(Refused(int(fault.words.startswith("Forbidden")) * 3 + 400, fault.words))
    return None


async def _values(request: web.Request) -> dict[str, Any]:
    """Parameters from the query, a form or JSON; values that are JSON are read, names and texts stay as they are."""
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        values |= await request.json()
        return values
    values |= await request.post()
    return {name: _read(name, value) for name, value in values.items()}


_JSON_NAMES = ("reply_markup", "reply_parameters", "reaction", "commands", "scope", "allowed_updates", "entities")
_FLAGS = ("drop_pending_updates", "disable_notification", "show_alert")


def _read(name: str, value: Any) -> Any:
    if name in _JSON_NAMES and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            raise web.HTTPBadRequest(text=f"{name} is not JSON") from None
    return value.lower() in ("true", "1") if name in _FLAGS and isinstance(value, str) else value
