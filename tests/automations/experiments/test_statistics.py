"""Fixed inputs, and what independent implementations make of them."""

import math
import random

import pytest

from automations.experiments import distributions, sizes, statistics
from automations.experiments.statistics import Arm, Span

# A trial of an outdoor shop: 64,000 customers got a mail for men, one for women, or none; two weeks of
# visits, orders and dollars (K. Hillstrom, 2008). People, visits, orders, dollars, squared dollars.
NONE = (21_306, 2_262, 122, 13_908.33, 2_870_050.3621)
MENS = (21_307, 3_894, 267, 30_311.69, 6_759_024.4973)
WOMENS = (21_387, 3_238, 189, 23_038.11, 4_911_446.5763)


def visits(row: tuple[int, int, int, float, float]) -> Arm:
    return Arm.counted(row[0], row[1])


def ordered(row: tuple[int, int, int, float, float]) -> Arm:
    return Arm.counted(row[0], row[2])


def dollars(row: tuple[int, int, int, float, float]) -> Arm:
    return Arm(row[0], row[3], row[4])


def near(span: Span | None, low: float, high: float, within: float) -> bool:
    assert span is not None
    return abs(span.low - low) <= within and abs(span.high - high) <= within


@pytest.mark.parametrize(
    ("row", "of", "difference", "low", "high", "within"),
    [
        (MENS, visits, 0.0766, 0.0700, 0.0832, 5e-5),
        (MENS, ordered, 0.00681, 0.00500, 0.00861, 5e-6),
        (MENS, dollars, 0.770, 0.485, 1.055, 5e-4),
        (WOMENS, visits, 0.0452, 0.0389, 0.0516, 5e-5),
        (WOMENS, ordered, 0.00311, 0.00150, 0.00472, 5e-6),
        (WOMENS, dollars, 0.424, 0.169, 0.680, 5e-4),
    ],
)
def test_the_trial_of_an_outdoor_shop_comes_out(row, of, difference, low, high, within) -> None:
    found = statistics.compare(of(NONE), of(row))
    assert found.difference == pytest.approx(difference, abs=within)
    assert near(found.span, low, high, within)


def test_the_lift_is_told_with_its_own_interval() -> None:
    found = statistics.compare(visits(NONE), visits(MENS))
    assert found.lift == pytest.approx(0.7214, abs=1e-4)
    assert found.lift_span is not None and found.lift_span.low < found.lift < found.lift_span.high
    assert statistics.compare(visits(NONE), visits(WOMENS)).lift == pytest.approx(0.426, abs=5e-4)


def test_two_mails_are_compared_with_each_other() -> None:
    assert statistics.compare(visits(WOMENS), visits(MENS)).p == pytest.approx(4e-18, rel=0.1)
    money = statistics.compare(dollars(WOMENS), dollars(MENS))
    assert (round(money.difference, 3), round(money.p, 3)) == (0.345, 0.030)


def test_the_arms_of_the_trial_are_as_large_as_they_should_be() -> None:
    assert statistics.sample_ratio([NONE[0], MENS[0], WOMENS[0]], [1, 1, 1]) == pytest.approx(0.904, abs=5e-4)


def test_means_are_compared_as_others_do() -> None:
    found = statistics.compare(Arm(3407, 1396.87, 52377.9767), Arm(3461, 2422.7, 134698.29))
    assert found.difference == pytest.approx(0.29, abs=5e-6)
    assert near(found.span, 0.04538, 0.53462, 5e-6)
    assert found.p == pytest.approx(0.02016, abs=5e-6)
    assert found.lift == pytest.approx(0.70732, abs=5e-6)
    assert near(found.lift_span, -0.03526, 1.44989, 5e-6)


def test_few_people_are_compared_as_others_do() -> None:
    found = statistics.compare(Arm.counted(28, 14), Arm.counted(30, 16))
    assert found.lift == pytest.approx(0.06667, abs=5e-6)
    assert near(found.lift_span, -0.47767, 0.61101, 5e-6)


def test_the_chance_and_the_risk_are_what_drawing_lots_gives() -> None:
    control, treated = Arm.counted(1000, 100), Arm.counted(1000, 112)
    found = statistics.compare(control, treated)
    lots = random.Random(5)
    error = math.sqrt(control.error + treated.error)
    drawn = [lots.gauss(found.difference, error) for _ in range(200_000)]
    assert found.chance == pytest.approx(sum(one > 0 for one in drawn) / len(drawn), abs=0.003)
    assert found.loss_if_chosen == pytest.approx(sum(max(0, -one) for one in drawn) / len(drawn), rel=0.02)
    assert found.loss_if_not == pytest.approx(sum(max(0, one) for one in drawn) / len(drawn), rel=0.02)
    assert found.loss_if_not - found.loss_if_chosen == pytest.approx(found.difference)


