"""Rules that may be asked more than once: a few planned looks, or an interval that holds at every moment.

* Planned looks: an error spent over them after O'Brien and Fleming, in the form of Lan and DeMets, so that the looks
  may come at any fractions of the planned number of people. Strong: almost the power of one look at the end.
* Any moment: a confidence sequence for the difference of means (Waudby-Smith and others, arXiv 2103.06476). It may be
  read every minute and still is wrong at most as often as alpha; it is wider for that.
* Any moment, for shares: the mixture sequential probability ratio test, with the size of effect that is looked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from automations.experiments.distributions import normal_density, normal_quantile, normal_tail
from automations.experiments.statistics import ALPHA, Arm, Span

LOOKS = (0.2, 0.4, 0.6, 0.8, 1.0)
CONVERSIONS = 150
"""Fewer in both arms together, and the normal approximation of rare successes is not to be trusted."""

_FURTHEST = 8.5
"""Standard deviations beyond which no boundary is told apart from never: P < 1e-16."""


def spent(fraction: float, alpha: float = ALPHA) -> float:
    """The part of alpha that may be used up once this fraction of the planned people was seen."""
    if fraction <= 0:
        return 0.0
    return min(alpha, 4 * normal_tail(normal_quantile(1 - alpha / 4) / math.sqrt(min(1.0, fraction))))


@lru_cache(maxsize=256)
def boundaries(fractions: tuple[float, ...] = LOOKS, alpha: float = ALPHA) -> tuple[float, ...]:
    """How large |z| must be at each look. `fractions` rise; they are cut at 1. Raises ValueError if they do not rise.

    Which looks come later does not change a boundary, so those that lie behind stay as they were.
    """
    times = [min(1.0, fraction) for fraction in fractions]
    if any(later <= earlier for earlier, later in zip([0.0, *times], times, strict=False)):
        raise ValueError("the looks must come at rising fractions of the planned size, none after it is reached")
    found: list[float] = []
    walk = _Walk(times)
    for look, time in enumerate(times):
        allowed = spent(time, alpha) - (spent(times[look - 1], alpha) if look else 0.0)
        bound = walk.boundary(look, allowed)
        found.append(bound)
        walk.survive(look, bound)
    return tuple(found)


class _Walk:
    """The sum of the data at each look as a Brownian motion, and its density among the paths that went on so far.

    Kept as points with weights (Simpson's rule), close enough for the narrowest step that follows.
    """

    def __init__(self, times: Sequence[float]) -> None:
        self.times = times
        self.points: list[float] = [0.0]
        self.weights: list[float] = [1.0]

    def boundary(self, look: int, allowed: float) -> float:
        """The |z| that just so many of the paths cross now, by halving."""
        low, high = 0.0, _FURTHEST
        for _ in range(50):
            middle = (low + high) / 2
            if self._crossing(look, middle) > allowed:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def _crossing(self, look: int, bound: float) -> float:
        edge, step = bound * math.sqrt(self.times[look]), self._step(look)
        # By symmetry the lower side loses as many as the upper one.
        return 2 * sum(
            weight * normal_tail((edge - point) / step) for point, weight in zip(self.points, self.weights, strict=True)
        )

    def survive(self, look: int, bound: float) -> None:
        """Go on with the paths between the boundaries."""
        if look + 1 == len(self.times):
            return
        edge, step = bound * math.sqrt(self.times[look]), self._step(look)
        # Farther out than the paths ever get there is nothing to add up.
        edge = min(edge, _FURTHEST * math.sqrt(self.times[look]))
        parts = 2 * min(2000, max(40, math.ceil(6 * edge / min(step, self._step(look + 1)))))
        width = 2 * edge / parts
        points = [-edge + width * part for part in range(parts + 1)]
        before = list(zip(self.points, self.weights, strict=True))
        density = [
            sum(weight * normal_density((point - start) / step) for start, weight in before) / step for point in points
        ]
        simpson = [1.0 if part in {0, parts} else 4.0 if part % 2 else 2.0 for part in range(parts + 1)]
        self.points = points
        self.weights = [width / 3 * share * dense for share, dense in zip(simpson, density, strict=True)]

    def _step(self, look: int) -> float:
        return math.sqrt(self.times[look] - (self.times[look - 1] if look else 0.0))


@dataclass(frozen=True)
class Anytime:
    """`p` may be read at any moment. Without enough conversions there is neither interval nor p: `missing` says how
    many more both arms together need."""

    difference: float
    span: Span | None
    p: float
    missing: int = 0


def anytime(
    control: Arm, treated: Arm, planned: int, alpha: float = ALPHA, *, conversions: int | None = None
) -> Anytime:
    """The difference per person with an interval that holds at every moment; `planned` is the size of both arms.

    The interval is narrowest at half of the planned size: there most of what can be decided early is. `conversions`
    are the people of both arms who did something: for arms of money, where the sums do not tell.
    """
    difference = treated.mean - control.mean
    error = math.sqrt(control.error + treated.error)
    happened = int(control.total + treated.total) if conversions is None else conversions
    if happened < CONVERSIONS or not error:
        return Anytime(difference, None, 1.0, max(0, CONVERSIONS - happened))
    n = control.n + treated.n
    half = error * anytime_bound(n, planned, alpha)
    return Anytime(difference, Span(difference - half, difference + half), _anytime_p(difference / error, n, planned))


def anytime_bound(n: int, planned: int, alpha: float = ALPHA) -> float:
    """How many standard errors wide the interval is to each side, with n people in both arms."""
    grown = 1 + n * _tuning(planned, alpha)
    return math.sqrt(2 * grown / (grown - 1) * math.log(math.sqrt(grown) / alpha))


def _anytime_p(z: float, n: int, planned: int) -> float:
    """The smallest alpha whose interval shuts out zero, the tuning held where alpha is the usual one."""
    grown = 1 + n * _tuning(planned, ALPHA)
    return min(1.0, math.sqrt(grown) * math.exp(-z * z * (grown - 1) / (2 * grown)))


@lru_cache(maxsize=64)
def _tuning(planned: int, alpha: float) -> float:
    """The squared rho of the sequence that makes it narrowest at half of the planned size."""
    wide = -2 * math.log(alpha)
    return (wide + math.log(wide + 1)) / max(1.0, planned / 2)


def mixture_ratio(control: Arm, treated: Arm, expected: float) -> float:
    """The logarithm of the evidence against no difference of two shares; from ln(1 / alpha) on it is found.

    `expected` is the size of difference that is looked for: a fifth of the share one starts from does well.
    """
    n = min(control.n, treated.n)
    if not n:
        return 0.0
    pooled = (control.total + treated.total) / (control.n + treated.n)
    variance = 2 * pooled * (1 - pooled)
    if not variance:
        return 0.0
    difference, mixed = treated.mean - control.mean, variance + n * expected * expected
    return 0.5 * math.log(variance / mixed) + (n * expected * difference) ** 2 / (2 * variance * mixed)
