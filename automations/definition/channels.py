"""Which loop of the outbox looks at a message first; its gate may hand it on to that of another channel."""

from collections.abc import Sequence

from bot.base.config import Config


def lane(config: Config, channels: Sequence[str]) -> str:
    """Mail, where we have a relay: its loop has no order, so nobody waits behind what waits there."""
    there = {"email": config.mail.server is not None, "telegram": config.telegram.token is not None}
    return "telegram" if "telegram" in channels and there["telegram"] and not there["email"] else "email"
