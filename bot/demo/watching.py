"""Sees what comes out of the doors of Telegram and SMTP, and tells it: nothing is told that was not seen."""

import asyncio
import re

from bot.demo.mail_catcher import Catcher, Caught
from bot.demo.telegram import Telegram
from bot.demo.telegram_memory import Chat, Posted
from bot.demo.telegram_people import Shopper
from bot.demo.told import Told

_EVERY = 0.05  # seconds


class Watch:
    """Looks again and again while `run()` runs. `look()` tells at once what is new."""

    def __init__(self, told: Told, telegram: Telegram, catcher: Catcher) -> None:
        self.told = told
        self.telegram = telegram
        self.catcher = catcher
        self._texts: dict[tuple[int, int], str] = {}
        self._closed: set[int] = set()
        self._mails = 0
        self._toasts: set[str] = set()

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_EVERY)

    def look(self) -> None:
        for chat in list(self.telegram.memory.chats.values()):
            for posted in list(chat.messages.values()):
                self._message(chat, posted)
        for query, words in self.telegram.chats.toasts.items():
            person = self.telegram.pressed_by[query]
            if words and query not in self._toasts and isinstance(person, Shopper):  # staff read it in the topic too
                self._toasts.add(query)
                self.told.say("chat", f"bot → {person.user['first_name']}", words, "in passing")
        self._topics()
        for mail in self.catcher.mails[self._mails :]:
            self._mails += 1
            self._mail(mail)

    def _message(self, chat: Chat, posted: Posted) -> None:
        key, text = (chat.id, posted.message_id), posted.text
        before = self._texts.get(key)
        self._texts[key] = text
        if before is not None:
            if before != text and not posted.pinned:  # the card changes with every step: its first words are enough
                customer = self._wrote(text) if posted.by_bot else None
                words = f"changes its copy of what {customer} wrote" if customer else text
                self.told.say(
                    _door(chat), self._who(chat, posted), words, "" if customer else "in place of the last words"
                )
            return
        if posted.kind not in ("text", "photo", "voice", "document"):
            return
        if posted.by_bot and (customer := self._wrote(text)):
            with_it = "" if posted.kind == "text" else f", with the {posted.kind}"
            self.told.say(_door(chat), self._who(chat, posted), f"passes on what {customer} wrote{with_it}")
            return
        sign = "" if posted.kind == "text" else f"[{posted.kind}] "
        buttons = "  ".join(f"[{button['text']}]".replace(" ", "\u00a0") for button in posted.buttons)
        self.told.say(_door(chat), self._who(chat, posted), f"{sign}{text}", buttons)

    def _wrote(self, text: str) -> str | None:
        """The customer whose words these are: nobody wants to read them twice."""
        chats = [chat for chat in self.telegram.memory.chats.values() if chat.kind == "private"]
        for chat in chats:
            if any(not one.by_bot and one.text == text for one in chat.messages.values()):
                return chat.title
        return None

    def _who(self, chat: Chat, posted: Posted) -> str:
        name = "bot" if posted.by_bot else str(posted.json["from"]["first_name"])
        if chat.kind == "private":
            return f"bot → {chat.title}" if posted.by_bot else f"{name} → bot"
        topic = chat.topics.get(posted.thread_id or 0)
        return f"{name} → {_plain(topic.name) if topic else 'all staff'}"

    def _topics(self) -> None:
        for topic in self.telegram.group.topics.values():
            if topic.closed and topic.thread_id not in self._closed:
                self._closed.add(topic.thread_id)
                self.told.say("staff", _plain(topic.name), "the topic is closed")
            elif not topic.closed:
                self._closed.discard(topic.thread_id)

    def _mail(self, mail: Caught) -> None:
        message = mail.message
        note = f"{len(mail.raw) / 1024:.0f} KB{', one-click unsubscribe' if _one_click(mail) else ''}"
        self.told.say("mail", f"shop → {mail.receivers[0].partition('@')[0]}", str(message["Subject"]), note)


def _door(chat: Chat) -> str:
    return "chat" if chat.kind == "private" else "staff"


def _plain(name: str) -> str:
    """A topic's name without the sign of its state."""
    return re.sub(r"^[^#\w]+", "", name)


def _one_click(mail: Caught) -> bool:
    return bool(mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click")
