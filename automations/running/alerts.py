"""Requests to be told when something is back: taken down, released a batch at a time, and used up by one mail."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from automations.asking import facts
from bot import contacts
from bot.base import logs, work
from bot.base.config.topics import BACK_IN_STOCK
from bot.base.database import insert, table
from bot.events import Happened, people
from bot.shops import catalogue, lines, prices
from bot.tables.automations import Enrolment
from bot.tables.catalogue import StockAlert
from bot.tables.events import Event
from bot.tables.outbox import Message

log = logs.get(__name__)

TOPIC = BACK_IN_STOCK
LOOK_AFTER = timedelta(hours=1)
"""When it is looked at what became of the mail of a released request, and how often."""

_OPEN = ("asked", "waiting", "released")
_OVER: Mapping[str, Any] = {"due_at": None, "lease_until": None, "lease_by": None}
_GIVEN_UP = frozenset({"goal", "unsubscribed", "complained", "erased", "variant_bought", "alert_closed"})
"""Ends of an enrolment after which nobody waits any more; after others the request waits for the next restock."""

_rows, _events = table(StockAlert), table(Event)
_enrolments, _messages = table(Enrolment), table(Message)


async def ask(session: AsyncSession, secret: str, happened: Happened, holds: timedelta, now: datetime) -> None:
    """Somebody wants to be told. Asking again while the request waits only makes it hold longer.

    The request is the consent to this one kind of mail, and is written down as such.
    """
    assert happened.contact_id is not None
    said = happened.properties
    variant_id = lines.text(said.get("variant_id"))
    product_id = lines.text(said.get("product_id")) or await catalogue.product_of(session, happened.store, variant_id)
    product_id, variant_id = await catalogue.named(session, happened.store, product_id, variant_id)
    if not product_id or (not variant_id and await catalogue.has_variants(session, happened.store, product_id)):
        log.warning("a request to be told of stock names no variant", event_id=happened.id, product_id=product_id)
        return
    expires = happened.ts + holds
    if expires <= now:
        return
    thing = happened.store, product_id, variant_id
    # What a page says may be anybody's wish: it counts once the reader of that mailbox has said yes.
    status = "asked" if happened.rank == "page" else "waiting"
    mine = _of(happened.contact_id, thing, (status,))
    if (alert_id := await session.scalar(sa.select(_rows.c.id).where(mine).limit(1))) is not None:
        later = sa.update(_rows).where(_rows.c.id == alert_id, _rows.c.expires_at < expires)
        await session.execute(later.values(expires_at=expires, due_at=expires))
    elif await session.scalar(sa.select(_rows.c.id).where(_of(happened.contact_id, thing, _OPEN))):
        return  # their mail is on its way
    else:
        await session.execute(
            sa.insert(_rows).values(
                contact_id=happened.contact_id, store=happened.store, product_id=product_id, variant_id=variant_id,
                status=status, requested_at=happened.ts, expires_at=expires, due_at=expires, releases=0, attempts=0,
            )
        )  # fmt: skip
    await _write_down(session, secret, happened)


async def named(session: AsyncSession, secret: str, happened: Happened) -> None:
    """Who asked without a name has one now: their request counts for the address that they gave."""
    mine = sa.select(_rows.c.id).where(_rows.c.contact_id == happened.contact_id, _rows.c.status.in_(_OPEN))
    if await session.scalar(mine.limit(1)) is not None:
        await _write_down(session, secret, happened)


async def _write_down(session: AsyncSession, secret: str, happened: Happened) -> None:
    assert happened.contact_id is not None
    if happened.rank == "page":
        await people.ask_back(session, secret, happened, TOPIC)
        return
    named = contacts.normalise("email", happened.properties.get("email") or happened.traits.get("email"))
    owner = await contacts.find(session, "email", named) if named else None
    if owner is None or owner.id != happened.contact_id:
        newest = await contacts.address(session, happened.contact_id, "email")
        named = newest.value if newest else None
    if named is None:
        return
    last = await contacts.allowed(session, secret, "email", named, TOPIC)
    asked = happened.kind == "track"
    if last is None or (asked and last.action != "granted" and happened.ts > last.at):
        proof = {"ip": happened.context.get("ip"), "user_agent": happened.context.get("userAgent")}
        texts = {name: value for name, value in proof.items() if isinstance(value, str)}
        await contacts.allow(
            session, secret, happened.contact_id, "email", named, TOPIC, happened.source, happened.ts, True, **texts
        )


async def cancel(session: AsyncSession, happened: Happened) -> None:
    """They take it back; without a variant all of that product, without a product everything."""
    product_id = lines.text(happened.properties.get("product_id"))
    variant_id = lines.text(happened.properties.get("variant_id"))
    where = [_rows.c.contact_id == happened.contact_id, _rows.c.status.in_(_OPEN)]
    where += [_rows.c.product_id == product_id] if product_id else []
    where += [_rows.c.variant_id == variant_id] if variant_id else []
    where += [_rows.c.store.in_((happened.store, ""))] if happened.store and (product_id or variant_id) else []
    await session.execute(sa.update(_rows).where(*where).values(status="cancelled", **_OVER))


async def cancel_all(session: AsyncSession, contact_id: int) -> None:
    mine = sa.update(_rows).where(_rows.c.contact_id == contact_id, _rows.c.status.in_(_OPEN))
    await session.execute(mine.values(status="cancelled", **_OVER))


async def product_gone(session: AsyncSession, store: str, product_id: str) -> None:
    """It will not come back. What waits for a mail finds its request closed."""
    theirs = sa.update(_rows).where(_rows.c.product_id == product_id, _rows.c.store == store, _rows.c.status.in_(_OPEN))
    await session.execute(theirs.values(status="cancelled", **_OVER))


async def bought(session: AsyncSession, happened: Happened) -> None:
    """Who bought it waits for it no more."""
    listed = happened.properties.get("products")
    named = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    things = {(lines.text(one.get("product_id")), lines.text(one.get("variant_id"))) for one in named}
    things |= {(variant_id, "") for _, variant_id in things if variant_id}  # a variant that is a product of its own
    if not things:
        return
    mine = sa.select(_rows.c.id, _rows.c.product_id, _rows.c.variant_id).where(
        _rows.c.contact_id == happened.contact_id, _rows.c.status.in_(_OPEN), _rows.c.requested_at <= happened.ts,
        _rows.c.store.in_((happened.store, "")) if happened.store else sa.true(),
    )  # fmt: skip
    done = [
        row.id for row in await session.execute(mine)
        if {(row.product_id, row.variant_id), (row.product_id, "")} & things
    ]  # fmt: skip
    if done:
        ended = sa.update(_rows).where(_rows.c.id.in_(done))
        await session.execute(ended.values(status="cancelled", **_OVER))


async def release(session: AsyncSession, thing: prices.Thing, most: int, now: datetime) -> int:
    """Tell up to `most` of those who wait, who asked first comes first. Returns how many.

    Each gets an event of their own, which starts the flow.
    """
    store, product_id, variant_id = thing
    waiting = sa.select(_rows.c.id, _rows.c.contact_id, _rows.c.releases).where(
        _rows.c.store == store, _rows.c.product_id == product_id, _rows.c.variant_id == variant_id,
        _rows.c.status == "waiting", _rows.c.expires_at > now,
    )  # fmt: skip
    waiting = waiting.order_by(_rows.c.requested_at, _rows.c.id).limit(most)
    # One that is being taken back just now is left alone.
    taken = (await session.execute(waiting.with_for_update(skip_locked=True))).all()
    if not taken:
        return 0
    said = {"product_id": product_id, **({"variant_id": variant_id} if variant_id else {})}
    told = [
        (f"alert:{row.id}:{row.releases + 1}", row.contact_id, said) for row in taken
    ]  # fmt: skip
    ids = await tell(session, "Product Back In Stock", store, told, now)
    await session.execute(
        sa.update(_rows).where(_rows.c.id == sa.bindparam("alert")).values(
            status="released", released_at=now, releases=_rows.c.releases + 1, due_at=now + LOOK_AFTER,
            event_id=sa.bindparam("told", type_=_rows.c.event_id.type), attempts=0, lease_until=None, lease_by=None,
        ),
        [{"alert": row.id, "told": ids.get(key)} for row, (key, _, _) in zip(taken, told, strict=True)],
    )  # fmt: skip
    return len(taken)


async def tell(
    session: AsyncSession, name: str, store: str, told: Sequence[tuple[str, int, Mapping[str, Any]]], now: datetime
) -> dict[str, int]:
    """Write down an event of ours for each of these people: (message id, contact, properties). Returns their ids."""
    rows = [
        {
            "source": catalogue.SOURCE, "rank": "shop", "store": store, "message_id": key, "kind": "track",
            "name": name, "ts": now, "received_at": now,
            "contact_id": contact_id, "body": {"properties": said}, "status": "new", "due_at": now, "attempts": 0,
        }
        for key, contact_id, said in told
    ]  # fmt: skip
    found: dict[str, int] = {}
    for start in range(0, len(rows), 500):
        put = insert(session, _events).values(rows[start : start + 500]).on_conflict_do_nothing()
        added = await session.execute(put.returning(_events.c.message_id, _events.c.id))
        found |= {row.message_id: row.id for row in added}
    work.kick(session, "events")
    return found


async def review(session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    """What is due: requests that expire, and released ones whose mail left, or did not.

    Returns those that wait again, so that somebody looks whether there still is something for them.
    """
    ended = [row["id"] for row in rows if row["status"] in ("asked", "waiting") and row["expires_at"] <= now]
    released = [row for row in rows if row["status"] == "released"]
    became = await _what_became(session, released)
    changes: dict[str, list[int]] = {"expired": ended}
    for row in released:
        changes.setdefault(became[row["id"]], []).append(row["id"])
    again = changes.pop("waiting", [])
    for status, ids in changes.items():
        if status != "released" and ids:
            over = sa.update(_rows).where(_rows.c.id.in_(ids), _rows.c.status.in_(_OPEN))
            await session.execute(over.values(status=status, **_OVER))
    still = [row["id"] for row in rows if row["id"] in changes.get("released", ())]
    later = sa.update(_rows).where(_rows.c.id.in_(still), _rows.c.status == "released")
    await session.execute(later.values({**_OVER, "due_at": now + LOOK_AFTER}))
    back = sa.update(_rows).where(_rows.c.id.in_(again), _rows.c.status == "released")
    await session.execute(back.values({**_OVER, "status": "waiting", "due_at": _rows.c.expires_at}))
    return [row for row in released if row["id"] in again]


async def _what_became(session: AsyncSession, released: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """By request: `sent`, `cancelled`, `waiting` (again), or `released` while it is not decided."""
    people = sorted({row["contact_id"] for row in released})
    told = {row["event_id"]: row["id"] for row in released if row["event_id"] is not None}
    became = {row["id"]: "waiting" for row in released}
    if not told:
        return became
    undecided = sa.select(_events.c.id).where(_events.c.id.in_(sorted(told)), _events.c.due_at.is_not(None))
    for event_id in await session.scalars(undecided):
        became[told[event_id]] = "released"
    entered = sa.select(
        _enrolments.c.id, _enrolments.c.anchor_event_id, _enrolments.c.status, _enrolments.c.exit_reason
    ).where(_enrolments.c.contact_id.in_(people), _enrolments.c.anchor_event_id.in_(sorted(told)))
    enrolments = (await session.execute(entered)).all()
    left = await _left(session, [row.id for row in enrolments])
    for row in enrolments:
        if row.id in left:
            became[told[row.anchor_event_id]] = "sent"
        elif row.status == "active":
            became[told[row.anchor_event_id]] = "released"
        elif row.exit_reason in _GIVEN_UP:
            became[told[row.anchor_event_id]] = "cancelled"
    return became


async def _left(session: AsyncSession, enrolments: Collection[int]) -> set[int]:
    """Those of which a mail was handed over."""
    handed = sa.select(_messages.c.enrolment_id).where(
        _messages.c.enrolment_id.in_(sorted(enrolments)), _messages.c.status.in_((*facts.HANDED, "withheld"))
    )
    return set((await session.scalars(handed)).all())


def _of(contact_id: int, thing: prices.Thing, statuses: Collection[str]) -> sa.ColumnElement[bool]:
    store, product_id, variant_id = thing
    return sa.and_(
        _rows.c.contact_id == contact_id, _rows.c.store == store, _rows.c.product_id == product_id,
        _rows.c.variant_id == variant_id,
        _rows.c.status.in_(statuses),
    )  # fmt: skip