@pytest.mark.parametrize("arm", [Arm(0, 0, 0), Arm(1, 5, 25), Arm.counted(50, 0), Arm(50, 0, 0)])
def test_of_nothing_nothing_is_said(arm: Arm) -> None:
    found = statistics.compare(arm, arm)
    assert (found.p, found.chance, found.lift) == (1.0, 0.5, None)


def test_there_is_no_lift_over_nothing() -> None:
    found = statistics.compare(Arm.counted(100, 0), Arm.counted(100, 9))
    assert found.lift is None and found.span.low > 0


def test_two_shares_are_tested_with_the_variance_of_both() -> None:
    # z = 0.05 / sqrt(0.225 * 0.775 * 2 / 1000) = 2.6774
    p = statistics.two_proportions(Arm.counted(1000, 200), Arm.counted(1000, 250))
    assert p == pytest.approx(0.0074194, abs=1e-6)
    assert statistics.two_proportions(Arm.counted(10, 0), Arm.counted(10, 0)) == 1.0


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (847, 3913, 0.20384, 0.22964),
        (262, 2451, 0.09527, 0.11975),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 20, 0.0089, 0.2361),
    ],
)
def test_the_interval_of_a_share_stays_within_its_bounds(successes: int, n: int, low: float, high: float) -> None:
    assert near(statistics.wilson(successes, n), low, high, 6e-5)


def test_without_people_a_share_may_be_anything() -> None:
    assert statistics.wilson(0, 0) == Span(0.0, 1.0)


@pytest.mark.parametrize(
    ("counts", "weights", "p"),
    [
        ([5000, 5000], [1, 1], 1.0),
        ([5100, 4900], [1, 1], 0.0455),
        ([5200, 4800], [1, 1], 6.334e-5),
        ([1000, 3000, 6000], [1, 3, 6], 1.0),
        ([10, 0], [1, 0], 1.0),
        ([10, 1], [1, 0], 0.0),
        ([0, 0], [1, 1], 1.0),
    ],
)
def test_a_wrong_ratio_of_people_is_seen(counts: list[int], weights: list[float], p: float) -> None:
    assert statistics.sample_ratio(counts, weights) == pytest.approx(p, rel=2e-3)


def test_many_questions_at_once_make_each_answer_weaker() -> None:
    assert statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert statistics.holm({}) == {}
    assert statistics.holm({"x": 0.9, "y": 0.8}) == {"x": 1.0, "y": 1.0}


@pytest.mark.parametrize(
    ("share", "lift", "people"),
    [(0.20, 0.10, 6_507), (0.02, 0.10, 80_679), (0.02, 0.20, 21_106), (0.03, 0.20, 13_911), (0.10, 0.20, 3_839)],
)
def test_the_people_needed_are_told_beforehand(share: float, lift: float, people: int) -> None:
    assert sizes.of_proportion(share, lift) == people


def test_a_size_and_the_difference_it_finds_belong_together() -> None:
    found = sizes.smallest_difference(0.16, 0.1716, 6_507)
    assert found == pytest.approx(0.02, abs=1e-5)
    assert sizes.of_mean(0.16, 0.1716, found) == 6_507


@pytest.mark.parametrize(("share", "lift"), [(0.0, 0.1), (1.0, 0.1), (0.6, 0.9), (0.2, 0.0)])
def test_what_cannot_be_found_has_no_size(share: float, lift: float) -> None:
    with pytest.raises(ValueError, match="cannot be changed"):
        sizes.of_proportion(share, lift)


@pytest.mark.parametrize(
    ("t", "degrees", "tail"),
    [
        (2.0, 3, 0.069662984),
        (2.2281388520, 10, 0.025),
        (0.5, 1.7, 0.337092262),
        (-1.0, 5, 0.818391266),
        (1.96, 1e6, 0.024998034),
    ],
)
def test_tails_of_student_are_those_of_the_tables(t: float, degrees: float, tail: float) -> None:
    assert distributions.student_tail(t, degrees) == pytest.approx(tail, rel=1e-7)


@pytest.mark.parametrize(
    ("share", "degrees", "t"), [(0.975, 10, 2.228139), (0.95, 1, 6.313752), (0.005, 30, -2.749996)]
)
def test_quantiles_of_student_are_those_of_the_tables(share: float, degrees: float, t: float) -> None:
    assert distributions.student_quantile(share, degrees) == pytest.approx(t, abs=1e-6)


@pytest.mark.parametrize(("value", "degrees", "tail"), [(3.841459, 1, 0.05), (5.991465, 2, 0.05), (16.81189, 6, 0.01)])
def test_tails_of_chi_square_are_those_of_the_tables(value: float, degrees: int, tail: float) -> None:
    assert distributions.chi_square_tail(value, degrees) == pytest.approx(tail, rel=1e-5)
