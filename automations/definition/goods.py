"""What flows about goods say beside their steps: when a restock counts, when a price has dropped, what is used up."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from automations.definition.parts import Duration, Part


class Restock(Part):
    """When people who wait for something are told: at least `minimum` pieces are there for as long as `sustained`.

    They are told in batches of `per_unit` people for each piece, who asked first comes first; the next batch follows
    after `pause` if there is some left. A request holds for `expires`.
    """

    minimum: Annotated[int, Field(ge=1)] = 2
    sustained: Duration = timedelta(minutes=10)
    per_unit: Annotated[int, Field(ge=1)] = 3
    pause: Duration = timedelta(hours=2)
    expires: Duration = timedelta(days=90)


class Drop(Part):
    """When a price has dropped for somebody: by `percent` and by `least` units of its currency, below what they saw.

    It must hold for `debounce`: a mistyped price is mended by then. `most` things stand in one mail.
    """

    percent: Annotated[float, Field(ge=1, lt=100)] = 5
    least: Annotated[float, Field(ge=0)] = 1
    debounce: Duration = timedelta(minutes=15)
    most: Annotated[int, Field(ge=1, le=12)] = 6


class Refill(Part):
    """Something that is used up: one piece lasts `days`.

    Its family are the `products` (ids) and whatever stands in one of the `categories`, as the shop names them.
    Who buys any of them again needs no reminder of the others.
    """

    family: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    days: Annotated[float, Field(gt=0, le=3650)]
    products: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> "Refill":
        if not self.products and not self.categories:
            raise ValueError('say what belongs to it: products = ["1001"] or categories = ["Coffee"]')
        return self
