"""Stand-ins with memory for the doors of the program."""

from collections.abc import Callable
from datetime import datetime

from bot.base import clock
from bot.outbound.sender import Outgoing, Receipt


class RecordingSender:
    """A channel that keeps what it was given. `answer` may raise instead of returning a receipt."""

    def __init__(self, *, ordered: bool = True, answer: Callable[[Outgoing], Receipt] | None = None) -> None:
        self.ordered = ordered
        self.exclusive = False
        self.batch = 1 if ordered else 8
        self.claim = 50
        self.sent: list[Outgoing] = []
        self._answer = answer or self._accept

    def _accept(self, message: Outgoing) -> Receipt:
        return Receipt(clock.now(), provider_id=f"p{message.id}")

    async def send(self, message: Outgoing) -> Receipt:
        receipt = self._answer(message)
        self.sent.append(message)
        return receipt

    async def close(self) -> None:
        pass

    @property
    def texts(self) -> list[str]:
        return [str(message.payload.get("text", "")) for message in self.sent]


def accepted(at: datetime, provider_id: str = "1") -> Receipt:
    return Receipt(at, provider_id)
