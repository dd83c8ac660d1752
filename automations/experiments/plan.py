"""What was planned before anybody was exposed: the arms, the measure, how many people, when is looked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from automations.definition import flow as definitions
from automations.experiments import sizes
from automations.experiments.sequential import LOOKS


@dataclass(frozen=True)
class Plan:
    """`weights` by variant, the control first; `metric` is click, order or revenue.

    `people` are in all arms together, so that the smallest has the size that was planned for each.
    """

    flow: str
    name: str
    metric: str
    weights: Mapping[str, float]
    people: int

    @property
    def control(self) -> str:
        return next(iter(self.weights))

    @property
    def treated(self) -> tuple[str, ...]:
        return tuple(self.weights)[1:]

    def until(self, look: int) -> int:
        """The people who must be through before look number `look`, of 1…5."""
        return math.ceil(self.people * LOOKS[look - 1])


def of(flow: definitions.Flow) -> Plan | None:
    """The plan of the flow's experiment. The control is the arm that changes nothing.

    Without such an arm, or with two, it is the one called control or else the first by name. Arms without weight are
    left out; with less than two there is nothing to compare.
    """
    experiment = flow.experiment
    if experiment is None:
        return None
    open_arms = {name: one for name, one in experiment.variants.items() if one.weight > 0}
    if len(open_arms) < 2:
        return None
    names = sorted(open_arms, key=lambda name: (bool(open_arms[name].steps), name != "control", name))
    size = experiment.size
    if size is None:
        assert experiment.baseline is not None and experiment.lift is not None  # the definition saw to it
        size = sizes.of_proportion(experiment.baseline, experiment.lift)
    weights = {name: open_arms[name].weight for name in names}
    people = math.ceil(size * sum(weights.values()) / min(weights.values()))
    return Plan(flow.name, experiment.name, experiment.metric, weights, people)
