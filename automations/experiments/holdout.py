"""Who gets nothing, so that the rest can be compared with them: a fixed share of people, the same ones for ever."""

from hashlib import sha256

from bot.base.config import Config

BUCKETS = 10_000


def bucket(salt: str, experiment: str, person: int) -> int:
    """`sha256(salt:experiment:person)` cut to 0…9999."""
    mark = sha256(f"{salt}:{experiment}:{person}".encode()).digest()
    return int.from_bytes(mark[:8], "big") % BUCKETS


def held(config: Config, number: int) -> bool:
    return number < config.automations.holdout * BUCKETS
