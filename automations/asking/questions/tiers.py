"""Questions about a tier that somebody came into."""

from typing import Any

from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case
from automations.asking.questions import standing


@condition(reason="not_up")
def tier_up(_person: Person, case: Case, _value: Any) -> bool:
    """They climbed. Who goes down hears nothing by itself."""
    return case.context.get("direction") == "up"


@condition("standing", reason="tier_gone")
def still_in_tier(person: Person, case: Case, _value: Any) -> bool:
    """They have the tier that the mail is about, or a higher one by now."""
    stands = standing.of(person)
    return stands.rank >= stands.rank_of(str(case.context.get("tier") or "")) > 0
