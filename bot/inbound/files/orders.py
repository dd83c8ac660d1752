"""A file of orders: one line each, or one per item as Shopify and WooCommerce write them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.base import answers, clock, money
from bot.base.database import insert, table
from bot.base.ground import Ground
from bot.inbound.files import aliases, customers, people, values
from bot.inbound.files.batches import Cells, Refused
from bot.shops import unconfirmed
from bot.shops.orders import ABOUT_THEN
from bot.tables.shop import Order

KNOWN = aliases.ORDERS
ONE_OF = ("order_id", "number")
_rows = table(Order)
_KEY = ["order_id", "store"]
_STATUSES = {
    "paid": (
        "等待出库", "完成", "待出库", "已出库", "等待收货", "已妥投",
        "paid", "partially refunded", "processing", "completed", "complete", "fulfilled", "shipped", "delivered",
        "closed", "bezahlt", "in bearbeitung", "abgeschlossen", "versendet", "versandt", "zugestellt", "erledigt",
        "payé", "payée", "en cours", "terminé", "terminée", "expédié", "expédiée", "livré", "livrée", "pagado",
        "procesando", "completado", "enviado", "entregado", "已付款", "已支付", "已完成", "交易成功", "交易完成",
        "待发货", "已发货", "待收货", "已收货", "买家已付款", "买家已付款,等待卖家发货", "等待卖家发货",
        "卖家已发货", "卖家已发货,等待买家确认", "等待买家确认收货", "部分发货", "部分退款", "已付款待发货", "已签收",
        "交易成功 ", "卖家部分发货", "partially fulfilled", "ready to ship", "in transit", "teilweise erstattet",
        "partiellement remboursée", "bezahlt und versendet", "geliefert", "en préparation", "préparation en cours",
        "en preparación", "en proceso", "completada", "completo", "pagada", "enviada", "entregada", "已出貨",
        "處理中", "待出貨", "已送達", "已發貨", "支払い済み", "支払済み", "支払済", "入金済み", "入金済", "発送済み",
        "発送済", "発送完了", "配達完了", "完了", "処理中", "発送準備中", "対応中", "出荷済み", "出荷済", "取引完了",
        "결제완료", "배송완료", "배송중", "구매확정",
    ),
    "refunded": (
        "refunded", "fully refunded", "erstattet", "rückerstattet", "remboursé", "remboursée", "reembolsado",
        "已退款", "全额退款", "退款成功", "退款完成", "reembolsada", "返金済み", "返金済", "退款 已完成",
    ),
    "cancelled": (
        "(删除)等待出库", "(删除)等待付款", "(删除)已取消", "已删除", "annulées", "anulado", "anulada",
        "voided", "cancelled", "canceled", "failed", "expired", "trash", "storniert", "abgebrochen",
        "fehlgeschlagen", "annulé", "annulée", "échouée", "cancelado", "fallido", "已取消", "交易关闭", "已关闭",
        "订单关闭", "交易取消", "取消", "已取消 ", "abandoned", "declined", "rejected", "cancelada", "fallida",
        "rechazado", "annulé par le client", "annulée par le client", "キャンセル", "キャンセル済み", "取消済み",
        "訂單取消", "주문취소", "취소",
    ),
    "pending": (
        "pending", "authorized", "authorised", "partially paid", "unpaid", "pending payment", "on hold", "open",
        "draft", "checkout draft", "new", "offen", "in wartestellung", "zahlung ausstehend", "unbezahlt",
        "en attente", "attente paiement", "pendiente", "pendiente de pago", "en espera", "待付款", "等待买家付款",
        "未付款", "待支付", "等待付款", "awaiting payment", "invoiced", "zahlung offen", "ausstehend",
        "en attente de paiement", "paiement en attente", "pago pendiente", "未払い", "入金待ち", "支払い待ち",
        "支払待ち", "新規", "新規受付", "注文受付", "입금대기",
    ),
}  # fmt: skip
_STATUS = {word: status for status, words in _STATUSES.items() for word in words}
_STRONGEST = ("cancelled", "refunded", "paid", "pending")
_SENT = frozenset({
    "fulfilled", "shipped", "completed", "complete", "delivered", "versendet", "versandt", "zugestellt",
    "abgeschlossen", "expédié", "expédiée", "livré", "livrée", "terminé", "terminée", "enviado", "entregado",
    "completado",
    "完成", "已出库", "等待收货", "已妥投",
    "已发货", "已收货", "已签收", "已出貨", "已送達", "已發貨", "待收货", "発送済み", "発送済", "発送完了",
    "配達完了", "完了", "出荷済み", "出荷済", "取引完了", "배송완료", "배송중", "구매확정", "geliefert", "entregada",
    "enviada", "completada", "in transit", "交易成功", "交易完成", "已完成", "卖家已发货", "卖家已发货,等待买家确认",
    "等待买家确认收货",
})  # fmt: skip


def key(line: Cells) -> str:
    """Lines with the same key are one order; the runner keeps them in one batch."""
    return line["number"] or line["order_id"]


async def take(session: AsyncSession, ground: Ground, lines: Sequence[Cells], now: datetime) -> list[Refused]:
    """Write a batch of whole orders down. One that is known from the shop itself is left as the shop told it."""
    refused, read = list[Refused](), list[tuple[list[Cells], dict[str, Any], people.Person | None]]()
    for group in _grouped(lines).values():
        try:
            read.append((group, _order(group, ground, now), _buyer(group[0], ground)))
        except ValueError as error:
            refused += [Refused(line, str(error)) for line in group]
    buyers = [buyer for _, _, buyer in read if buyer is not None]
    await people.settle(session, ground.secret, buyers, now)
    rows = []
    for group, row, buyer in read:
        if buyer is not None and buyer.refused:
            refused += [Refused(line, buyer.refused) for line in group]
        else:
            rows.append({**row, "contact_id": buyer.contact_id if buyer else None})
            if buyer is not None and buyer.contact_id is not None:
                group[0].whose["contact"] = buyer.contact_id
    if rows:
        rows = await _with_ids(session, rows)
        new = insert(session, _rows)
        kept: dict[str, Any] = {name: new.excluded[name] for name in rows[0] if name not in _KEY}
        kept["email"] = sa.case((new.excluded.email == "", _rows.c.email), else_=new.excluded.email)
        older = _rows.c.changed_at <= new.excluded.changed_at
        await session.execute(new.on_conflict_do_update(index_elements=_KEY, set_=kept, where=older), rows)
        for store in {row["store"] for row in rows}:
            told = [row[name] for row in rows if row["store"] == store for name in ("order_id", "number")]
            await unconfirmed.replace(session, store, told)
    return refused


async def _with_ids(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A file names orders by their numbers, also where it calls them ids; they may be known with an id.

    Without ids the number is enough; what stands there as an id must be about the same day and by the same address.
    """
    wanted = sorted({spelt for row in rows for spelt in (_plain(row), f"#{_plain(row)}")})
    asked = sa.select(_rows.c.number, _rows.c.order_id, _rows.c.ordered_at, _rows.c.email).where(
        sa.or_(_rows.c.number.in_(wanted), _rows.c.order_id.in_([*wanted, *(row["order_id"] for row in rows)])),
        _rows.c.store == rows[0]["store"],
    )
    known: dict[str, list[Any]] = {}
    ids = set[str]()
    for one in (await session.execute(asked)).all():
        known.setdefault(one.number.lstrip("#"), []).append(one)
        ids.add(one.order_id)
    found = []
    for row in rows:
        there = known.get(_plain(row), [])
        if not row["order_id"]:
            only = {one.order_id for one in there}
            found.append({**row, "order_id": only.pop() if len(only) == 1 else f"#{_plain(row)}"})
        elif row["order_id"] in ids:
            found.append(row)
        else:
            only = {one.order_id for one in there if _is_alike(one, row)}
            found.append({**row, "order_id": only.pop()} if len(only) == 1 else row)
    return found


