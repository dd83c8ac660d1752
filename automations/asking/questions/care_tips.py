"""Questions about care tips."""

from datetime import timedelta
from typing import Any

from automations.asking import matter
from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case
from bot.base import clock


@condition(reason="no_tip")
def tip_in_language(_person: Person, case: Case, _value: Any) -> bool:
    return case.care.find(case.language, case.context.get("category")) is not None


@condition(reason="no_tip")
def deep_tip_in_language(_person: Person, case: Case, _value: Any) -> bool:
    tips = case.care.find(case.language, case.context.get("category"))
    return tips is not None and bool(tips.deep)


@condition("taught", reason="recently_taught", value=clock.duration)
def not_taught_in(person: Person, case: Case, within: timedelta) -> bool:
    """The same care category was not written about for another order."""
    return not any(
        told["flow"] == case.flow
        and told["category"] == case.context.get("category")
        and not matter.same(told, case.context, "order_id")
        and told["at"] > case.now - within
        for told in person.taught
    )
