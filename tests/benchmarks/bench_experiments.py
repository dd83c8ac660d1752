"""Winners declared where both arms are the same: 8,000 experiments without a difference, each looked at 100 times.

The rules are those of the program, called as it calls them; the peers are what is usual: a fresh test at every look,
and stopping once one arm is better with 90 % probability. Successes are drawn from their exact distribution. Planned
looks spend the whole of their 5 %, so they are measured more finely: 200,000 experiments, a standard error of .05 %.
"""

import math
import random
import time
from bisect import bisect
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

from figures import Figure

from automations.experiments import sequential
from automations.experiments.distributions import normal_quantile
from automations.experiments.statistics import Arm

RUNS, PLANNED_RUNS, LOOKS, FEWEST = 8_000, 200_000, 100, 500
SURE, FOUND = normal_quantile(0.9), math.log(20)
Z = normal_quantile(0.975)


@dataclass(frozen=True)
class Case:
    share: float
    batch: int
    lift: float = 0.0
    runs: int = RUNS


async def run() -> list[Figure]:
    started = time.perf_counter()
    figures = []
    for case in (Case(0.20, 100), Case(0.02, 400)):
        wins, _ = _declared(case)
        peers = f"{wins['naive']:.1%} p < .05 at each look, {wins['sure']:.1%} at 90 % probability"
        what = f"false winners, {case.share:.0%} of {case.batch * LOOKS:,} per arm"
        figures += [
            Figure(f"{what}, five planned looks", f"{_planned(case):.2%}", peers, "goal 5 %, measured to .1 %"),
            Figure(f"{what}, always valid", f"{wins['anytime']:.1%}", "", "goal at most 5 %"),
            Figure(f"{what}, mixture", f"{wins['mixture']:.1%}", "", "goal at most 5 %"),
        ]
    for case in (Case(0.20, 100, 0.10, 1000), Case(0.02, 400, 0.20, 1000)):
        wins, people = _declared(case)
        figures.append(
            Figure(
                f"true winners, {case.share:.0%} to {case.share * (1 + case.lift):.1%}, five planned looks",
                f"{wins['planned']:.0%} at {people['planned']:,.0f} per arm",
                f"{wins['anytime']:.0%} at {people['anytime']:,.0f} always valid",
            )
        )
    return [*figures, Figure("seconds for all of it", f"{time.perf_counter() - started:.0f}")]


def _declared(case: Case) -> tuple[dict[str, float], dict[str, float]]:
    """By rule: the share of experiments that it ended with a winner, and the people per arm it needed on average."""
    lots = random.Random(20)
    ends: Counter[str] = Counter()
    people: Counter[str] = Counter()
    one, other = _steps(case.share, case.batch), _steps(case.share * (1 + case.lift), case.batch)
    for _ in range(case.runs):
        for rule, look in _ended(case, lots, one, other).items():
            ends[rule] += look <= LOOKS
            people[rule] += min(look, LOOKS) * case.batch
    return {rule: count / case.runs for rule, count in ends.items()}, {
        rule: count / case.runs for rule, count in people.items()
    }


def _planned(case: Case) -> float:
    """The share of experiments that the five planned looks alone end with a winner."""
    lots, bounds, per_look = random.Random(20), sequential.boundaries(), case.batch * LOOKS // 5
    steps, wrong = _steps(case.share, per_look), 0
    for _ in range(PLANNED_RUNS):
        left = right = 0
        for look, bound in enumerate(bounds, 1):
            left += bisect(steps, lots.random())
            right += bisect(steps, lots.random())
            control, treated = Arm.counted(look * per_look, left), Arm.counted(look * per_look, right)
            if abs(treated.mean - control.mean) > bound * math.sqrt(control.error + treated.error):
                wrong += 1
                break
    return wrong / PLANNED_RUNS


def _ended(case: Case, lots: random.Random, one: list[float], other: list[float]) -> dict[str, int]:
    """The look at which each rule names a winner first; one more than there are, if it never does."""
    never = LOOKS + 1
    ended = dict.fromkeys(("planned", "anytime", "mixture", "naive", "sure"), never)
    bounds, left, right = sequential.boundaries(), 0, 0
    for look in range(1, LOOKS + 1):
        left += bisect(one, lots.random())
        right += bisect(other, lots.random())
        n = look * case.batch
        control, treated = Arm.counted(n, left), Arm.counted(n, right)
        error = math.sqrt(control.error + treated.error)
        z = abs(treated.mean - control.mean) / error if error else 0.0
        asked = {
            "planned": look % 20 == 0 and z > bounds[look // 20 - 1],
            "anytime": sequential.anytime(control, treated, 2 * LOOKS * case.batch).p <= 0.05,
            "mixture": sequential.mixture_ratio(control, treated, 0.2 * case.share) >= FOUND,
            "naive": z > Z,
            "sure": n >= FEWEST and z > SURE,
        }
        for rule, yes in asked.items():
            if yes and ended[rule] == never:
                ended[rule] = look
    return ended


def _steps(share: float, batch: int) -> list[float]:
    """The chance of at most so many successes in a batch."""
    ways = [math.lgamma(batch + 1) - math.lgamma(k + 1) - math.lgamma(batch - k + 1) for k in range(batch)]
    return list(
        accumulate(math.exp(way + k * math.log(share) + (batch - k) * math.log1p(-share)) for k, way in enumerate(ways))
    )