def _plain(row: Mapping[str, Any]) -> str:
    return str(row["number"]).lstrip("#")


def _is_alike(one: Any, row: Mapping[str, Any]) -> bool:
    about_then = abs(one.ordered_at - row["ordered_at"]) <= ABOUT_THEN
    return about_then and bool(one.email) and one.email == row["email"]


def _grouped(lines: Sequence[Cells]) -> dict[str, list[Cells]]:
    groups: dict[str, list[Cells]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return groups


def _buyer(line: Cells, ground: Ground) -> people.Person | None:
    found = customers.identities(line, ground)
    first, last = line["first_name"], line["last_name"]
    if not first and not last:
        first, last = customers.parted(line["name"])
    names = {"first_name": first[:100], "last_name": last[:100]} if "*" not in first + last else {}
    return people.Person(found, dict(names)) if found else None


def _order(group: Sequence[Cells], ground: Ground, now: datetime) -> dict[str, Any]:
    line = group[0]  # Shopify writes what is about the whole order only there
    if not key(line):
        raise ValueError("no order number or id")
    values.key(line["number"])
    zone = clock.zone(ground.config.shop.timezone)
    assert zone is not None
    amounts = (*line.all("total"), line["subtotal"], line["item_price"])
    currency = values.currency(line["currency"], amounts, line.about.get("currency") or ground.config.shop.currency)
    ordered = values.moment(line["ordered_at"], zone, line.day_order("ordered_at"), until=now)
    if ordered is None:
        raise ValueError("no date of the order; it cannot be kept without one")
    total = next((found for text in line.all("total") if (found := _amount("total", text, currency))), 0)
    items = [item for one in group for item in _items(one, currency)]
    if not total and not line.has("total"):
        total = _worth(items)
        line.told["no column says what an order costs, so its lines are added up; --map COLUMN=total names one"] = ""
    revenue, refunded = _revenue(line, total, currency), _refunded(line, currency)
    cancelled, shipped = (customers.moment(line, name, zone, now) for name in ("cancelled_at", "shipped_at"))
    paid = customers.moment(line, "paid_at", zone, now)
    status = "cancelled" if cancelled else _status(line, paid is not None)
    if status == "refunded" and not line["refunded"]:  # no column says how much: all of it
        refunded = max(0, total)
    paid = paid or (ordered if status in ("paid", "refunded") else None)
    fulfilled = any(_word(line[name]) in _SENT for name in ("fulfilment", "status"))
    return {
        "store": line.store,
        "order_id": values.key(line["order_id"]),
        "email": contacts.normalise("email", line["email"]) or "",
        "number": line["number"] or values.key(line["order_id"]),
        "status": status,
        "parcel": "shipped" if shipped or fulfilled else "none",
        "currency": currency,
        "total": total,
        "revenue": revenue,
        "gross": 0,
        "edited": 0,
        "refunded": refunded,
        "refunded_net": min(refunded, revenue),
        "facts": {},
        "items": items,
        "ordered_at": ordered,
        "paid_at": paid,
        "shipped_at": shipped,
        "cancelled_at": cancelled,
        "changed_at": max(at for at in (ordered, paid, shipped, cancelled) if at is not None),
    }


def _word(text: str) -> str:
    bare = " ".join(text.lower().replace("_", " ").replace("-", " ").replace("，", ",").replace(", ", ",").split())
    return bare.removeprefix("wc ")


def _status(line: Cells, paid: bool) -> str:
    """What all columns together say; a word that nobody knows is told, and the date of the payment decides."""
    found, unpaid = {"paid"} if paid else set[str](), False
    for name in ("payment", "status"):
        word = _word(line[name])
        status = _STATUS.get(word)
        if status is None and name == "payment" and answers.read(word) is not None:
            status = "paid" if answers.read(word) else "pending"
        unpaid = unpaid or (status == "pending" and name == "payment")
        if status == "paid" and unpaid:  # it is worked on, and not paid yet
            continue
        if status is not None:
            found.add(status)
        elif word:
            line.told[f"{name}: a word that is not understood, so it says nothing"] = line[name]
    if not found and not line.has("payment") and not line.has("status"):
        line.told[
            "no column says whether an order is paid, so it is kept as pending; --map COLUMN=status names one"
        ] = ""
    return next((one for one in _STRONGEST if one in found), "pending")


def prepare(header: Sequence[str]) -> Mapping[str, str]:
    """A sheet of a Chinese, Japanese or Korean shop names neither country nor currency: it means its own."""
    own = customers.prepare(header)
    currencies = {"CN": "CNY", "JP": "JPY", "KR": "KRW"}  # in traditional signs write several
    return {**own, "currency": currencies[own["country"]]} if own.get("country") in currencies else own


def _amount(field: str, text: str, currency: str) -> int | None:
    return values.read_field(field, values.amount, text, currency)


def _revenue(line: Cells, total: int, currency: str) -> int:
    """The goods without shipping and tax: as a column says, else what is left of the whole."""
    told = _amount("subtotal", line["subtotal"], currency)
    if told is not None:
        return told
    beside = sum(_amount(name, line[name], currency) or 0 for name in ("shipping", "tax"))
    return total - beside if 0 <= beside <= total else total


def _refunded(line: Cells, currency: str) -> int:
    """Of words, such as that nobody asked for any, nothing."""
    try:
        return abs(values.amount(line["refunded"], currency) or 0)  # some write what goes out with a minus
    except ValueError:
        line.told["refunded: not an amount, so nothing is taken as paid back"] = line["refunded"]
        return 0


def _worth(items: Sequence[Mapping[str, Any]]) -> int:
    return sum((item["price"] or 0) * item["quantity"] for item in items)


_PACKED = re.compile(r"(?:^|[|;])\s*(name|product_id|sku|quantity|sub_?total|total|price)\s*:\s*")


def _items(line: Cells, currency: str) -> list[dict[str, Any]]:
    """The lines of the order that stand in this one: as columns, or each packed into one cell."""
    packed = [one for cell in line.all("lines") for one in _unpacked(cell)]
    if packed:
        return [_item(line, one.get, currency) for one in packed]
    if not line["item_name"] and not line["item_sku"]:
        return []
    named = {"product_id": "item_id", "sku": "item_sku", "name": "item_name", "quantity": "item_quantity"}
    return [
        _item(line, {ours: line[theirs] for ours, theirs in (*named.items(), ("price", "item_price"))}.get, currency)
    ]


def _unpacked(cell: str) -> Iterator[dict[str, str]]:
    """`name:Mug|sku:MUG|quantity:2|total:30.00` as export plug-ins of WooCommerce write it; `;` parts several."""
    for one in re.split(r";(?=\s*(?:id|name|product_id):)", cell):
        parts = _PACKED.split(one)
        found = {name: text.strip(" |;") for name, text in zip(parts[1::2], parts[2::2], strict=True)}
        if found.get("name") or found.get("sku"):
            whole = found.get("sub_total") or found.get("subtotal") or found.get("total")
            count = values.read_field("quantity", values.number, found.get("quantity", "")) or 1
            if whole and not found.get("price"):
                found["price"] = str((money.written(whole) / count).normalize())
            yield found


def _quantity(line: Cells, text: str) -> int:
    try:
        return values.number(text) or 1
    except ValueError as error:
        line.told[f"quantity: {str(error).removeprefix(repr(text)).strip()}, so it counts as 1"] = text
        return 1


def _item(line: Cells, said: Callable[[str, str], str], currency: str) -> dict[str, Any]:
    return {
        "product_id": values.key(said("product_id", "")),
        "variant_id": "",
        "sku": said("sku", ""),
        "name": said("name", ""),
        "category": "",
        "quantity": _quantity(line, said("quantity", "")),
        "price": _amount("price", said("price", ""), currency),
        "url": "",
        "image_url": "",
        "refunded": 0,
    }
