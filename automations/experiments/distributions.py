"""The tails of the normal, Student's and chi-square distributions, from the standard library alone."""

import math
from statistics import NormalDist

_NORMAL = NormalDist()
_TINY = 1e-300
_CLOSE = 1e-15
_TURNS = 500
_SQRT_2 = math.sqrt(2)


def normal_tail(z: float) -> float:
    """P(Z > z), exact to the last digits far out too, where 1 - P(Z < z) would be zero."""
    return math.erfc(z / _SQRT_2) / 2


def normal_density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def normal_quantile(share: float) -> float:
    """The z with that share of the distribution below it."""
    return _NORMAL.inv_cdf(share)


def student_tail(t: float, degrees: float) -> float:
    """P(T > t) with that many degrees of freedom, which need not be whole."""
    if t < 0:
        return 1 - student_tail(-t, degrees)
    return _beta_share(degrees / (degrees + t * t), degrees / 2, 0.5) / 2


def student_quantile(share: float, degrees: float) -> float:
    """The t with that share below it, by halving: the tail falls steadily."""
    if share < 0.5:
        return -student_quantile(1 - share, degrees)
    low, high = 0.0, max(1.0, normal_quantile(share))
    while student_tail(high, degrees) > 1 - share:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if student_tail(middle, degrees) > 1 - share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def chi_square_tail(value: float, degrees: int) -> float:
    """P(X > value). For whole degrees of freedom it is a finite sum of Poisson terms, of whole or half steps."""
    if value <= 0:
        return 1.0
    half = value / 2
    start, tail = (0.0, 0.0) if degrees % 2 == 0 else (0.5, math.erfc(math.sqrt(half)))
    step = start
    while step < degrees / 2:
        tail += math.exp(step * math.log(half) - half - math.lgamma(step + 1))
        step += 1
    return min(1.0, tail)


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    if x < (a + 1) / (a + b + 2):  # where the fraction converges quickly; else the other end, by symmetry
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(1 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), from the front by Lentz's rule."""
    upper, lower = 1.0, 1 / _kept(1 - (a + b) * x / (a + 1))
    value = lower
    for turn in range(1, _TURNS):
        even = turn * (b - turn) * x / ((a + 2 * turn - 1) * (a + 2 * turn))
        odd = -(a + turn) * (a + b + turn) * x / ((a + 2 * turn) * (a + 2 * turn + 1))
        for term in (even, odd):
            lower = 1 / _kept(1 + term * lower)
            upper = _kept(1 + term / upper)
            value *= upper * lower
        if abs(upper * lower - 1) < _CLOSE:
            break
    return value


def _kept(value: float) -> float:
    """Away from zero: what follows divides by it."""
    return value if abs(value) > _TINY else _TINY
