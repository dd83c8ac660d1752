"""Boundaries of planned looks, intervals for every moment, and how often both cry wolf."""

import math
import random
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

import pytest

from automations.experiments import sequential, statistics
from automations.experiments.statistics import Arm


def test_five_looks_have_the_boundaries_of_the_tables() -> None:
    assert sequential.boundaries() == pytest.approx((4.877, 3.357, 2.680, 2.290, 2.031), abs=6e-4)


def test_one_look_is_an_ordinary_test() -> None:
    assert sequential.boundaries((1.0,)) == pytest.approx((1.95996,), abs=1e-5)


def test_two_looks_have_the_boundaries_of_the_tables() -> None:
    assert sequential.boundaries((0.5, 1.0)) == pytest.approx((2.963, 1.969), abs=6e-4)


def test_looks_may_come_at_any_time_and_past_ones_keep_their_boundary() -> None:
    early = sequential.boundaries((0.23, 0.41))
    assert sequential.boundaries((0.23, 0.41, 0.6, 1.3))[:2] == pytest.approx(early, abs=1e-9)


@pytest.mark.parametrize("fractions", [(0.0, 1.0), (0.5, 0.5), (0.6, 0.4), (1.0, 1.2)])
def test_looks_that_do_not_rise_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rising"):
        sequential.boundaries(fractions)


def test_all_of_the_error_is_spent_at_the_end_and_hardly_any_at_the_start() -> None:
    assert sequential.spent(1.0) == pytest.approx(0.05)
    assert sequential.spent(1.4) == pytest.approx(0.05)
    assert sequential.spent(0.2) < 1.2e-6
    assert sequential.spent(0.0) == 0.0


def test_the_share_of_paths_that_cross_is_what_was_allowed() -> None:
    fractions, lots = (0.1, 0.35, 0.7, 1.0), random.Random(11)
    bounds, crossed, runs = sequential.boundaries(fractions), 0, 40_000
    for _ in range(runs):
        walked = before = 0.0
        for time, bound in zip(fractions, bounds, strict=True):
            walked += lots.gauss(0, math.sqrt(time - before))
            before = time
            if abs(walked) > bound * math.sqrt(time):
                crossed += 1
                break
    assert crossed / runs == pytest.approx(0.05, abs=0.004)


def test_the_trial_of_an_outdoor_shop_could_have_been_watched() -> None:
    none = Arm(21_306, 13_908.33, 2_870_050.3621)
    mens, womens = Arm(21_307, 30_311.69, 6_759_024.4973), Arm(21_387, 23_038.11, 4_911_446.5763)
    found = sequential.anytime(none, mens, 85_226, conversions=389)
    assert found.p == pytest.approx(1.1e-5, rel=0.05)
    assert found.span is not None and 0.32 < found.span.low < statistics.compare(none, mens).span.low
    assert sequential.anytime(none, womens, 85_386, conversions=311).p == pytest.approx(0.027, abs=5e-4)


def test_the_interval_of_every_moment_shuts_out_zero_exactly_when_p_says_so() -> None:
    for bought in range(300, 420, 5):
        found = sequential.anytime(Arm.counted(3000, 300), Arm.counted(3000, bought), 8000)
        assert found.span is not None
        assert (found.p <= 0.05) == (found.span.low >= 0 or found.span.high <= 0)


def test_the_interval_is_narrowest_at_half_of_the_planned_size() -> None:
    def width(planned: int) -> float:
        return sequential.anytime_bound(5000, planned)

    assert width(10_000) < width(7_000) and width(10_000) < width(14_000)


def test_before_there_is_enough_to_go_by_nothing_is_said() -> None:
    found = sequential.anytime(Arm.counted(5000, 20), Arm.counted(5000, 90), 20_000)
    assert (found.span, found.p, found.missing) == (None, 1.0, 40)
    money = sequential.anytime(Arm(5000, 900, 9000), Arm(5000, 9000, 90_000), 20_000, conversions=149)
    assert money.missing == 1


