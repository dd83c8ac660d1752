"""Questions about tickets and ratings: what customer service knows."""

from datetime import timedelta

from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case


@condition("service", reason="unhappy", hold=timedelta(days=7), value=int)
def no_unhappy_ticket(person: Person, _case: Case, low: int) -> bool:
    """No ticket is open that is urgent or a complaint, or while their last rating was low: first we make it good."""
    return not any(
        ticket["priority"] == "urgent"
        or ticket["kind"] == "complaint"
        or (ticket["last_score"] is not None and ticket["last_score"] <= low)
        for ticket in person.tickets
    )
