"""What stands in the cells: money, dates and numbers as people and exports write them. Each raises ValueError."""

import re
from datetime import UTC, datetime, tzinfo

from bot.base import answers, money


def amount(text: str, currency: str) -> int | None:
    """`19.90`, `1,299.00`, `1.299,00 €`, `¥88` in the smallest unit; None for an empty cell."""
    return money.to_minor(text, currency, by_people=True) if text.strip() else None


def moment(text: str, zone: tzinfo) -> datetime | None:
    """An instant; without an offset it is meant in `zone`, the shop's. None for an empty cell."""
    cleaned = re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", text.strip().removesuffix(" UTC"))
    if not cleaned:
        return None
    if text.strip().endswith(" UTC"):
        cleaned += "+00:00"
    if found := re.match(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)", cleaned):
        cleaned = f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}{found[4]}"
    cleaned = re.sub(r"^(\d{4})/(\d{1,2})/(\d{1,2})", lambda m: f"{m[1]}-{int(m[2]):02}-{int(m[3]):02}", cleaned)
    try:
        value = datetime.fromisoformat(cleaned)
    except ValueError:
        raise ValueError(f"{text!r} is not a date; write it like 2026-03-04 12:30:00 +0100") from None
    value = (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def number(text: str) -> int | None:
    """A whole number; None for an empty cell."""
    if not text.strip():
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a number") from None


def yes(text: str) -> bool:
    return answers.read(text) is True


def key(text: str) -> str:
    """An id without the apostrophe that Shopify writes so that Excel keeps it as text."""
    return text.strip().lstrip("'").removesuffix(".0")
