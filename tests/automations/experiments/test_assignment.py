from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from automations.experiments import assignment, statistics

PEOPLE = some.integers(min_value=1, max_value=2**62)
NAMES = some.lists(some.sampled_from("abcdefgh"), min_size=2, max_size=6, unique=True)
WEIGHTS = some.integers(min_value=1, max_value=1000)


@given(PEOPLE, NAMES, some.data())
def test_t52_a_person_is_in_the_same_arm_every_time_in_whatever_order_arms_are_named(
    person: int, names: list[str], data: some.DataObject
) -> None:
    weights = {name: data.draw(WEIGHTS) for name in names}
    chosen = assignment.variant("salt", "subject", person, weights)
    turned = dict(reversed(weights.items()))
    assert assignment.variant("salt", "subject", person, turned) == chosen
    assert chosen in weights


@given(PEOPLE, NAMES, some.data())
def test_when_a_share_grows_nobody_moves_between_two_others(
    person: int, names: list[str], data: some.DataObject
) -> None:
    weights = {name: data.draw(WEIGHTS) for name in names}
    grown = {**weights, names[0]: weights[names[0]] + data.draw(WEIGHTS)}
    before = assignment.variant("salt", "subject", person, weights)
    after = assignment.variant("salt", "subject", person, grown)
    assert after in {before, names[0]}


@given(PEOPLE, NAMES, some.data())
def test_when_an_arm_is_closed_only_its_people_move(person: int, names: list[str], data: some.DataObject) -> None:
    weights = {name: data.draw(WEIGHTS) for name in names}
    before = assignment.variant("salt", "subject", person, weights)
    after = assignment.variant("salt", "subject", person, {**weights, names[0]: 0})
    assert after != names[0] and (before in {after, names[0]})


@pytest.mark.parametrize("weights", [{"a": 50, "b": 50}, {"a": 10, "b": 30, "c": 60}, {"a": 0.01, "b": 0.99}])
def test_weights_are_kept_to(weights: dict[str, float]) -> None:
    for experiment in ("subject", "delay", "coupon"):
        seen = Counter(assignment.variant("salt", experiment, person, weights) for person in range(40_000))
        assert statistics.sample_ratio([seen[name] for name in weights], list(weights.values())) > 0.001


def test_the_buckets_are_filled_evenly() -> None:
    seen = Counter(assignment.bucket("salt", "holdout", person) // 1000 for person in range(50_000))
    assert statistics.sample_ratio([seen[tenth] for tenth in range(10)], [1] * 10) > 0.001


def test_one_experiment_tells_nothing_about_another() -> None:
    equal = {"a": 1, "b": 1}
    pairs = Counter(
        (assignment.variant("salt", "one", person, equal), assignment.variant("salt", "two", person, equal))
        for person in range(40_000)
    )
    assert statistics.sample_ratio(list(pairs.values()), [1] * 4) > 0.001


def test_the_bucket_of_a_person_never_changes() -> None:
    # These stand in databases: another number would move people out of the hold-out.
    assert [assignment.bucket("salt", "holdout", person) for person in (1, 2, 3)] == [9612, 6918, 4396]


def test_nobody_can_be_in_an_experiment_without_arms() -> None:
    with pytest.raises(ValueError, match="has no variant"):
        assignment.variant("salt", "subject", 1, {"a": 0})
