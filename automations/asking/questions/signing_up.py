"""Questions about signing up."""

from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case


@condition()
def just_signed_up(_person: Person, case: Case, _value: None) -> bool:
    """They said yes a second time, or the shop asked for the welcome. An import and a plain call of the API did not."""
    return case.context.get("welcome") is True
