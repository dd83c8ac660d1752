"""What two strangers found who knew the code: each of these worked on the first day of the ranks."""

from collections.abc import AsyncIterator

import letters
import pytest
import sqlalchemy as sa
import trust_world
from conftest import NOON
from mail_office import MailOffice, opened
from trust_world import ADA, EVE, MUG, TrustWorld, track

from bot import contacts
from bot.base.database import Database, table
from bot.base.texts import Texts
from bot.contacts import claims
from bot.events import permissions
from bot.tables.automations import Enrolment
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, OptIn, Suppression
from bot.tables.support import TicketEvent

BOB, STRANGER = "bob@example.org", "stranger@third.example"


@pytest.fixture
async def world(database: Database, texts: Texts) -> AsyncIterator[TrustWorld]:
    async with await trust_world.opened(database, texts) as made:
        await made.history()
        yield made


@pytest.fixture
async def office(database: Database, texts: Texts) -> AsyncIterator[MailOffice]:
    async with opened(database, texts) as made:
        yield made


@pytest.mark.parametrize("kind", ["page", "screen", "group", "identify", "alias"])
@pytest.mark.parametrize("name", sorted(permissions.EVENTS))
def test_no_call_is_taken_for_the_event_whose_name_it_has(kind: str, name: str) -> None:
    for rank in ("shop", "person", "page"):
        assert permissions.of_event(kind, f" {name.upper()} ", rank) == "refused"  # type: ignore[arg-type]


async def test_a_page_that_is_called_like_an_event_starts_nothing(world: TrustWorld) -> None:
    call = {"type": "page", "anonymousId": "eve", "name": "Order Completed", "properties": {"order_id": "1001"}}
    before = len(await world.rows(Enrolment))
    assert await world.page(call) == ["refused"]
    assert len(await world.rows(Enrolment)) == before


async def test_who_claims_two_people_learns_nothing_of_the_first(world: TrustWorld) -> None:
    for email in (ADA, EVE):
        await world.page({"type": "identify", "anonymousId": "eve", "traits": {"email": email}})
    (event,) = (await world.rows(Event, kind="identify"))[-1:]
    async with world.database.reading() as session:
        assert await claims.owners(session, [event.contact_id]) == []


async def test_a_number_that_a_stranger_guessed_keeps_nobody_out(world: TrustWorld) -> None:
    await world.page(track("Checkout Started", anonymousId="eve", email=EVE, checkout_id="5000", products=[MUG]))
    await world.server(track("Checkout Started", userId="u-bob", email=BOB, checkout_id="5000", products=[MUG]))
    rows = await world.rows(Enrolment, flow="abandoned_checkout")
    async with world.database.reading() as session:
        bob = await contacts.find(session, "email", BOB)
    assert bob is not None
    assert [row.contact_id for row in rows if row.status == "active"].count(bob.id) == 1


async def test_ids_that_we_derive_cannot_be_taken_beforehand(world: TrustWorld) -> None:
    coming = max([row.id or 0 for row in await world.rows(Event)]) + 1
    await world.page(*(
        {"type": "page", "anonymousId": "eve", "messageId": f"consent_trait:{number}"}
        for number in range(coming, coming + 40)
    ))  # fmt: skip
    yes = {"email": "new@example.org", "marketing_consent": True}
    await world.page({"type": "identify", "anonymousId": "new", "traits": yes})
    assert "new@example.org" in [row.address for row in await world.rows(OptIn)]


async def test_a_forged_mail_with_the_word_stop_takes_nothing_back(office: MailOffice) -> None:
    await office.comes(letters.letter("STOP", sender=f"Ada <{ADA}>"))
    async with office.here.database.reading() as session:
        assert (await session.scalars(sa.select(table(Consent).c.id))).all() == []
        assert (await session.scalars(sa.select(table(Suppression).c.id))).all() == []


async def test_a_name_beside_an_address_is_no_sentence_and_never_that_of_somebody_known(office: MailOffice) -> None:
    async with office.here.database.transaction() as session:
        await contacts.find_or_create(session, [("email", ADA)], NOON, rank="shop")
    await office.comes(letters.letter("Hello?", sender=f'"Eve Evil" <{ADA}>'))
    await office.comes(
        letters.letter("Hello?", sender=f'"https://evil.example/login now" <{STRANGER}>', message_id="<2@x.example>")
    )
    async with office.here.database.reading() as session:
        people = (await session.scalars(sa.select(Contact).order_by(Contact.id))).all()
    assert [one.first_name for one in people] == ["", ""]


async def test_our_answer_carries_no_address_of_a_forged_mail(office: MailOffice) -> None:
    subject = "You won 1000 EUR - claim at https://evil.example/claim"
    await office.comes(letters.letter("What are your opening hours?", sender=STRANGER, subject=subject))
    written = await office.mails()
    assert written and all("evil" not in str(mail["payload"]["subject"]) for mail in written)


async def test_invented_senders_ring_the_house_a_few_times_and_no_more(office: MailOffice) -> None:
    for number in range(9):
        name, mark = f"ada@third{number}.example", f"<{number}@third.example>"
        await office.comes(letters.letter("my baby swallowed the battery", sender=name, message_id=mark))
    async with office.here.database.reading() as session:
        rows = table(TicketEvent)
        assert len((await session.scalars(sa.select(rows.c.id).where(rows.c.name == "danger"))).all()) == 9
    texts = [str(row["payload"].get("text", "")) for row in await _notices(office)]
    assert sum("life or health" in text for text in texts) == 5
    assert sum("many messages of danger" in text for text in texts) == 1


async def _notices(office: MailOffice) -> list[dict[str, object]]:
    async with office.here.database.reading() as session:
        rows = table(Message)
        found = await session.execute(
            sa.select(rows).where(rows.c.purpose == "notice", rows.c.channel == "staff_topic")
        )
        return [dict(row) for row in found.mappings()]
