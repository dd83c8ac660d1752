"""Who gets nothing, so that the rest can be compared with them: a fixed share of people, the same ones for ever."""

from automations.experiments.assignment import BUCKETS, bucket
from bot.base.config import Config

__all__ = ["BUCKETS", "FLOW_BUCKET", "bucket", "held", "of_flow"]

FLOW_BUCKET = "flow_bucket"
"""Where an enrolment keeps the person's bucket of its flow, beside the `bucket` of the shop."""


def of_flow(salt: str, flow: str, person: int) -> int:
    """A draw of its own for each flow: who is held out of one is not for that held out of the others."""
    return bucket(salt, f"holdout of {flow}", person)


def held(config: Config, number: int) -> bool:
    return number < config.automations.holdout * BUCKETS
