"""Numbers, moments and lines as shops and trackers write them, in our form."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.base import clock, money, values

AMOUNTS = ("price", "total", "value", "revenue", "subtotal", "shipping", "tax")
_MOST = 2**53 - 1  # of money in the smallest unit
_AHEAD = timedelta(minutes=10)
"""The clock of a source may be so much ahead of ours."""
_TEXT = ("product_id", "variant_id", "sku", "name", "variant", "category", "url", "image_url")


def amount(value: object, currency: str) -> int | None:
    """`19.9`, `"19.90"` or `"19,90 €"` in the smallest unit of `currency`; None for what is no amount."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        found = money.to_minor(value, currency or "EUR")
    except ValueError:
        return None
    return found if abs(found) < _MOST else None


def unreadable(properties: Mapping[str, Any]) -> Iterator[str]:
    """The keys of what is said to be an amount of money and cannot be read as one (`total`, `products[0].price`)."""
    products = properties.get("products")
    listed = products if isinstance(products, list) else []
    for where, said in (("", properties), *((f"products[{at}].", one) for at, one in enumerate(listed))):
        for key in AMOUNTS if isinstance(said, Mapping) else ():
            if said.get(key) not in (None, "") and amount(said[key], currency(said, "EUR")) is None:
                yield f"{where}{key}"


def decimal(value: object) -> Decimal | None:
    """A number as shops write it, finite; None for anything else."""
    try:
        found = Decimal(str(value)) if isinstance(value, str | int | float) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def count(value: object, default: int = 1) -> int:
    """A quantity: `2`, `"2"` or `2.0`."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return default
    try:
        return max(0, min(int(float(value)), 1_000_000))
    except (ValueError, OverflowError):
        return default


def pieces(value: object) -> int | None:
    """How many there are, which may be fewer than none; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**31:
        return None
    return int(value)


def moment(value: object) -> datetime | None:
    """An ISO instant (naive means UTC: WooCommerce's `…_gmt`) from 1970 to 2200, or None."""
    if not isinstance(value, str) or not value:
        return None
    try:
        found = clock.parse(value)
    except (ValueError, OverflowError):
        return None
    return found if values.is_kept(found) else None


def told_at(properties: Mapping[str, Any], ts: datetime, received_at: datetime) -> datetime:
    """Of when the words of an event are, by their source's clock; from a clock that is far ahead, when they came."""
    return not_ahead(moment(properties.get("updated_at")) or ts, received_at)


def not_ahead(at: datetime, received_at: datetime) -> datetime:
    return received_at if at - received_at > _AHEAD else at


def currency(properties: Mapping[str, Any], default: str) -> str:
    """The currency that an event names, or the one known already."""
    named = properties.get("currency")
    return named.upper() if isinstance(named, str) and len(named) == 3 and named.isalpha() else default


def item(given: Mapping[str, Any], in_currency: str) -> dict[str, Any]:
    """One line of a cart or order; `price` is of one piece, in the smallest unit, None where nobody knows it."""
    found: dict[str, Any] = {key: text(given.get(key)) for key in _TEXT}
    found["quantity"] = count(given.get("quantity"))
    found["price"] = amount(given.get("price"), in_currency)
    return found


def items(properties: Mapping[str, Any], in_currency: str) -> list[dict[str, Any]] | None:
    """The lines of an event that tells all of them, or None."""
    given = properties.get("products")
    if not isinstance(given, list):
        return None
    found = [item(line, in_currency) for line in given if isinstance(line, Mapping)]
    return [line for line in found if line["quantity"] > 0]


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Both lines are of one thing: the same variant, or the same product where one names no variant."""
    if one["variant_id"] and other["variant_id"]:
        return bool(one["variant_id"] == other["variant_id"])
    if one["product_id"] and other["product_id"]:
        return bool(one["product_id"] == other["product_id"])
    return bool(one["sku"]) and bool(one["sku"] == other["sku"])


def value_of(lines: list[dict[str, Any]]) -> int | None:
    """What all of them cost; None if that of one is not known, or if it is more than there is money."""
    if any(line["price"] is None for line in lines):
        return None
    found = _sum(lines)
    return found if abs(found) < _MOST else None


def least_of(lines: list[dict[str, Any]]) -> int:
    """What all of them cost at least: those of which the price is known."""
    return max(-_MOST, min(_MOST, _sum(lines)))


def _sum(lines: list[dict[str, Any]]) -> int:
    return sum(int(line["price"]) * int(line["quantity"]) for line in lines if line["price"] is not None)


def words(value: object, most: int = 250) -> list[str]:
    """A list of short words, told as a list or with commas between them (tags)."""
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    found = (text(one).strip()[:255] for one in given)
    return list(dict.fromkeys(one for one in found if one))[:most]


def text(value: object) -> str:
    """A short text; numbers are written out, everything else is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)[:2000]
