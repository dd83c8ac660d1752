"""Who gets nothing, so that the rest can be compared with them: a fixed share of people, the same ones for ever."""

from hashlib import sha256

from bot.base.config import Config

BUCKETS = 10_000
FLOW_BUCKET = "flow_bucket"
"""Where an enrolment keeps the person's bucket of its flow, beside the `bucket` of the shop."""


def bucket(salt: str, experiment: str, person: int) -> int:
    """`sha256(salt:experiment:person)` cut to 0…9999."""
    mark = sha256(f"{salt}:{experiment}:{person}".encode()).digest()
    return int.from_bytes(mark[:8], "big") % BUCKETS


def of_flow(salt: str, flow: str, person: int) -> int:
    """A draw of its own for each flow: who is held out of one is not for that held out of the others."""
    return bucket(salt, f"holdout of {flow}", person)


def held(config: Config, number: int) -> bool:
    return number < config.automations.holdout * BUCKETS
