"""The channel of practice tickets: a customer who does not exist takes every message at once."""

from bot.base import clock
from bot.outbound.sender import Outgoing, Receipt

CHANNEL = "drill"


class PracticeSender:
    ordered = True
    exclusive = False
    batch = 1
    claim = 50

    async def send(self, message: Outgoing) -> Receipt:
        return Receipt(clock.now())

    async def close(self) -> None:
        """Nothing is open."""
