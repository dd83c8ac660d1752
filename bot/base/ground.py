"""What both halves stand on, handed to decisions that need more than one of it."""

from dataclasses import dataclass

from bot.base.config import Config
from bot.base.texts import Texts


@dataclass(frozen=True)
class Ground:
    """The configuration, the words, and the key for tokens and address hashes."""

    config: Config
    texts: Texts
    secret: str
