"""What a table keeps of a person, declared at its class: whose its rows are, and what becomes of them.

`bot.contacts` reads it: `export`, `forget`, `merge` and `retention` walk all tables and know none by name, but for
the rules that are named here and stand there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel import SQLModel

Of = Literal[
    "contacts", "tickets", "lines", "said", "orders", "messages", "addresses", "devices", "chats", "hashes", "subjects"
]
"""What a column holds: ids of contacts, of their tickets, of lines (`said`: without notes of staff), of orders and
messages; mail addresses; ids of browsers and users; Telegram chats; hashes of addresses; `contact:7` of the log."""


@dataclass(frozen=True)
class By:
    """A row is a person's if this column has something of theirs."""

    column: str
    of: Of = "contacts"


@dataclass(frozen=True)
class Delete:
    """The rows go."""


@dataclass(frozen=True)
class Blank:
    """The rows stay with these columns emptied."""

    values: Mapping[str, Any]


def blank(**values: Any) -> Blank:
    return Blank(values)


KEEP = Blank({})
"""Nothing in the rows names anybody."""


@dataclass(frozen=True)
class One:
    """Of rows that are alike in these columns, one stays when two people become one: the first or the last by a
    column, else that of the contact who stays."""

    alike: tuple[str, ...]
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Drop:
    """Rows of the contact who goes are of no use to the one who stays."""


MOVE = One(())
"""Every reference to the one becomes one to the other. It happens after any rule."""


@dataclass(frozen=True)
class Keeps:
    """How long words stay: `under` is a key of [support.retention], `since` the column whose time counts.

    Rows that hang on a line or a ticket go with it instead (`over`): a ticket is over when it was resolved, a line
    with its ticket, or by itself if it has none. `only` restricts it to rows with these values (None: empty).
    """

    under: Literal["conversations", "messages", "events", "audit"]
    gone: Delete | Blank
    since: str = ""
    over: By | None = None
    only: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Personal:
    """`name` is what the rows are called in a copy; `whose` says it in one way or another.

    `ours` are the columns of text, JSON or bytes without a word of a person: forgetting leaves them. Rows with one of
    the values in `spare` are still to be worked off and lose nothing. `rule`, and a `merge` in words, name functions
    of `bot.contacts`. `raw` is a column with words as they came, searched for the person's ids in rows with the values
    of `raw_if`. `inside`: about our work, so it stays out of a copy, as do rows with one of the values in `apart` and
    the columns in `hidden`; `shown` is narrower than `whose`.
    """

    name: str
    whose: tuple[By, ...]
    forget: Delete | Blank = KEEP
    ours: str = ""
    rule: str = ""
    merge: One | Drop | str = MOVE
    keeps: tuple[Keeps, ...] = ()
    spare: Mapping[str, str] = field(default_factory=dict)
    raw: str = ""
    raw_if: Mapping[str, Any] = field(default_factory=dict)
    inside: bool = False
    apart: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden: str = ""
    shown: tuple[By, ...] = ()


@dataclass(frozen=True)
class NotPersonal:
    """Nothing in the table is about a customer, and why."""

    why: str


def of(model: type[SQLModel]) -> Personal | NotPersonal:
    """What the class itself declares: one that says nothing is a mistake."""
    found = vars(model).get("__personal__")
    if not isinstance(found, Personal | NotPersonal):
        raise TypeError(f"{model.__name__} does not say what it keeps of a person (__personal__)")
    return found


def models() -> list[type[SQLModel]]:
    """Every table class, in an order in which rows that are referred to come first."""
    known = {model.__table__.name: model for model in _below(SQLModel) if "__table__" in vars(model)}  # type: ignore[attr-defined]
    return [known[one.name] for one in SQLModel.metadata.sorted_tables if one.name in known]


@cache
def registry() -> Mapping[type[SQLModel], Personal]:
    """The tables that keep something of a person. Import `bot.tables` first."""
    said = {model: of(model) for model in models()}
    return {model: one for model, one in said.items() if isinstance(one, Personal)}


def words(model: type[SQLModel]) -> set[str]:
    """Columns that can hold words: text, JSON, bytes."""
    kinds = (sa.String, sa.JSON, sa.LargeBinary)
    columns: sa.Table = model.__table__  # type: ignore[attr-defined]
    return {column.name for column in columns.columns if isinstance(_bare(column.type), kinds)}


def _bare(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    return kind.impl_instance if isinstance(kind, sa.types.TypeDecorator) else kind


def _below(model: type[SQLModel]) -> Iterator[type[SQLModel]]:
    for one in model.__subclasses__():
        yield one
        yield from _below(one)
