"""Questions about what somebody looked at."""

from datetime import timedelta
from typing import Any

from automations.asking import matter
from automations.asking.conditions import condition
from automations.asking.facts import Person
from automations.asking.matter import Case
from bot.base import clock


@condition("views", reason="viewed_once", value=clock.duration)
def viewed_twice_in(person: Person, case: Case, within: timedelta) -> bool:
    """Two views of one product, or of one category, within the time before the newest view."""
    if not person.views:
        return False
    recent = [view for view in person.views if view["ts"] >= person.views[0]["ts"] - within]
    for key in ("product_id", "category"):
        seen = [(view["store"], str(view[key])) for view in recent if view.get(key)]
        if len(seen) > len(set(seen)):
            return True
    return False


@condition("clicks", "views", reason="inactive", value=clock.duration)
def active_in(person: Person, case: Case, within: timedelta) -> bool:
    """Seen in the shop or clicked a mail of ours within the time."""
    moments = [person.contact["last_seen_at"], person.clicked_at, *(view["ts"] for view in person.views[:1])]
    return any(moment is not None and moment > case.now - within for moment in moments)


@condition("views", reason="machine")
def human_pace(person: Person, _case: Case, _value: Any) -> bool:
    """No 25 views within one second, no 300 within a minute: shoppers do not read that fast."""
    times = [view["ts"] for view in person.views]
    return not any(
        times[first] - times[first + count - 1] <= span
        for count, span in ((25, timedelta(seconds=1)), (300, timedelta(minutes=1)))
        for first in range(len(times) - count + 1)
    )


@condition("views", "products", "orders", reason="nothing_to_show", value=clock.duration)
def something_viewed_to_show(person: Person, case: Case, bought_within: timedelta) -> bool:
    return bool(matter.viewed_items(person, case.now, bought_within))