def test_evidence_grows_with_the_difference_and_falls_without_one() -> None:
    same = sequential.mixture_ratio(Arm.counted(5000, 1000), Arm.counted(5000, 1000), 0.04)
    other = sequential.mixture_ratio(Arm.counted(5000, 1000), Arm.counted(5000, 1150), 0.04)
    assert same < 0 < math.log(20) < other
    assert sequential.mixture_ratio(Arm.counted(0, 0), Arm.counted(0, 0), 0.04) == 0.0


def test_evidence_is_the_formula_worked_out_by_hand() -> None:
    # 10,000 in each arm, 3.0 % and 3.4 %: pooled .032, variance .061952, n tau^2 = 1.
    found = sequential.mixture_ratio(Arm.counted(10_000, 300), Arm.counted(10_000, 340), 0.01)
    assert found == pytest.approx(0.5 * math.log(0.061952 / 1.061952) + 0.16 / (2 * 0.061952 * 1.061952) * 1.0)


def watched(lots: random.Random, share: float, lift: float, batch: int, looks: int) -> Iterator[tuple[Arm, Arm]]:
    """Both arms at each look. Successes of a batch are drawn from their exact distribution."""
    one, other = (_steps(share * grown, batch) for grown in (1.0, 1 + lift))
    left = right = 0
    for look in range(1, looks + 1):
        left += bisect(one, lots.random())
        right += bisect(other, lots.random())
        yield Arm.counted(look * batch, left), Arm.counted(look * batch, right)


@lru_cache
def _steps(share: float, batch: int) -> list[float]:
    """The chance of at most so many successes in a batch."""
    ways = [math.lgamma(batch + 1) - math.lgamma(k + 1) - math.lgamma(batch - k + 1) for k in range(batch)]
    return list(
        accumulate(math.exp(way + k * math.log(share) + (batch - k) * math.log1p(-share)) for k, way in enumerate(ways))
    )


@pytest.mark.parametrize(("share", "batch"), [(0.2, 100), (0.03, 250)])
def test_watching_all_the_time_finds_no_winner_where_there_is_none(share: float, batch: int) -> None:
    lots, runs, looks = random.Random(3), 500, 50
    wrong = {"interval": 0, "mixture": 0, "naive": 0}
    for _ in range(runs):
        found = set()
        for control, treated in watched(lots, share, 0.0, batch, looks):
            if sequential.anytime(control, treated, 2 * looks * batch).p <= 0.05:
                found.add("interval")
            if sequential.mixture_ratio(control, treated, 0.2 * share) >= math.log(20):
                found.add("mixture")
            if statistics.two_proportions(control, treated) < 0.05:
                found.add("naive")
        for rule in found:
            wrong[rule] += 1
    assert wrong["interval"] / runs <= 0.05 and wrong["mixture"] / runs <= 0.05
    assert wrong["naive"] / runs > 0.2  # what the rules above are for


@pytest.mark.parametrize(("share", "batch"), [(0.2, 1000), (0.03, 2500)])
def test_planned_looks_find_no_winner_where_there_is_none(share: float, batch: int) -> None:
    lots, runs, wrong = random.Random(8), 20_000, 0
    for _ in range(runs):
        for bound, (control, treated) in zip(sequential.boundaries(), watched(lots, share, 0.0, batch, 5), strict=True):
            if abs(treated.mean - control.mean) > bound * math.sqrt(control.error + treated.error):
                wrong += 1
                break
    # The whole of alpha is spent, so the truth is 5 %: two standard errors of this many runs to each side.
    assert wrong / runs == pytest.approx(0.05, abs=2 * math.sqrt(0.05 * 0.95 / runs))


def test_a_real_winner_is_found_at_the_planned_looks() -> None:
    lots, found = random.Random(4), 0
    for _ in range(100):
        for look, (control, treated) in enumerate(watched(lots, 0.2, 0.1, 200, 50), 1):
            z = (treated.mean - control.mean) / math.sqrt(control.error + treated.error)
            if look % 10 == 0 and z > sequential.boundaries()[look // 10 - 1]:
                found += 1
                break
    assert found >= 85
