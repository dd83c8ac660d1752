"""At the desk: questions with a ready answer, cases for a person, and a wish that comes true."""

import asyncio
import re
from typing import Any

from bot.demo.acting import WITHIN, Acting, button_in
from bot.demo.customers import CLARA
from bot.demo.stage import PROMISE
from bot.demo.telegram_memory import Posted, Topic
from bot.demo.telegram_people import Shopper
from bot.demo.trouble import Trouble
from bot.support.feedback import heard


class AtTheDesk(Acting):
    def __init__(self, *what: Any) -> None:
        super().__init__(*what)
        telegram = self.stage.telegram
        self.anna = telegram.shopper(1001, "Anna", "en")
        self.ben = telegram.shopper(1002, "Ben", "en")
        self.clara = telegram.shopper(1004, "Clara", "en")
        self.li_wei = telegram.shopper(1003, "Li Wei", "zh-hans")
        self.mia = telegram.staff(9001, "Mia", "en")

    async def anna_asks(self) -> None:
        self.anna.says(self.words["anna"]["question"])
        await self.until("Anna gets a ready answer", lambda: self.anna.received)

    async def li_wei_asks(self) -> Topic:
        said = self.words["li_wei"]
        self.li_wei.says(said["question"])
        await self.until("Li Wei gets a ready answer", lambda: self.li_wei.received)
        await asyncio.sleep(0.8)
        self.li_wei.says(said["request"])
        return await self.topic("Li Wei")

    async def ben_is_helped(self) -> None:
        said = self.words["ben"]
        self.ben.sends_photo(said["request"])
        topic = await self.topic("Ben")
        await asyncio.sleep(1.0)
        await self.press(self.mia, "1:take:", topic)
        await self._note(topic, said["note"])
        await self._answer(self.ben, topic, said["answer"])
        await asyncio.sleep(0.8)
        thanks = self.ben.says(said["thanks"])
        await self.in_topic(topic, "Ben's thanks are in the topic", lambda one: said["thanks"] in one.text)
        await asyncio.sleep(0.8)
        self.ben.edits(thanks, said["changed"])
        await self.in_topic(topic, "the copy in the topic has Ben's new words", lambda one: said["changed"] in one.text)
        await self._clock(topic, "met")
        await self._wishes(topic, said["wish"])
        await self._close(self.ben, topic)
        await self._rate(self.ben, 5)

    async def _note(self, topic: Topic, words: str) -> None:
        """Among staff; the bot's sign below it says that it stayed inside."""
        note = self.mia.chat.messages[self.mia.says(words, topic.thread_id)]
        await self.until("the bot marks Mia's note", lambda: note.reactions)
        plain = words.lstrip("/")
        read = [one for one in self._of_customers() if plain in one.text]
        if read:
            raise Trouble("a note reached a customer", self.stage.program.tail())
        self.told.say("staff", "bot → Mia's note", f"{note.reactions[-1]} it stays inside: in no chat of a customer")

    def _of_customers(self) -> list[Posted]:
        chats = self.stage.telegram.memory.chats.values()
        return [one for chat in chats if chat.kind == "private" for one in chat.messages.values()]

    async def _wishes(self, topic: Topic, wish: str) -> None:
        """Ben's words become a card of the board."""
        self.ben.says(wish)
        await self.in_topic(topic, "Ben's wish is in the topic", lambda one: wish in one.text)
        self.mia.says("/feedback suggestion", topic.thread_id)
        noted = self.pattern("staff.idea.noted.suggestion")
        await self.in_topic(topic, "the wish is on the board", lambda one: one.by_bot and noted.search(one.text))

    async def wish_comes_true(self) -> None:
        """Staff see what customers will read before anything leaves; then everybody who asked is told, once."""
        before, said = len(self.ben.received), self.words["ben"]
        self.mia.says(f"/tell 1 {said['granted']}")
        await self.press(self.mia, "1:idea_to:{}:shipped")
        await self.press(self.mia, "1:idea_end:{}:shipped")
        await self.until("Ben is told", lambda: len(self.ben.received) > before)

        async def told() -> heard.Heard | None:
            async with self.database.reading() as session:
                return next((one for one in await heard.report(session) if one.told), None)

        card = await self.until_read("the board knows that Ben was told", told)
        self.told.say("report", "board", f"💡{card.number} {card.status}: asked {card.asked}, told {card.told}")

    async def li_wei_is_late(self, topic: Topic) -> None:
        said, group = self.words["li_wei"], self.stage.telegram
        missed = self.pattern("staff.sla.breached")
        what = "the missed promise is told in Li Wei's topic"
        await self.in_topic(topic, what, lambda one: missed.search(one.text), PROMISE + WITHIN)
        await asyncio.sleep(2.0)
        await self.press(self.mia, "1:take:", topic)
        await self._macro(topic, said["macro"])
        await self._answer(self.li_wei, topic, said["answer"])
        await self._clock(topic, "breached")
        await self._close(self.li_wei, topic)
        low = self.pattern("staff.low_score")
        await self._rate(self.li_wei, 1)
        await self.until(
            "all staff hear of the low rating",
            lambda: [one for one in group.messages(group.group.id) if one.thread_id is None and low.search(one.text)],
        )
        self.li_wei.says(said["comment"])
        await self.until(
            "all staff read the comment",
            lambda: [
                one for one in group.messages(group.group.id) if said["comment"] in one.text and not one.thread_id
            ],
        )

    async def clara_proves_who_she_is(self) -> None:
        """Orders are told to nobody who could be anybody: a code to the address of the order shows that it is she."""
        self.clara.says(self.words["clara"]["question"])
        await self.until("Clara is asked for her mail address", lambda: self.clara.received)
        await asyncio.sleep(0.6)
        self.clara.says(CLARA.email)
        mail = await self.mail(CLARA, "the mail with Clara's code", marketing=False)
        code = re.search(r"\b\d{3} ?\d{3}\b", mail.part("plain"))
        if code is None:
            raise Trouble(f"no code in {mail.file}")
        await asyncio.sleep(0.6)
        self.clara.says(code[0])
        await self.until("Clara reads how her order stands", lambda: "#1001" in self.clara.received[-1].text)

    async def _answer(self, shopper: Shopper, topic: Topic, words: str) -> None:
        """Mia, who has the case, writes in its topic."""
        self.mia.says(words, topic.thread_id)
        name = shopper.user["first_name"]
        await self.until(f"{name} gets Mia's answer", lambda: [one for one in shopper.received if words in one.text])

    async def _macro(self, topic: Topic, name: str) -> None:
        """A text of the house, shown to Mia as Li Wei will read it, then sent."""
        before = len(self.li_wei.received)
        self.mia.says(f"/m {name}", topic.thread_id)
        await self.press(self.mia, "1:draft_send:", topic)
        await self.until("Li Wei gets the words of the macro", lambda: len(self.li_wei.received) > before)

    async def _clock(self, topic: Topic, state: str) -> None:
        self.mia.says("/sla", topic.thread_id)
        verdict = self.texts.say("en", f"staff.sla.state.{state}")
        await self.in_topic(topic, f"/sla says “{verdict}”", lambda one: one.by_bot and verdict in one.text)

    async def _close(self, shopper: Shopper, topic: Topic) -> None:
        self.mia.says("/close", topic.thread_id)
        name = shopper.user["first_name"]
        await self.until(f"{name} is asked for a rating", lambda: button_in(shopper.received, "1:rate:"))
        await self.until(f"the topic of {name} is closed", lambda: topic.closed)

    async def _rate(self, shopper: Shopper, score: int) -> None:
        await asyncio.sleep(0.8)
        before = len(shopper.received)
        await self.press(shopper, f"1:rate:{{}}:{score}")
        await self.until("thanks for the rating", lambda: len(shopper.received) > before)
