"""How many people a comparison needs before it starts."""

import math

from automations.experiments.distributions import normal_quantile
from automations.experiments.statistics import ALPHA

POWER = 0.8


def of_proportion(share: float, lift: float, power: float = POWER, alpha: float = ALPHA) -> int:
    """People per arm to find a share of `share` raised by `lift` (0.1 is ten per cent of it) that often.

    Raises ValueError when there is nothing to find or the raised share is no share.
    """
    raised = share * (1 + lift)
    if not 0 < share < 1 or not 0 <= raised < 1 or lift == 0:
        raise ValueError(f"a share of {share:g} cannot be changed by {lift:+.0%}")
    return of_mean(share * (1 - share), raised * (1 - raised), raised - share, power, alpha)


def of_mean(
    control_variance: float, treated_variance: float, difference: float, power: float = POWER, alpha: float = ALPHA
) -> int:
    """People per arm to find such a difference of means, two-sided."""
    reach = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    return math.ceil(reach * reach * (control_variance + treated_variance) / (difference * difference))


def smallest_difference(
    control_variance: float, treated_variance: float, per_arm: int, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The other way round: the difference of means that so many people per arm will find that often."""
    reach = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    return reach * math.sqrt((control_variance + treated_variance) / per_arm)
