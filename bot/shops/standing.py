"""How an order stands: its newest state, and what else was told of it, in whatever order all of that came.

A state wins by its source's own clock, at the same second by the source's version, else by `_RANK`. What is told one
by one (paid, cancelled, parcels, refunds) is kept by id in `Order.facts`, and the columns that people and flows read
are worked out of both each time: nothing that came late or twice is added up.

That an order was put into the bin is told without a time (WooCommerce: an id is all there is), so its arrival stands
for it, and it may come after the "restored" that answers it. Who is restored was deleted before: each "restored"
answers the first "deleted" that came before it or within `_LATE` after it. One that none answers counts, until a newer
state comes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from bot.base import clock
from bot.shops import lines
from bot.tables.shop import Order

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS: Mapping[str, Sequence[str]] = {
    "pending": ("pending", "authorized", "partially_paid", "on-hold", "unpaid", "open"),
    "paid": ("paid", "partially_refunded", "processing", "completed", "complete", "success"),
    "cancelled": ("failed", "cancelled", "canceled", "voided", "trash", "expired"),
    "refunded": ("refunded",),
}
_OURS = {word: ours for ours, theirs in _WORDS.items() for word in theirs}
_RANK = {"failed": 0, "pending": 1, "paid": 2, "cancelled": 3, "refunded": 4}
"""Of two states of one second, the later in the life of an order: an attempt that failed may be made good at once."""
_PARCEL = {"none": 0, "shipped": 1, "delivered": 2}
_DATES = ("paid_at", "cancelled_at", "shipped_at", "delivered_at")
_LATE = timedelta(days=1)
_BEFORE = "before"
"""Of a row that had columns only: all that had gone back until then."""
_MOMENTS = {
    "Order Fulfilled": "shipped_at", "Order Delivered": "delivered_at", "Order Fulfillment Cancelled": "gone_at",
    "Order Not Delivered": "undelivered_at",
}  # fmt: skip
"""Of a parcel, by the event that tells it."""
_TRACKING = ("carrier", "tracking_number", "tracking_url")


def take_state(order: Order, said: Mapping[str, Any], at: datetime, *, unless_told: str = "") -> bool:
    """Take over a state of `at`. False if the one that is held is newer. `unless_told`: what a state without a word
    of its status means, where none was known before."""
    facts = dict(order.facts)
    word = status_word(said)
    tie = _tie(said, word)
    if at < order.changed_at or (at == order.changed_at and _loses(tie, facts.get("tie"))):
        return False
    order.changed_at = at
    facts["tie"] = tie
    status = "cancelled" if lines.moment(said.get("cancelled_at")) else _OURS.get(word) or facts.get("status")
    facts["status"] = status or unless_told
    if said.get("parcel") in _PARCEL:
        facts["parcel"] = said["parcel"]
    for name in _DATES:
        facts[name] = told.isoformat() if (told := lines.moment(said.get(name))) else None
    for name in _TRACKING:
        facts[name] = lines.text(said.get(name)) or facts.get(name, "")
    for name in ("refund_ids", "parcel_ids"):
        listed = said.get(name)
        facts[name] = [lines.text(one) for one in listed] if isinstance(listed, list) else None
    order.facts = facts
    return True


def take_fact(order: Order, name: str, said: Mapping[str, Any], at: datetime) -> None:
    """One thing that happened to it. Told again, the later or larger word of it stays."""
    facts = dict(order.facts)
    if name == "Order Cancelled" and said.get("reason") == "deleted":
        _keep_bin(facts, "gone", at)
    elif name in ("Order Paid", "Order Cancelled"):
        known = {**facts.get("said", {})}
        known[name] = max(at.isoformat(), known.get(name, ""))
        facts["said"] = known
    elif name == "Order Refunded":
        key = lines.text(said.get("refund_id"))
        counted = _BEFORE in facts.get("refunds", {}) and f"refund:{key}" in order.told
        if not counted:
            _keep_refund(facts, key, _refund(order, said, at))
    elif name in _MOMENTS:
        _keep_parcel(facts, name, said, at)
    order.facts = facts


def take_restored(order: Order, at: datetime) -> None:
    """It came out of the bin; that was heard `at`, whether or not the state with it is news."""
    facts = dict(order.facts)
    _keep_bin(facts, "back", at)
    order.facts = facts


def settle(order: Order) -> None:
    """Work out the columns that say how it stands."""
    facts = order.facts
    _settle_status(order, facts)
    _settle_parcel(order, facts)
    _settle_refunds(order, facts)
    if order.status in ("paid", "refunded"):
        order.paid_at = _moment(facts.get("paid_at")) or _said(facts, "Order Paid") or order.paid_at or order.changed_at
    order.cancelled_at = (
        (_moment(facts.get("cancelled_at")) or _said(facts, "Order Cancelled") or order.changed_at)
        if order.status == "cancelled"
        else None
    )


def remember(order: Order) -> None:
    """A row of before, or out of a file, has columns only: they become its state."""
    if order.facts:
        return
    facts: dict[str, Any] = {"status": order.status if order.changed_at > NEVER else "", "parcel": order.parcel}
    facts |= {name: at.isoformat() if (at := getattr(order, name)) else None for name in _DATES}
    facts |= {name: getattr(order, name) for name in _TRACKING}
    back = [{**one, "quantity": one["refunded"]} for one in order.items if one.get("refunded")]
    if order.refunded or back:
        once = {"total": order.refunded, "goods": None, "lines": back, "at": NEVER.isoformat()}
        facts["refunds"] = {_BEFORE: once}
    order.facts = facts


def status_word(said: Mapping[str, Any]) -> str:
    """The first word that says the status, as its source writes it; nothing where none is understood."""
    for key in ("status", "financial_status", "payment_status"):
        word = said.get(key)
        if isinstance(word, str) and word.lower() in _OURS:
            return word.lower()
    return ""


def _tie(said: Mapping[str, Any], word: str) -> list[Any]:
    ours = word if word == "failed" else _OURS.get(word, "")
    listed = said.get("refund_ids")
    return [
        lines.text(said.get("version")),
        _RANK.get(ours, -1),
        _PARCEL.get(str(said.get("parcel")), -1),
        len(listed) if isinstance(listed, list) else 0,
        lines.text(said.get("digest")),
    ]


def _loses(tie: list[Any], held: list[Any] | None) -> bool:
    if held is None:
        return False
    if tie[0] and held[0] and tie[0] != held[0]:
        return bool(tie[0] < held[0])
    return tie[1:] < held[1:]


def _keep_refund(facts: dict[str, Any], key: str, new: Mapping[str, Any]) -> None:
    known = {**facts.get("refunds", {})}
    held = known.get(key)
    if held is None or (new["at"], new["total"] or 0) >= (held["at"], held["total"] or 0):
        known[key] = dict(new)
    facts["refunds"] = known


def _keep_parcel(facts: dict[str, Any], name: str, said: Mapping[str, Any], at: datetime) -> None:
    known = {**facts.get("parcels", {})}
    key = lines.text(said.get("fulfillment_id"))
    parcel = {**known.get(key, {})}
    kind = _MOMENTS[name]
    parcel[kind] = max(at.isoformat(), parcel.get(kind, ""))
    for one in _TRACKING:
        if told := lines.text(said.get(one)):
            parcel[one] = told
    known[key] = parcel
    facts["parcels"] = known


def _refund(order: Order, said: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    back = lines.items(said, order.currency)
    total, goods = (lines.amount(said.get(name), order.currency) for name in ("total", "goods"))
    kept = [{"product_id": one["product_id"], "variant_id": one["variant_id"], "sku": one["sku"],
             "quantity": one["quantity"], "price": one["price"]} for one in back or []]  # fmt: skip
    whole = back is None and total is None
    return {
        "total": None if total is None else abs(total), "goods": None if goods is None else abs(goods), "lines": kept,
        "at": at.isoformat(), **({"whole": True} if whole else {}),
    }  # fmt: skip


def _settle_status(order: Order, facts: Mapping[str, Any]) -> None:
    order.status = facts.get("status") or "pending"
    later = sorted((at, name) for name, at in _all_said(facts).items() if clock.parse(at) >= order.changed_at)
    for _, name in later:
        if name == "Order Cancelled":
            order.status = "cancelled"
        elif order.status == "pending":
            order.status = "paid"


def _settle_parcel(order: Order, facts: Mapping[str, Any]) -> None:
    """The state says how the whole stands; parcels count that it lists, or that are newer than it."""
    listed = facts.get("parcel_ids")
    parcels = [
        one
        for key, one in ((key, _as_it_is(one)) for key, one in facts.get("parcels", {}).items())
        if (listed is None or key in listed or _newest(one) >= order.changed_at.isoformat())
        and one.get("gone_at", "") < max(one.get("shipped_at", ""), one.get("delivered_at", ""))
    ]
    words = [facts.get("parcel") or "none", *("delivered" if one.get("delivered_at") else "shipped" for one in parcels)]
    order.parcel = max(words, key=_PARCEL.__getitem__)
    shipped = [facts.get("shipped_at"), *(one.get("shipped_at") or one["delivered_at"] for one in parcels)]
    delivered = [facts.get("delivered_at"), *(one.get("delivered_at") for one in parcels)]
    newest: Mapping[str, Any] = max(parcels, key=_newest, default={})
    on_its_way = order.parcel != "none"
    order.shipped_at = (_first(shipped) or order.changed_at) if on_its_way else None
    order.delivered_at = (_first(delivered) or order.changed_at) if order.parcel == "delivered" else None
    for name in _TRACKING:
        setattr(order, name, (newest.get(name) or facts.get(name) or "") if on_its_way else "")


def _as_it_is(parcel: Mapping[str, str]) -> Mapping[str, str]:
    """Without the delivery that was taken back; then it is under way."""
    if parcel.get("undelivered_at", "") < parcel.get("delivered_at", ""):
        return parcel
    left = {name: value for name, value in parcel.items() if name != "delivered_at"}
    return {"shipped_at": parcel["delivered_at"], **left} if "delivered_at" in parcel else left


def _newest(parcel: Mapping[str, Any]) -> str:
    return max(str(parcel.get("shipped_at", "")), str(parcel.get("delivered_at", "")))


def _settle_refunds(order: Order, facts: Mapping[str, Any]) -> None:
    """What was paid back counts, not what the goods were worth.

    `refunded` is the money. Of `revenue` (goods without tax) that part went back which the money is of the goods with
    tax (`gross`); money without a word of what for is for goods first. What an edit took off the order is not in
    `revenue` any more, so money that only pays it back takes nothing again.
    """
    listed = facts.get("refund_ids")
    refunds = [
        one
        for key, one in facts.get("refunds", {}).items()
        if listed is None or key in listed or clock.parse(one["at"]) >= order.changed_at
    ]
    items = [{**one, "refunded": 0} for one in order.items]
    money, goods, loose = 0, 0, 0
    for refund in refunds:
        worth = _mark(items, refund["lines"])
        total = worth if refund["total"] is None else refund["total"]
        money += total
        if refund["goods"] is None and not refund["lines"]:
            loose += total
        else:
            goods += total if refund["goods"] is None else refund["goods"]
    goods += max(0, loose - order.edited)
    gross = order.gross or order.revenue
    back = round(Fraction(min(goods, gross) * order.revenue, gross)) if gross > 0 else 0
    whole = order.status == "refunded" or any(refund.get("whole") for refund in refunds)
    if order.status != "cancelled" and (whole or (order.revenue > 0 and back >= order.revenue)):
        order.status, back, money = "refunded", order.revenue, max(money, order.revenue)
        items = [{**one, "refunded": one["quantity"]} for one in items]
    order.items, order.refunded_net = items, back
    order.refunded = min(money, order.total) if order.total else money


def _mark(items: list[dict[str, Any]], back: Sequence[Mapping[str, Any]]) -> int:
    """Count pieces as gone back. Returns what they cost, as far as anybody knows."""
    worth = 0
    for line in back:
        mine = next((one for one in items if lines.same(one, line)), None)
        pieces = line["quantity"]
        if mine is not None:
            pieces = min(pieces, mine["quantity"] - mine["refunded"])
            mine["refunded"] += pieces
        worth += (line["price"] or (mine["price"] if mine else 0) or 0) * pieces
    return worth


def _moment(told: str | None) -> datetime | None:
    return clock.parse(told) if told else None


def _said(facts: Mapping[str, Any], name: str) -> datetime | None:
    return _moment(_all_said(facts).get(name))


def _all_said(facts: Mapping[str, Any]) -> dict[str, str]:
    """What was told one by one, by its name; that it is in the bin is a cancellation."""
    said = dict(facts.get("said", {}))
    if gone := _in_the_bin(facts):
        said["Order Cancelled"] = max(gone, said.get("Order Cancelled", ""))
    return said


def _keep_bin(facts: dict[str, Any], kind: str, at: datetime) -> None:
    held = {"gone": [], "back": [], **facts.get("bin", {})}
    held[kind] = sorted({*held[kind], at.isoformat()})
    facts["bin"] = held


def is_of_the_shop(facts: Mapping[str, Any]) -> bool:
    """A file may have numbers where the shop has ids; only the shop's own states have a digest."""
    tie = facts.get("tie")
    return isinstance(tie, list) and bool(tie) and bool(tie[-1])


def is_answered(gone: Sequence[datetime], back: Sequence[datetime]) -> bool:
    """Whether something that was deleted and restored at these moments, as they were heard, is not in the bin."""
    facts = {"bin": {name: sorted(one.isoformat() for one in told) for name, told in (("gone", gone), ("back", back))}}
    return not _in_the_bin(facts)


def _in_the_bin(facts: Mapping[str, Any]) -> str:
    """When it was last deleted and not restored since; nothing if it is not in the bin."""
    held = facts.get("bin", {})
    left = list(held.get("gone", ()))
    for back in held.get("back", ()):
        until = (clock.parse(back) + _LATE).isoformat()
        answered = next((one for one in left if one <= until), None)
        if answered is not None:
            left.remove(answered)
    return left[-1] if left else ""


def _first(told: Sequence[str | None]) -> datetime | None:
    return min((clock.parse(one) for one in told if one), default=None)
