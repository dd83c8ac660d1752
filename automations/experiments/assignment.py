"""Which arm a person is in: worked out of who they are, so that it is the same every time and on every machine."""

import math
from collections.abc import Mapping
from hashlib import sha256

BUCKETS = 10_000


def bucket(salt: str, experiment: str, person: int) -> int:
    """`sha256(salt:experiment:person)` cut to 0…9999: a share of people is every bucket below it."""
    return _number(salt, experiment, person) % BUCKETS


def variant(salt: str, experiment: str, person: int, weights: Mapping[str, float]) -> str:
    """The variant with the best lot of this person, its weight making a lot better.

    Each variant draws for the person by itself. So when one of the weights grows, its lots grow and all others stay:
    people come to it, and nobody moves between two others. The order of the variants does not matter either.
    Raises ValueError if no variant has a weight.
    """
    drawn = [
        (_lot(salt, f"{experiment}:{name}", person, weight), name) for name, weight in weights.items() if weight > 0
    ]
    if not drawn:
        raise ValueError(f"experiment {experiment} has no variant that anybody may be in")
    return min(drawn)[1]


def _lot(salt: str, experiment: str, person: int, weight: float) -> float:
    """Smaller is better: an exponential of rate `weight`, so a variant's chance is its share of all weights."""
    share = (_number(salt, experiment, person) + 0.5) / 2**64
    return -math.log(share) / weight


def _number(salt: str, experiment: str, person: int) -> int:
    return int.from_bytes(sha256(f"{salt}:{experiment}:{person}".encode()).digest()[:8], "big")
