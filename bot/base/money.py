"""Money: an integer of the smallest unit and its currency, never a float."""

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision, list_currencies

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.I)
_WRITTEN = re.compile(r"(-?)\s*(\D{0,6}?)\s*(-?)\s*(\d[\d.,' ]*)(?:(?<=[.,])-{1,2})?\s*(\D{0,6})")
_WHOLE = re.compile(r"\d+|\d{1,3}([.,' ])(\d{2,3}\1)*\d{3}")
_MYRIADS = {"万": 4, "萬": 4, "w": 4, "千": 3, "亿": 8, "億": 8}
_SCALED = re.compile(r"(.*?\d)\s*([万萬千亿億]|w\b)\s*(\D{0,6})", re.I)
_NAMED = {
    "€": "EUR", "euro": "EUR", "£": "GBP", "rmb": "CNY", "人民币": "CNY", "元": "CNY", "圆": "CNY", "cn¥": "CNY",
    "円": "JPY", "jp¥": "JPY",
    "₩": "KRW", "원": "KRW", "₹": "INR", "zł": "PLN", "kč": "CZK", "₽": "RUB", "руб": "RUB", "hk$": "HKD",
    "nt$": "TWD", "us$": "USD", "a$": "AUD", "c$": "CAD", "ca$": "CAD", "r$": "BRL", "ft": "HUF", "₺": "TRY",
    "₫": "VND", "฿": "THB", "₴": "UAH", "₪": "ILS", "د.ك": "KWD",
}  # fmt: skip
"""Signs that mean one currency; `$`, `kr` and `¥` mean several."""
_LOCAL = frozenset({
    "euros", "eur", "dollar", "dollars", "pound", "pounds", "yen", "yuan", "won", "kr", "fr", "sfr", "rs", "re", "lei",
    "ron", "din", "lv", "лв", "dh", "dhs", "sr", "qr", "bd", "kd", "ft", "zl", "р", "грн", "rp", "rm", "tk", "r", "bs",
    "nis", "tl", "块", "塊", "圓", "圜", "kc", "ksh", "php", "mxn", "pesos", "real", "reais", "francs", "franken",
})  # fmt: skip
"""Words of the street for one of several currencies: which one, the shop knows."""
_AROUND = re.compile(r"(\D*)\d(?:.*\d)?(\D*)", re.S)
_SIGNS = str.maketrans("\u00a0\u202f\u2009\u2019\u2212\u2013\u2014￥．，", "   '---¥.,")
"""Spaces, apostrophes and dashes of typesetters."""
_LONGEST = 100
"""Signs of an amount in words: a page may send any number of them, and what reads them tries every way to part them."""


def to_minor(amount: object, currency: str, *, by_people: bool = False) -> int:
    """`19.9`, a `Decimal` or a text that `written` reads as an integer of the smallest unit. Raises ValueError."""
    places = get_currency_precision(currency.upper())
    try:
        # `1.234` is a price where there are three places, and more than a thousand elsewhere
        by_people = by_people and places < 3
        exact = written(amount, by_people=by_people) if isinstance(amount, str) else Decimal(str(amount))
        scaled = exact.scaleb(places)
        return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except ArithmeticError as error:
        raise ValueError(f"{amount!r} is not an amount of money; write it like 19.90") from error


def written(text: str, *, by_people: bool = False) -> Decimal:
    """An amount as people write it: `9.50`, `9,50`, `1.234,50`, `1,234.50`, `1'234.50`, `12,50 €`, `US$12`, `12,-`.

    The last of two different signs is the decimal sign, and a sign that comes several times is for thousands. A comma
    followed by exactly three digits and nothing else is a thousands sign: `1,234` is 1234 (but `0,234` is less than 1,
    and `1234,567` has no group before it). A single point is always a decimal sign, as programs write it; `by_people`
    says that no program wrote this, and then `1.234` is 1234 too. `5.9万` is 59000. Raises ValueError.
    """
    bare = _plain(text)
    if len(bare) > _LONGEST:
        raise ValueError(f"{bare[:_LONGEST]!r}… is not an amount of money; write it like 19.90")
    if by_people and re.fullmatch(r"\([^()]*\d[^()]*\)", bare):
        return -written(bare[1:-1], by_people=True)  # as bookkeepers write what is less than nothing
    if scaled := _SCALED.fullmatch(bare):
        return written(f"{scaled[1]}{scaled[3]}", by_people=by_people).scaleb(_MYRIADS[scaled[2].lower()])
    bare = f"0{bare}" if bare.startswith(",") else bare
    lone = re.compile(r"[1-9]\d{0,2}[.,]\d{3}" if by_people else r"[1-9]\d{0,2},\d{3}")
    if _PLAIN.fullmatch(bare) and not lone.fullmatch(bare.lstrip("+-")):
        return Decimal(bare)
    found = _WRITTEN.fullmatch(bare)
    if found and _names_currency(found[2]) and _names_currency(found[5]) and not (found[1] and found[3]):
        number = found[4].strip()
        whole, part = number, ""
        last = max(".,", key=number.rfind)
        if number.count(last) == 1 and not lone.fullmatch(number):
            whole, _, part = number.partition(last)
        if _WHOLE.fullmatch(whole) and re.fullmatch(r"\d*", part):
            return Decimal(f"{found[1] or found[3]}{re.sub(r'[^0-9]', '', whole)}.{part or 0}")
    raise ValueError(f"{bare!r} is not an amount of money; write it like 19.90")


def _plain(text: str) -> str:
    """One blank for many, between which no amount differs."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_SIGNS).split())


def named_currency(text: str, *, yen: str = "CNY") -> str | None:
    """The currency that an amount names: `19.90 USD`, `RMB 59`, `59元`. `¥` is what `yen` says. None: it names none."""
    if text.isascii() and not any(map(str.isalpha, text)):
        return None
    found = _AROUND.fullmatch(_plain(text)[:_LONGEST])
    for word in found.groups() if found else ():
        bare = word.strip(" -万萬千亿億").strip().rstrip(".").lower()
        if bare in _NAMED or bare == "¥":
            return _NAMED.get(bare, yen)
        if re.fullmatch(r"[a-z]{3}", bare) and bare.upper() in list_currencies():
            return bare.upper()
    return None


def _names_currency(word: str) -> bool:
    """A sign or a short word with it: `€`, `US$`, `EUR`, `Rs.`, `元`; or nothing. What counts or weighs is none."""
    bare = word.strip().removesuffix(".").lower()
    if not bare or bare in _NAMED or bare in _LOCAL or unicodedata.category(bare[-1]) == "Sc" or bare[0] in "$€£¥":
        return all(letter.isalpha() or unicodedata.category(letter) == "Sc" for letter in bare) and bare != "¢"
    return len(bare) == 3 and bare.upper() in list_currencies()


def from_minor(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-get_currency_precision(currency.upper()))


@lru_cache(maxsize=4096)  # a shop has few prices, and each takes Babel 90 µs
def shown(amount: int, currency: str, language: str) -> str:
    """The amount as a person of that language (`en`, `zh_CN`) expects to read it."""
    return str(format_currency(from_minor(amount, currency), currency.upper(), locale=language))
