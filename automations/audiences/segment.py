"""A segment as its TOML file or the API describes it: nested conditions about one contact. Checked by `checks`."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.base import clock
from bot.events import names

Channel = Literal["email", "telegram", "whatsapp", "sms"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Key = Annotated[str, Field(pattern=r"^\w[\w .-]{0,59}$")]
"""A name that the shop gave: a trait, a property."""


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('write a duration in quotes, such as "24h" or "30d"')
    found = clock.duration(value)
    if found <= timedelta(0):
        raise ValueError("a duration is longer than nothing")
    return found


def _ago(value: object) -> object:
    if isinstance(value, date):
        return value
    if isinstance(value, str) and value[:2].isdigit() and "-" in value:
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a date; write it like 2026-01-31") from None
    return _duration(value)


def _words(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Ago = Annotated[timedelta | date, BeforeValidator(_ago)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counted(Part):
    """How often, or how much: at least, at most, or both; at least once where neither is said."""

    at_least: Annotated[Decimal, Field(ge=0)] | None = None
    at_most: Annotated[Decimal, Field(ge=0)] | None = None
    within: Duration | None = None

    @model_validator(mode="after")
    def _possible(self) -> "Counted":
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("nobody can have at least more than at most")
        return self


class Event(Counted):
    """Something they did; `where` has properties that it must have had."""

    name: Annotated[str, AfterValidator(names.plain)]
    where: dict[Key, str | int | bool] = {}


class Bought(Part):
    """Paid orders with one of these products (ids or SKUs) or categories."""

    product: Words | None = None
    category: Words | None = None
    within: Duration | None = None

    @model_validator(mode="after")
    def _something(self) -> "Bought":
        if (self.product is None) == (self.category is None):
            raise ValueError('name product = "…" or category = "…", one of them')
        return self


class When(Part):
    """`before` and `after` a date, or so long ago: before = "90d" is longer ago than that."""

    before: Ago | None = None
    after: Ago | None = None

    @model_validator(mode="after")
    def _something(self) -> "When":
        if self.before is None and self.after is None:
            raise ValueError('write before = "90d", after = "30d" or a date')
        return self


class Trait(Part):
    """What is known of them beside names and addresses. `is` one of the values, or a number in bounds."""

    name: Key
    is_: Annotated[tuple[str | int | bool, ...], Field(min_length=1)] | None = Field(None, alias="is")
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        if isinstance(given, dict) and "is" in given and not isinstance(given["is"], list | tuple):
            return {**given, "is": (given["is"],)}
        return given


class Consented(Part):
    """The newest word about an address of theirs is yes, and nothing stops mail of that topic."""

    channel: Channel = "email"
    topic: str = "marketing"


class Within(Part):
    within: Duration


class Rule(Part):
    """One condition: exactly one of these keys."""

    all: Annotated[tuple["Rule", ...], Field(min_length=1)] | None = None
    any: Annotated[tuple["Rule", ...], Field(min_length=1)] | None = None
    no: "Rule | None" = Field(None, alias="not")
    language: Words | None = None
    country: Words | None = None
    tag: Words | None = None
    trait: Trait | None = None
    joined: When | None = None
    seen: When | None = None
    event: Event | None = None
    orders: Counted | None = None
    revenue: Counted | None = None
    first_order: When | None = None
    last_order: When | None = None
    bought: Bought | None = None
    rfm: Words | None = None
    tier: Words | None = None
    tier_at_least: str | None = None
    consent: Consented | None = None
    reachable: Channel | None = None
    clicked: Within | None = None
    segment: Name | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Rule":
        if len(self.model_fields_set) != 1:
            raise ValueError(f"a condition says one thing: give it one of {', '.join(RULES)}")
        return self

    @property
    def kind(self) -> str:
        """The key that was given, as written in the file."""
        (name,) = self.model_fields_set
        return "not" if name == "no" else name

    @property
    def value(self) -> Any:
        (name,) = self.model_fields_set
        return getattr(self, name)


RULES = tuple(field.alias or name for name, field in Rule.model_fields.items())


class Segment(Part):
    """All of `all` hold, one of `any`, and not `not`."""

    title: str = ""
    description: str = ""
    all: Annotated[tuple[Rule, ...], Field(min_length=1)] | None = None
    any: Annotated[tuple[Rule, ...], Field(min_length=1)] | None = None
    no: Rule | None = Field(None, alias="not")

    @model_validator(mode="after")
    def _something(self) -> "Segment":
        if not self.all and not self.any and self.no is None:
            raise ValueError("it has no condition: write all = [...], any = [...] or not = {...}")
        return self

    def parts(self) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
        """Every condition with its path, those inside of others too."""
        yield from _parts("all", self.all)
        yield from _parts("any", self.any)
        if self.no is not None:
            yield from _inside(("not",), self.no)

    def leaves(self) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
        """The conditions that ask something themselves."""
        return ((path, rule) for path, rule in self.parts() if rule.kind not in ("all", "any", "not"))


def _parts(key: str, rules: Sequence[Rule] | None) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
    for number, rule in enumerate(rules or ()):
        yield from _inside((key, number), rule)


def _inside(path: tuple[str | int, ...], rule: Rule) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
    yield path, rule
    for key in ("all", "any"):
        for below, one in _parts(key, getattr(rule, key)):
            yield (*path, *below), one
    if rule.no is not None:
        yield from _inside((*path, "not"), rule.no)


MODELS: dict[str, type[Part]] = {
    "all": Rule, "any": Rule, "not": Rule, "trait": Trait, "joined": When, "seen": When, "event": Event,
    "orders": Counted, "revenue": Counted, "first_order": When, "last_order": When, "bought": Bought,
    "consent": Consented, "clicked": Within,
}  # fmt: skip
"""Whose keys stand below a key."""
