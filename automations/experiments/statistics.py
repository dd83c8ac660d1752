"""What two arms of a comparison tell: the difference, its interval, the chance and the risk of choosing one.

Everything is worked out of three sums per arm, so a database can hand them over without a row per person.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from automations.experiments.distributions import (
    chi_square_tail,
    normal_density,
    normal_quantile,
    normal_tail,
    student_quantile,
    student_tail,
)

Key = TypeVar("Key", bound=Hashable)

ALPHA = 0.05
SKEWED = 0.001
"""Below this chance the numbers of people in the arms do not fit the shares: what put them there is broken."""


@dataclass(frozen=True)
class Arm:
    """The people of one arm and what each did: how many, the sum, the sum of squares.

    `binary`: each did it or did not; then the sum of squares is the sum, and the variance is p(1 - p).
    """

    n: int
    total: float
    squares: float
    binary: bool = False

    @classmethod
    def counted(cls, n: int, of_them: int) -> "Arm":
        return cls(n, of_them, of_them, binary=True)

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Of one person. Rounding may leave a little less than nothing: that is nothing."""
        if self.binary:
            return self.mean * (1 - self.mean)
        spread = self.squares - self.total * self.total / self.n if self.n else 0.0
        return max(0.0, spread) / (self.n - 1) if self.n > 1 else 0.0

    @property
    def error(self) -> float:
        """Variance of the mean."""
        return self.variance / self.n if self.n else 0.0


@dataclass(frozen=True)
class Span:
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """`treated` minus `control`, per person. `lift` is the share of the control's mean; none when that is zero.

    `chance` is the chance that treated is truly better, knowing nothing beforehand. `loss_if_chosen` is what choosing
    it is expected to cost per person (the chance of being wrong times how wrong); `loss_if_not` that of leaving it.
    """

    difference: float
    span: Span
    p: float
    lift: float | None
    lift_span: Span | None
    chance: float
    loss_if_chosen: float
    loss_if_not: float


def compare(control: Arm, treated: Arm, alpha: float = ALPHA) -> Comparison:
    """At one moment fixed beforehand (Welch's t). Looking every day and stopping at p < .05 is what it is not for."""
    difference = treated.mean - control.mean
    # All of one arm and nobody of the other: neither has a variance by itself.
    error = math.sqrt(control.error + treated.error) or together(control, treated)
    if min(control.n, treated.n) < 2 or error == 0:
        nothing = Span(-math.inf, math.inf)
        return Comparison(difference, nothing, 1.0, None, None, 0.5, 0.0, 0.0)
    degrees = _degrees(control, treated)
    critical = student_quantile(1 - alpha / 2, degrees)
    z = difference / error
    density = error * normal_density(z)
    lift, lift_span = _lift(control, treated, critical)
    return Comparison(
        difference=difference,
        span=Span(difference - critical * error, difference + critical * error),
        p=2 * student_tail(abs(z), degrees),
        lift=lift,
        lift_span=lift_span,
        chance=normal_tail(-z),
        loss_if_chosen=density - difference * normal_tail(z),
        loss_if_not=density + difference * normal_tail(-z),
    )


def _degrees(control: Arm, treated: Arm) -> float:
    """Welch and Satterthwaite: the degrees of freedom of two arms of unequal variance."""
    parts = control.error**2 / (control.n - 1) + treated.error**2 / (treated.n - 1)
    return (control.error + treated.error) ** 2 / parts if parts else control.n + treated.n - 2


def _lift(control: Arm, treated: Arm, critical: float) -> tuple[float | None, Span | None]:
    """The quotient of two means less one, its variance by the delta method: the control's mean is uncertain too."""
    if control.mean <= 0:
        return None, None
    ratio = treated.mean / control.mean
    error = math.sqrt(treated.error + control.error * ratio * ratio) / control.mean
    return ratio - 1, Span(ratio - 1 - critical * error, ratio - 1 + critical * error)


def together(control: Arm, treated: Arm) -> float:
    """Standard error of the difference if there is none: that of shares with the variance of both arms together.

    For equal arms it is never smaller than that of each by itself. Of money there is no such thing: each by itself.
    """
    if not (control.binary and treated.binary):
        return math.sqrt(control.error + treated.error)
    people = control.n + treated.n
    pooled = (control.total + treated.total) / people if people else 0.0
    if not control.n or not treated.n:
        return 0.0
    return math.sqrt(pooled * (1 - pooled) * (1 / control.n + 1 / treated.n))


def two_proportions(control: Arm, treated: Arm) -> float:
    """The chance of such a difference of two shares if there is none."""
    error = together(control, treated)
    return 2 * normal_tail(abs(treated.mean - control.mean) / error) if error else 1.0


def wilson(successes: int, n: int, alpha: float = ALPHA) -> Span:
    """The interval of a share (Wilson's score): honest with few people, and never outside 0…1."""
    if not n:
        return Span(0.0, 1.0)
    z = normal_quantile(1 - alpha / 2)
    share, grown = successes / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / grown
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / grown
    return Span(max(0.0, middle - half), min(1.0, middle + half))


def sample_ratio(counts: Sequence[int], weights: Sequence[float]) -> float:
    """The chance of such numbers of people if the shares hold (chi-square). See SKEWED."""
    people, whole = sum(counts), sum(weights)
    if not people or len(counts) < 2:
        return 1.0
    expected = [people * weight / whole for weight in weights]
    if any(count and not share for count, share in zip(counts, expected, strict=True)):
        return 0.0  # somebody stands where nobody may
    pairs = [(count, share) for count, share in zip(counts, expected, strict=True) if share]
    return chi_square_tail(sum((count - share) ** 2 / share for count, share in pairs), len(pairs) - 1)


def holm(chances: Mapping[Key, float]) -> dict[Key, float]:
    """Each p, made larger for how many were asked at once (Holm): below alpha it may be told as found."""
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for rank, (key, p) in enumerate(sorted(chances.items(), key=lambda pair: pair[1])):
        largest = max(largest, min(1.0, p * (len(chances) - rank)))
        adjusted[key] = largest
    return {key: adjusted[key] for key in chances}
