"""Two customers, two colleagues and chance: random work in two topics, and what would leave for the customers of it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import make
import msgspec
import sqlalchemy as sa
from conftest import NOON
from deskwork import GROUP
from sqlalchemy.ext.asyncio import AsyncSession

from bot.base.database import table
from bot.outbound.sender import Receipt
from bot.outbound.stage import Defer, Outcome, Send, Skip
from bot.support import conversation
from bot.support.desk import Desk
from bot.support.staff_room import registry, speaking
from bot.support.stages import stages
from bot.support.tickets import edits, keyboard
from bot.support.typed import Pressed
from bot.tables.chat import StaffMember
from bot.tables.outbox import Message
from bot.tables.support import Ticket, TicketMessage

_ROWS, _SAID = table(Message), table(TicketMessage)
_PUBLIC = ("close", "tell")  # whose words are meant for customers
_HEAVY = ("export", "forget")
_QUIET = tuple(name for name in registry.COMMANDS if name not in (*_PUBLIC, *_HEAVY))
_NOTES = ("//{}", "// {}", "／／{}", "/note {}", "/NOTE {}", "/note\n{}", "/note@shop_bot {}", "  //{}")
_WRONG = ("/nte {}", "/{}", "/ {}", "/noet@shop_bot {}", "／答复 {}", "/note{}")
_PLAIN = ("Hello!", "We look into it.", "Done :)", "It left today", "请稍等")


class LeakError(AssertionError):
    """A customer would have read it."""


@dataclass
class Room:
    """`secrets` are the words that must stay inside from now on, `messages` the ids of messages that carry them.

    `notes` are those messages that are notes; the others are commands.
    """

    session: AsyncSession
    desk: Desk
    people: Sequence[int]
    staff: Sequence[int]
    tickets: Sequence[int]
    chance: random.Random
    now: datetime = NOON
    number: int = 100
    secrets: set[str] = field(default_factory=set)
    messages: set[int] = field(default_factory=set)
    notes: set[int] = field(default_factory=set)
    asked: dict[int, str] = field(default_factory=dict)  # by message: words that somebody may still decide to send
    told: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    left: int = 0

    def again(self, seed: int) -> "Room":
        """The same room up to now, for another continuation."""
        copied = {
            name: type(value)(value) for name, value in vars(self).items() if isinstance(value, set | dict | list)
        }
        return replace(self, chance=random.Random(seed), **copied)

    async def step(self) -> None:
        """One thing that somebody does."""
        self.now += timedelta(seconds=self.chance.choice((0, 0, 1, 2, 4, 6, 30, 70)))
        doing = self.chance.choices(
            (self.note, self.plain, self.command, self.press, self.edit, self.customer, self.album, self.leave),
            weights=(4, 4, 4, 6, 3, 2, 1, 3),
        )[0]
        await doing()

    async def note(self) -> None:
        """Marked as a note, or an answer to one."""
        words = self._secret()
        if self.notes and self.chance.random() < 0.4:
            await self._write(words, reply_to=self.chance.choice(sorted(self.notes)), inside=True)
        else:
            await self._write(self.chance.choice(_NOTES).format(words), inside=True)
        self.notes.add(self.number)

    async def plain(self) -> None:
        """Goes to the customer, or a question comes of it."""
        words = f"{self.chance.choice(_PLAIN)} <{self.chance.randrange(10**9):09}>"
        self.asked[self.number + 1] = words
        await self._write(words)

    async def command(self) -> None:
        words = self._secret()
        if self.chance.random() < 0.3:
            await self._write(self.chance.choice(_WRONG).format(words), inside=True)
            return
        name = self.chance.choice((*_QUIET, "take", "m", "undo", "reopen"))
        fitting = {
            "m": ("photo", "close", "", words), "lang": ("zh", words), "prio": ("high", words), "snooze": ("2h", words),
            "merge": ("#2", "#1", words), "split": ("", words), "idea": (f"note 1 {words}", "1", "1 shipped"),
            "feedback": ("suggestion", f"complaint {words}"), "wait": ("customer", "supplier", words),
        }.get(name, ("", words))  # fmt: skip
        reply = self.chance.choice([None, *sorted(self.messages)[-3:], *list(self.asked)[-3:]])
        await self._write(f"/{name} {self.chance.choice(fitting)}".strip(), reply_to=reply, inside=True)

    async def press(self) -> None:
        """Any button that stands anywhere, by anybody, as often as they like."""
        data = await self._buttons()
        if not data:
            return
        pressed = self.chance.choice(data)
        who = await self._somebody()
        words = await registry.press(
            self.session, pressed, Pressed(self.desk, who, "", 0, "", GROUP, self.chance.randrange(1, 200), self.now)
        )
        await self._settle_questions()
        self.told.append(f"{self.now:%H:%M:%S} {who.name} presses {pressed} -> {words!r}")

    async def edit(self) -> None:
        """Somebody changes what they wrote: a note into plain words, plain words into a note."""
        if not self.number or not (self.messages or self.asked):
            return
        number = self.chance.choice([*self.messages, *self.asked])
        if number in self.messages:
            words = self._secret()
            text = self.chance.choice(("{}", "Hello {}", "//{}", "/send {}")).format(words)
        else:
            words = self._secret()
            text = self.chance.choice(("//{}", "/note {}", "/nte {}", "／／{}")).format(words)
        edited = edits.Edited(f"telegram:{GROUP}:{number}", text, self.now, self.number + len(self.told))
        await edits.staff_edited(self.session, self.desk, await self._somebody(), edited, self.now)
        await self._settle_questions()
        self.told.append(f"{self.now:%H:%M:%S} message {number} becomes {text!r}")

    async def customer(self) -> None:
        self.number += 1
        who = self.chance.randrange(len(self.people))
        said = conversation.Said(
            contact_id=self.people[who],
            channel="telegram",
            text=self.chance.choice(("Hello?", "I want to talk to a person", "thanks", "Where is it")),
            provider_key=f"telegram:{501 + who}:{self.number}",
            at=self.now,
            received_at=self.now,
            source={"chat_id": 501 + who, "message_id": self.number},
        )
        await conversation.customer_said(self.session, self.desk, said, self.now)
        self.told.append(f"{self.now:%H:%M:%S} customer {who} says {said.text!r}")

    async def album(self) -> None:
        """Pictures that come one by one; only one of them says that they are a note."""
        name, words = f"album{self.number}", self._secret()
        marked = self.chance.randrange(3)
        room, who = self.chance.randrange(len(self.tickets)), await self._somebody()
        for place in range(3):
            picture = {"kind": "photo", "file_id": f"{name}{place}", "name": "", "album": name}
            await self._write(f"//{words}" if place == marked else "", inside=True, attachment=picture, at=(room, who))

    async def leave(self) -> None:
        """What is due leaves; whatever a customer would read is looked at."""
        rows = await self._due(self.now)
        known = stages(self.desk)
        for row in rows:
            if row["id"] in self.gone:
                continue
            looks = (
                await known[row["purpose"]].prepare(self.session, [row], self.now) if row["purpose"] in known else {}
            )
            look = looks.get(row["id"], Send(row["payload"]))
            await self._end(known, row, look)
        if rows:
            self.told.append(f"{self.now:%H:%M:%S} {len(rows)} messages leave")

    async def _end(self, known: Mapping[str, Any], row: Mapping[str, Any], look: Send | Skip | Defer) -> None:
        change = sa.update(_ROWS).where(_ROWS.c.id == row["id"])
        if isinstance(look, Defer):
            await self.session.execute(change.values(due_at=look.until))
            return
        if isinstance(look, Skip):
            await self.session.execute(change.values(due_at=None, status="skipped", skip_reason=look.reason))
            return
        self.check(look.payload)
        for one in (row, *look.riders):
            self.left += 1
            self.gone.add(one["id"])
            ended = sa.update(_ROWS).where(_ROWS.c.id == one["id"])
            await self.session.execute(ended.values(due_at=None, status="sent", provider_id=str(9000 + self.left)))
            receipt = Receipt(
                self.now,
                str(9000 + self.left),
                {"chat_id": one["payload"].get("chat_id", 0), "message_ids": [9000 + self.left]},
            )
            if one["purpose"] in known:
                await known[one["purpose"]].settled(self.session, one, Outcome("sent", self.now, receipt=receipt))

    def check(self, payload: Mapping[str, Any]) -> None:
        """Nothing that stays inside, in words or as a copy."""
        text = msgspec.json.encode(payload).decode()
        for secret in self.secrets:
            if secret in text:
                raise LeakError(f"{secret} in {text}")
        copied = {payload.get("copy", {}).get("message_id"), *payload.get("album", {}).get("message_ids", ())}
        copied |= {file.get("source") for file in payload.get("files", ())}
        if copied & self.messages and payload.get("copy", payload.get("album", {})).get("chat_id", GROUP) == GROUP:
            raise LeakError(f"a copy of message {copied & self.messages}")

    async def look(self) -> None:
        """What would leave in the end, looked at without sending it."""
        known = stages(self.desk)
        for row in await self._due(self.now + timedelta(minutes=10)):
            looks = (
                await known[row["purpose"]].prepare(self.session, [row], self.now) if row["purpose"] in known else {}
            )
            look = looks.get(row["id"], Send(row["payload"]))
            if isinstance(look, Send):
                self.check(look.payload)

    async def _somebody(self) -> StaffMember:
        found = await self.session.get(StaffMember, self.chance.choice(self.staff))
        assert found is not None
        return found

    async def _ticket(self, place: int) -> Ticket:
        found = await self.session.get(Ticket, self.tickets[place])
        assert found is not None
        return found

    def _secret(self) -> str:
        words = f"secret{self.chance.randrange(10**12):012}"
        self.secrets.add(words)
        return words

    async def _write(
        self,
        text: str,
        *,
        reply_to: int | None = None,
        inside: bool = False,
        attachment: Mapping[str, Any] | None = None,
        at: tuple[int, StaffMember] | None = None,
    ) -> None:
        self.number += 1
        if inside:
            self.messages.add(self.number)
        place, who = at or (self.chance.randrange(len(self.tickets)), await self._somebody())
        said = speaking.Wrote(
            text,
            f"telegram:{GROUP}:{self.number}",
            {"chat_id": GROUP, "message_id": self.number},
            self.now,
            attachment or {},
            f"telegram:{GROUP}:{reply_to}" if reply_to else None,
        )
        ticket = await self._ticket(place)
        answer = await speaking.wrote(self.session, self.desk, ticket, who, said, self.now)
        await self._settle_questions()
        self.told.append(
            f"{self.now:%H:%M:%S} {who.name} in {place} as {self.number}: {text!r} to {reply_to} -> {answer!r}"
        )

    async def _settle_questions(self) -> None:
        """What was kept, or called back, stays inside from now on: notes that nobody is asked about (any more)."""
        keys = {f"telegram:{GROUP}:{number}" for number in self.asked if number not in self.notes}
        if not keys:
            return
        kept = sa.select(_SAID.c.provider_key).where(
            _SAID.c.provider_key.in_(keys), _SAID.c.author == "note", _SAID.c.asked_at.is_(None)
        )
        for key in await self.session.scalars(kept):
            number = int(key.split(":")[2])
            self.secrets.add(self.asked[number][-11:])
            self.messages.add(number)
            self.notes.add(number)

    async def _buttons(self) -> list[str]:
        shown = sa.select(_ROWS.c.payload).where(_ROWS.c.channel == "staff_topic")
        rows = [row for payload in await self.session.scalars(shown) for row in payload.get("buttons") or ()]
        for place in range(len(self.tickets)):
            ticket = await self._ticket(place)
            rows += [*keyboard.main(self.desk, ticket), *keyboard.more(self.desk, ticket)]
        return sorted({one["data"] for row in rows for one in row if "data" in one and "forget" not in one["data"]})

    async def _due(self, until: datetime) -> list[Mapping[str, Any]]:
        due = sa.select(_ROWS).where(_ROWS.c.channel != "staff_topic", _ROWS.c.due_at <= until)
        rows = (await self.session.execute(due.order_by(_ROWS.c.priority, _ROWS.c.id))).mappings()
        return [dict(row) for row in rows]


async def open_room(session: AsyncSession, desk: Desk, seed: int) -> Room:
    """Ada and Eva wait for an answer, each in a topic; nobody has taken them."""
    people = [await make.telegram_contact(session), await make.telegram_contact(session, 502, first_name="Eva")]
    staff = [await make.staff(session), await make.staff(session, "Ben", 902)]
    for place, contact in enumerate(people):
        said = conversation.Said(
            contact_id=contact.id or 0,
            channel="telegram",
            text="My lamp is broken, I want to talk to a person",
            provider_key=f"telegram:{501 + place}:1",
            at=NOON,
            received_at=NOON,
            source={"chat_id": 501 + place, "message_id": 1},
        )
        await conversation.customer_said(session, desk, said, NOON)
    tickets = list(await session.scalars(sa.select(table(Ticket).c.id).order_by(table(Ticket).c.id)))
    return Room(
        session, desk, [one.id or 0 for one in people], [one.id or 0 for one in staff], tickets, random.Random(seed)
    )
