"""The stand-in for Telegram as a program of its own: `python tests/bot_api/stand_in.py --port 8081 --strict`.

A bot in any language talks to it as to the Bot API; whoever plays people posts to /control, or opens / in a browser.
"""

import argparse
import asyncio
import itertools
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # it is run as a file, so the house is not on the path

from bot.demo.telegram import Telegram
from bot.demo.telegram_memory import Chat, Posted
from bot.demo.telegram_people import Person

_BOTH = {
    *("says", "replies_to", "edits", "edits_media", "deletes", "reacts", "pins"),
    *("presses", "sends", "sends_album"),
}
_VERBS = {
    "shopper": _BOTH
    | {"starts", "sends_photo", "sends_voice", "sends_sticker", "blocks", "unblocks", "deletes_account"},
    "staff": _BOTH
    | {"says_anonymously", "creates_topic", "edits_topic", "closes", "reopens", "deletes_topic", "leaves", "joins"},
}
_WORLD = ("forward", "fault", "hold", "migrate")
_PAGE = Path(__file__).with_name("page.html")


class WishError(ValueError):
    """Something in a wish that cannot be done; told to whoever wished it."""


class Control:
    """Lets people of the stand-in do things, and shows what stands in the chats."""

    def __init__(self, telegram: Telegram) -> None:
        self.telegram = telegram
        self.people: dict[str, tuple[str, Person]] = {}
        self._ids = itertools.count(1001)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self._page), web.get("/control", self._shown), web.post("/control", self._wished)]

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE)

    async def _shown(self, request: web.Request) -> web.Response:
        return web.json_response(self.state())

    async def _wished(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # so that no web page of somebody else can send a wish
            return web.json_response({"ok": False, "error": "send application/json"}, status=415)
        try:
            wish = await request.json()
            if not isinstance(wish, dict):
                raise WishError("a wish is an object")
            result = self.do(wish)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            return web.json_response({"ok": False, "error": str(error) or type(error).__name__}, status=400)
        return web.json_response({"ok": True, "result": result})

    def do(self, wish: Mapping[str, Any]) -> Any:
        """`{"who": "Ada", "says": "Hello"}`. One key is what is done; the others are how, and who somebody new is."""
        if "who" not in wish:
            return self._turn_the_world(wish)
        role, person = self._person(wish)
        how = {name: value for name, value in wish.items() if name not in ("who", "role", "language")}
        wished = [name for name in how if name in _VERBS[role]]
        if not how:
            return person.id
        if len(wished) != 1:
            raise WishError(f"say one of {', '.join(sorted(_VERBS[role]))}")
        given = how.pop(wished[0])
        if "topic" in how:
            how["thread"] = self._thread(str(how.pop("topic")))
        positional = [] if given is True else given if isinstance(given, list) else [given]
        named = given if isinstance(given, dict) else {}
        return getattr(person, wished[0])(*([] if named else positional), **named, **how)

    def _person(self, wish: Mapping[str, Any]) -> tuple[str, Person]:
        name, role = str(wish["who"]), str(wish.get("role") or "")
        if name not in self.people:
            role = role or "shopper"
            if role not in _VERBS:
                raise WishError("a role is shopper or staff")
            make = self.telegram.staff if role == "staff" else self.telegram.shopper
            self.people[name] = role, make(next(self._ids), name, str(wish.get("language") or "en"))
        elif role and role != self.people[name][0]:
            raise WishError(f"{name} is {self.people[name][0]}")
        return self.people[name]

    def _thread(self, words: str) -> int:
        topic = self.telegram.topic_of(words)
        if topic is None:
            raise WishError(f"no topic with {words!r}")
        return topic.thread_id

    def _turn_the_world(self, wish: Mapping[str, Any]) -> Any:
        """`{"forward": seconds}`, `{"fault": "flood", "chat_id": …, "seconds": …}`, `{"hold": seconds}` of the group,
        `{"migrate": true}`.
        """
        wished = [name for name in wish if name in _WORLD]
        if len(wished) != 1:
            raise WishError(f"say who, or one of {', '.join(_WORLD)}")
        more = {name: value for name, value in wish.items() if name not in wished}
        given = wish[wished[0]]
        if wished == ["forward"]:
            return self.telegram.clock.forward(float(given))
        if wished == ["hold"]:
            return self.telegram.limits.hold(self.telegram.group.id, float(given))
        if wished == ["fault"]:
            return self.telegram.faults.add(str(given), **more).kind
        return self.telegram.migrate_group().id

    def state(self) -> dict[str, Any]:
        chats = [_chat(chat) for chat in self.telegram.memory.chats.values() if not chat.moved_to]
        people = [
            {"name": name, "role": role, "id": person.id, "toasts": person.toasts, "menu": person.menu}
            for name, (role, person) in self.people.items()
        ]
        waiting, refused = len(self.telegram.updates.pending), self.telegram.refused[-20:]
        return {"group": self.telegram.group.id, "people": people, "chats": chats, "waiting": waiting} | {
            "refused": [{"method": method, "words": words} for method, words in refused]
        }


def _chat(chat: Chat) -> dict[str, Any]:
    topics = [
        {"thread": one.thread_id, "name": one.name, "icon": one.emoji, "closed": one.closed}
        for one in chat.topics.values()
    ]
    shown = {"id": chat.id, "kind": chat.kind, "title": chat.title, "reach": chat.reach, "topics": topics}
    return {**shown, "messages": [_message(one) for one in chat.messages.values()]}


def _message(one: Posted) -> dict[str, Any]:
    reactions = [*one.reactions, *itertools.chain.from_iterable(one.reacted.values())]
    about = {"id": one.message_id, "thread": one.thread_id, "from": one.json["from"]["first_name"], "kind": one.kind}
    more = {"buttons": [button["text"] for button in one.buttons], "reply_to": one.reply_to, "quote": one.quote}
    marks = {"edited": one.edited, "pinned": one.pinned, "reactions": reactions, "album": one.album}
    return {**about, "text": one.text, "by_bot": one.by_bot, **more, **marks}


async def serve(arguments: argparse.Namespace) -> None:
    """Until SIGINT (Ctrl-C) or SIGTERM."""
    ended = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, ended.set)
    lenient = arguments.ignore_unknown_parameters
    telegram = Telegram(arguments.token, strict_limits=arguments.strict, strict_parameters=not lenient)
    await telegram.start(arguments.port, Control(telegram).routes())
    try:
        lines = {"url": telegram.url, "token": telegram.token, "group": telegram.group.id}
        for name, value in {**lines, "control": f"{telegram.url}/control"}.items():
            print(f"{name:8}{value}", flush=True)
        await ended.wait()
    finally:
        await telegram.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for the Telegram Bot API on this machine.")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    parser.add_argument("--token", default="424242:DEMO-token-of-the-stand-in")
    parser.add_argument("--strict", action="store_true", help="refuse with 429 beyond Telegram's limits")
    parser.add_argument("--ignore-unknown-parameters", action="store_true", help="as the real one does")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
