"""What may be said about an experiment: a winner at a planned look, or how many people it still needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from automations.experiments import sequential, statistics
from automations.experiments.plan import Plan
from automations.experiments.sequential import LOOKS, Anytime
from automations.experiments.statistics import ALPHA, SKEWED, Arm, Comparison, Span

Status = Literal["collecting", "looking", "winner", "no_difference", "blocked_srm"]

METRICS = ("click", "order", "revenue")
GUARDS = ("unsubscribed", "complained", "refunded")
"""What must not get worse. Each counts people."""


@dataclass(frozen=True)
class Tally:
    """What the people of one variant did in their window: how many people did it; `spent` and its squares in money."""

    n: int = 0
    click: int = 0
    order: int = 0
    spent: int = 0
    squares: float = 0.0
    unsubscribed: int = 0
    complained: int = 0
    refunded: int = 0

    def arm(self, metric: str) -> Arm:
        if metric == "revenue":
            return Arm(self.n, self.spent, self.squares)
        return Arm.counted(self.n, int(getattr(self, metric)))


@dataclass(frozen=True)
class Against:
    """One treated variant beside the control at a planned look. `span` is wide enough for all looks there may be."""

    variant: str
    difference: float
    z: float
    span: Span


@dataclass(frozen=True)
class Look:
    """`bound` is what |z| had to pass. `winner` is empty while nothing is decided."""

    number: int
    at: datetime
    people: Mapping[str, int]
    bound: float
    against: tuple[Against, ...]
    winner: str = ""


def look(plan: Plan, number: int, tallies: Mapping[str, Tally], at: datetime) -> Look:
    """Look number `number` of 1…5 at the people it was planned for. Several treated variants share the error."""
    bound = sequential.boundaries(LOOKS, ALPHA / len(plan.treated))[number - 1]
    control = tallies.get(plan.control, Tally()).arm(plan.metric)
    against = []
    for name in plan.treated:
        treated = tallies.get(name, Tally()).arm(plan.metric)
        difference, error = treated.mean - control.mean, statistics.together(control, treated)
        z = difference / error if error and min(control.n, treated.n) > 1 else 0.0
        against.append(Against(name, difference, z, Span(difference - bound * error, difference + bound * error)))
    people = {name: tallies.get(name, Tally()).n for name in plan.weights}
    return Look(number, at, people, bound, tuple(against), _winner(plan, against, bound))


def _winner(plan: Plan, against: Sequence[Against], bound: float) -> str:
    """The best of those that beat the control; the control if it beats them all."""
    better = [one for one in against if one.z > bound]
    if better:
        return max(better, key=lambda one: one.difference).variant
    return plan.control if against and all(one.z < -bound for one in against) else ""


@dataclass(frozen=True)
class Row:
    """One variant in one metric, beside the control. `p` is made larger for all that is asked at once (Holm)."""

    variant: str
    metric: str
    comparison: Comparison
    p: float
    anytime: Anytime

    @property
    def guard(self) -> bool:
        return self.metric in GUARDS

    @property
    def worse(self) -> bool:
        return self.guard and self.p < ALPHA and self.comparison.difference > 0


@dataclass(frozen=True)
class Verdict:
    """`tallies` are of those whose window is over, `inside` counts the others. `missing` people are needed until the
    next look (or, at the end, until the last). `days` is how long that takes at the pace so far; None: no pace yet."""

    plan: Plan
    status: Status
    looks: tuple[Look, ...]
    tallies: Mapping[str, Tally]
    inside: int
    missing: int
    days: float | None
    srm: float
    rows: tuple[Row, ...] = field(default=())

    @property
    def winner(self) -> str:
        return next((one.winner for one in self.looks if one.winner), "")

    @property
    def words(self) -> str:
        """For a person: what is known, or how many more people it needs."""
        number = f"look {len(self.looks) + 1} of {len(LOOKS)}"
        more = f"needs {self.missing:,} more people for {number}"
        if not self.missing:
            more = f"enough people for {number}, once the time of the last of them is over"
        if self.status == "blocked_srm":
            return f"blocked: the numbers of people do not fit the weights (p = {self.srm:.2g}); look for the reason"
        if self.status == "winner":
            return f"winner: {self.winner} (look {self.looks[-1].number} of {len(LOOKS)})"
        if self.status == "no_difference":
            return "no difference found with the planned number of people"
        return (
            f"collecting: {more}"
            if self.status == "collecting"
            else f"look {len(self.looks)} of {len(LOOKS)} decided nothing; {more}"
        )


def verdict(
    plan: Plan, looks: Sequence[Look], tallies: Mapping[str, Tally], assigned: Mapping[str, int],
    first_at: datetime | None, now: datetime,
) -> Verdict:  # fmt: skip
    """`tallies` count people whose window is over, `assigned` all who were exposed, the first at `first_at`."""
    through, people = sum(one.n for one in tallies.values()), sum(assigned.values())
    srm = ratio(plan, assigned)
    decided = bool(looks) and (bool(looks[-1].winner) or looks[-1].number == len(LOOKS))
    missing = 0 if decided else max(0, plan.until(len(looks) + 1) - people)
    status: Status = "collecting"
    if srm < SKEWED:
        status = "blocked_srm"
    elif looks and looks[-1].winner:
        status = "winner"
    elif decided:
        status = "no_difference"
    elif looks:
        status = "looking"
    return Verdict(
        plan, status, tuple(looks), tallies, people - through, missing, _days(missing, people, first_at, now), srm,
        _rows(plan, tallies),
    )  # fmt: skip


def ratio(plan: Plan, assigned: Mapping[str, int]) -> float:
    """Of people in arms that the plan does not know nothing fits."""
    if any(count for name, count in assigned.items() if name not in plan.weights):
        return 0.0
    return statistics.sample_ratio([assigned.get(name, 0) for name in plan.weights], list(plan.weights.values()))


def _days(missing: int, people: int, first_at: datetime | None, now: datetime) -> float | None:
    if not missing:
        return 0.0
    gone = (now - first_at).total_seconds() / 86_400 if first_at else 0.0
    return missing * gone / people if people and gone > 0 else None


def _rows(plan: Plan, tallies: Mapping[str, Tally]) -> tuple[Row, ...]:
    control = tallies.get(plan.control, Tally())
    compared: dict[tuple[str, str], tuple[Comparison, Anytime]] = {}
    for name in plan.treated:
        treated = tallies.get(name, Tally())
        # Of all planned people, those who are in these two arms.
        planned = math.ceil(
            plan.people * (plan.weights[plan.control] + plan.weights[name]) / sum(plan.weights.values())
        )
        for metric in (*METRICS, *GUARDS):
            sides = control.arm(metric), treated.arm(metric)
            bought = control.order + treated.order if metric == "revenue" else None
            always = sequential.anytime(*sides, planned, ALPHA / len(plan.treated), conversions=bought)
            compared[name, metric] = statistics.compare(*sides), always
    adjusted = statistics.holm({key: comparison.p for key, (comparison, _) in compared.items()})
    return tuple(
        Row(name, metric, comparison, adjusted[name, metric], always)
        for (name, metric), (comparison, always) in compared.items()
    )
