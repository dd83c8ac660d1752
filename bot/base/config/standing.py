"""Tiers of customers, the fixed bounds of their scores, and what other currencies are worth."""

import itertools
import re
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from bot.base.config.types import Section

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Tier(Section):
    """`least` is what a customer spends in 365 days to come into it, in units of the shop's currency.

    `brings` is what customers read about what they get there.
    """

    name: _Name
    title: str = ""
    title_zh: str = ""
    brings: str = ""
    brings_zh: str = ""
    least: Annotated[Decimal, Field(ge=0)] = Field(alias="from")


def in_order(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """The lowest first. Raises ValueError for two of one name, or two that begin at the same sum."""
    for one, other in itertools.pairwise(tiers):
        if other.least <= one.least:
            raise ValueError(f"tiers stand from low to high: {other.name!r} must begin above {one.name!r}")
    if len({tier.name for tier in tiers}) < len(tiers):
        raise ValueError("two tiers have the same name")
    return tiers


_Bounds = Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]


class Rfm(Section):
    """Bounds of the scores 5 to 2 for days since the last order, and of 2 to 5 for orders and revenue of 365 days."""

    by: Literal["quantiles", "thresholds"] = "quantiles"
    recency: _Bounds = (30, 90, 180, 365)
    frequency: _Bounds = (2, 3, 5, 8)
    monetary: _Bounds = (50, 150, 400, 1000)

    @model_validator(mode="after")
    def _rising(self) -> "Rfm":
        for name in ("recency", "frequency", "monetary"):
            bounds = getattr(self, name)
            if list(bounds) != sorted(set(bounds)):
                raise ValueError(f"{name} needs four numbers that rise, such as [30, 90, 180, 365]")
        return self


class Rate(NamedTuple):
    """What one unit of `currency` is worth in the shop's own."""

    currency: str
    worth: Decimal


def _rates(value: object) -> tuple[Rate, ...]:
    if isinstance(value, str):
        value = [part for part in re.split(r"[,;]", value) if part.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError('write a list such as ["1 USD = 0.92"]')
    found = tuple(part if isinstance(part, Rate) else _rate(part) for part in value)
    if len({rate.currency for rate in found}) < len(found):
        raise ValueError("a currency stands there twice")
    return found


def _rate(text: object) -> Rate:
    match = re.fullmatch(r"\s*1\s*([A-Za-z]{3})\s*=\s*(\d+(?:\.\d+)?)\s*", text) if isinstance(text, str) else None
    if not match or not Decimal(match[2]):
        raise ValueError(f'{text!r} is no rate; write what one is worth in your currency: "1 USD = 0.92"')
    return Rate(currency=match[1].upper(), worth=Decimal(match[2]))


Rates = Annotated[tuple[Rate, ...], BeforeValidator(_rates)]
