"""What the API of every shop system can do: the contract between its client and who pulls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

RESOURCES = ("products", "customers", "orders")
"""What is pulled, in this order: orders find their goods and people."""

Cursor = Mapping[str, Any]
"""Where a pull goes on; what stands in it is the client's own affair. Empty at the beginning."""


@dataclass(frozen=True)
class Thing:
    """Something of the shop, as the webhook of `topic` would tell it. `changed` is of the shop's clock."""

    id: str
    topic: str
    payload: Mapping[str, Any]
    changed: datetime | None


@dataclass(frozen=True)
class Page:
    """`count` of what is listed is here (one may give several things); `next` is None after the last page; `total` is
    what the shop says there are, if it does."""

    things: Sequence[Thing]
    count: int
    next: Cursor | None
    total: int | None = None


@dataclass(frozen=True)
class Hook:
    """A webhook as the shop has it. `active` is False where the shop gave it up or somebody switched it off."""

    id: str
    topic: str
    url: str
    active: bool = True


class Shop(Protocol):
    """`source` is its name as a store, `headers` are those that its webhooks carry."""

    @property
    def system(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def topics(self) -> Sequence[str]:
        """The topics that we hear of."""
        ...

    async def named(self) -> str:
        """The store that the shop says it is: its webhooks name it so."""
        ...

    def url_of(self, topic: str, base: str) -> str:
        """Where webhooks of this topic are to be sent."""
        ...

    async def page(self, resource: str, cursor: Cursor, since: datetime | None = None) -> Page:
        """The next page; with `since` only of what changed then or later."""
        ...

    async def missing(self, resource: str, ids: Sequence[str]) -> set[str]:
        """Those of these ids under which the shop seems to have nothing."""
        ...

    async def is_gone(self, resource: str, one: str) -> bool:
        """Whether that is so for this one, asked for by itself; what lies in a bin is not gone."""
        ...

    def deleted(self, resource: str, one: str, now: datetime) -> Thing:
        """As the webhook of its deletion."""
        ...

    async def hooks(self) -> Sequence[Hook]: ...

    async def make_hook(self, topic: str, url: str) -> None: ...

    async def wake_hook(self, hook: Hook) -> None: ...
