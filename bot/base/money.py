"""Money: an integer of the smallest unit and its currency, never a float."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision


def to_minor(amount: object, currency: str) -> int:
    """`"19.90"`, `19.9` or `Decimal` in units of `currency` as an integer of its smallest unit. Raises ValueError."""
    try:
        exact = Decimal(str(amount))
        scaled = exact.scaleb(get_currency_precision(currency.upper()))
        return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(f"{amount!r} is not an amount of money; write it like 19.90") from error


def from_minor(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-get_currency_precision(currency.upper()))


@lru_cache(maxsize=4096)  # a shop has few prices, and each takes Babel 90 µs
def shown(amount: int, currency: str, language: str) -> str:
    """The amount as a person of that language (`en`, `zh_CN`) expects to read it."""
    return str(format_currency(from_minor(amount, currency), currency.upper(), locale=language))
