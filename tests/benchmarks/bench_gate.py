"""Mails a second through engine, all questions of the gate, template and outbox, with few and with many others waiting.

The relay takes everything at once, so what is measured is ours. The peer has 10,000 people waiting in the flow instead
of 1,000,000.
"""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from bench_enrolments import ROWS
from figures import Figure, measured
from sqlmodel import SQLModel

from automations import care
from automations.definition import flow_files, versions
from automations.definition.versions import Versions
from automations.gate.marketing import Marketing
from automations.running.engine import Engine
from bot.base import clock, due, ids, paths
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Outbox
from bot.outbound.sender import Outgoing, Receipt
from bot.tables.people import Consent, Contact, Identity
from bot.tables.shop import Cart

MAILS = 3_000


class Taker:
    ordered, exclusive, batch, claim = False, False, 50, 200
    taken = 0

    async def send(self, message: Outgoing) -> Receipt:
        self.taken += 1
        return Receipt(clock.now(), f"p{message.id}")

    async def close(self) -> None:
        pass


async def run() -> list[Figure]:
    few, many = await _rate(10_000), await _rate(1_000_000)
    return [
        Figure(
            "mails/s through the whole gate, 1,000,000 waiting (peer: 10,000)", f"{many:,.0f}", f"{few:,.0f}",
            f"{few / many:.2f} (goal below 1.5)",
        )
    ]  # fmt: skip


async def _rate(waiting: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        database = Database(f"sqlite:///{Path(name) / 'bench.db'}")
        async with database.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        config = Config.model_validate({"automations": {"quiet_hours": "off"}})
        ground = Ground(config, Texts([paths.templates()]), "secret")
        flows = flow_files.load(flow_files.folders(config))
        async with database.transaction() as session:
            version = (await versions.publish(session, flows, clock.now()))["abandoned_cart"]
            worker = await due.register(session, clock.now())
        await _fill(database, version, waiting)
        known, tips = Versions(), care.load([paths.templates()])
        mails = MailTemplates([paths.templates()], "en")
        taker = Taker()
        engine = Engine(database, ground, worker, known, tips)
        outbox = Outbox(database, {"email": taker}, {"marketing": Marketing(ground, mails, tips, known)}, worker)
        async with measured() as took:
            while await engine.move_due(clock.now()):
                pass
            while await outbox.deliver_due("email"):
                pass
        await outbox.landed()
        await database.close()
        assert taker.taken == MAILS, f"{taker.taken} of {MAILS} mails left"
        return MAILS / took.wall


async def _fill(database: Database, version: int, waiting: int) -> None:
    """People with an address, consent and a cart: some whose first hour is over, the rest who still wait."""
    now = clock.now()
    lines = [{"product_id": "lamp", "name": "Lamp", "price": 1990, "quantity": 1}]
    people, carts = table(Contact), table(Cart)
    for start in range(0, waiting + MAILS, 20_000):
        numbers = range(start + 1, min(start + 20_000, waiting + MAILS) + 1)
        due_now = [number for number in numbers if number <= MAILS]
        async with database.transaction() as session:
            await session.execute(sa.insert(people), [
                {"id": n, "status": "active", "first_name": "Ada", "last_name": "", "traits": {}, "created_at": now,
                 "last_seen_at": now} for n in numbers
            ])  # fmt: skip
            await session.execute(sa.insert(ROWS), [_enrolment(n, version, now) for n in numbers])
            if due_now:
                await session.execute(sa.insert(table(Identity)), [
                    {"contact_id": n, "kind": "email", "value": f"p{n}@example.org", "proven": True, "created_at": now}
                    for n in due_now
                ])  # fmt: skip
                await session.execute(sa.insert(table(Consent)), [
                    {"contact_id": n, "address_hash": ids.hash_address(f"p{n}@example.org", "secret"),
                     "channel": "email", "topic": "marketing", "action": "granted", "source": "bench", "at": now}
                    for n in due_now
                ])  # fmt: skip
                await session.execute(sa.insert(carts), [
                    {"kind": "cart", "cart_id": f"c{n}", "contact_id": n, "currency": "EUR", "total": 1990, "url": "",
                     "items": lines, "changed_at": now} for n in due_now
                ])  # fmt: skip


def _enrolment(number: int, version: int, now: Any) -> dict[str, Any]:
    # Due a moment ago: what is long due would be spread as after a downtime.
    at = now - timedelta(seconds=1) if number <= MAILS else now + timedelta(days=1)
    begun = now - timedelta(hours=2)
    return {
        "flow": "abandoned_cart", "version_id": version, "contact_id": number, "dedupe_key": f"cart:c{number}",
        "status": "active", "step_id": "idle", "anchor_ts": begun, "entered_at": begun, "step_entered_at": begun,
        "due_at": at, "planned_at": at, "context": {"cart_id": f"c{number}"}, "attempts": 0, "resets": 0, "variant": "",
    }  # fmt: skip
