"""The door for what leaves: a sender per channel, and how it says that something did not arrive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Outgoing:
    """A message as a sender gets it. `row` is the outbox row, `payload` its content ready to leave.

    `riders` are rows whose content is in the payload too. `uncertain`: it may have left before, nobody knows.
    """

    id: int
    key: str
    purpose: str
    priority: int
    receiver: str
    payload: Mapping[str, Any]
    row: Mapping[str, Any]
    riders: Sequence[Mapping[str, Any]] = ()
    uncertain: bool = False


@dataclass(frozen=True)
class Receipt:
    """The provider took it at `accepted_at` under `provider_id`; `extra` goes to whoever asked to hear of it."""

    accepted_at: datetime
    provider_id: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class DeliveryError(Exception):
    """It was not taken.

    `permanent`: never will be; `reason` then says why in one word (`blocked`, `bad_address`, `rejected`, …).
    `retry_after`: seconds that the provider asks us to wait.
    `uncertain`: the answer was lost after the hand-over, it may have arrived. With `permanent`: and nobody tries again.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        uncertain: bool = False,
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.uncertain = uncertain
        self.reason = reason


class NotNow(Exception):  # noqa: N818 - not an error: our own rate limit says later
    """Our own limits are used up for `seconds`; trying did not cost anything."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not before {seconds:.1f} s")
        self.seconds = seconds


class Sender(Protocol):
    """One channel. `send` raises DeliveryError or NotNow; anything else counts as a failure of that row alone."""

    @property
    def ordered(self) -> bool | Literal["lanes"]:
        """Messages to one receiver leave one after another (a chat), or side by side (mail).

        `lanes`: one after another, and what matters more goes first (see `lanes`).
        """
        ...

    @property
    def exclusive(self) -> bool | str:
        """Only one process may send at a time, as the provider limits us as a whole.

        A name lets senders of several channels share one lane.
        """
        ...

    batch: int
    """How many are handed over between two commits; so many `once` messages can end `unknown` in a crash."""
    claim: int
    """How many are taken at a time: few enough that the last leaves inside the lease."""

    async def send(self, message: Outgoing) -> Receipt: ...

    async def close(self) -> None: ...
