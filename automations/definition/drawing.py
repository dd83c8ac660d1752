"""A flow as text: what starts it, its steps in order, what ends it. Shown by `aftercart flow show`."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from automations.definition.flow import Flow, Step, Wait


def lines(flow: Flow, people: Mapping[str, int] | None = None) -> list[str]:
    """The drawing, line by line. `people` are the numbers of those who stand at each step, if they shall be shown."""
    return list(_lines(flow, people or {}))


def _lines(flow: Flow, people: Mapping[str, int]) -> Iterator[str]:
    off = "" if flow.enabled else "  (switched off)"
    yield f"{flow.title}  [{flow.name}, priority {flow.priority}, topic {flow.topic}]{off}"
    trigger = flow.trigger
    yield f"├─ starts on {', '.join(trigger.events) or f'the daily sweep: {trigger.sweep}'}"
    if trigger.when or flow.filters:
        yield f"│    if {', '.join((*trigger.when, *flow.filters))}"
    yield f"│    once per {flow.enrol.key}"
    if flow.enrol.reentry:
        since = "the last mail" if flow.enrol.reentry_from == "mail" else "entering"
        yield f"│    again not before {duration(flow.enrol.reentry)} after {since}"
    for step in flow.steps:
        count = f"   ← {people[step.id]} here" if people.get(step.id) else ""
        yield f"├─ {step.id}: {_step(step)}{count}"
        for line in _details(step):
            yield f"│    {line}"
    ends = [*flow.exit.events, *(f"{question}?" for question in flow.exit.when)]
    yield f"└─ ends early on {', '.join(ends) or 'nothing but unsubscribing'}"
    if flow.exit.match_on:
        yield f"     of the same {flow.exit.match_on}"


def _step(step: Step) -> str:
    if step.wait:
        again = ", again after each trigger" if step.reset_on_trigger else ""
        return f"wait {_wait(step.wait)}{again}"
    return f"send {step.send}" if step.send else f"exit {step.exit}"


def _wait(wait: Wait) -> str:
    if wait.elapsed is not None:
        return duration(wait.elapsed)
    days = wait.days or 0
    origin = {None: "", "delivery": " after the parcel arrived", "occurrence": " after the day"}[wait.since]
    if wait.since == "occurrence" and days <= 0:
        words = "the day itself" if days == 0 else f"{-days} days before the day"
    else:
        words = f"{days} days{origin}"
    return f"{words} at {wait.at:%H:%M} where they live" if wait.at else words


def _details(step: Step) -> Iterator[str]:
    if not step.send:
        return
    if step.check:
        yield f"if {', '.join(step.check)}"
    yield f"at most {duration(step.max_lateness)} late; over the frequency cap: {step.on_cap}"
    if step.merge_on:
        yield f"one mail for everything of the same {step.merge_on}"


def duration(span: timedelta) -> str:
    """`90 minutes` as people write it in a flow: 1h 30m."""
    seconds = int(span.total_seconds())
    found = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            found.append(f"{amount}{unit}")
    return " ".join(found) or "0s"
