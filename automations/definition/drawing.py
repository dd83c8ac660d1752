"""A flow as text: what starts it, its steps in order, what ends it. Shown by `aftercart flow show`."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from automations.definition.flow import Flow, Variant
from automations.definition.step import Step, Wait


def lines(flow: Flow, people: Mapping[str, int] | None = None) -> list[str]:
    """The drawing, line by line. `people` are the numbers of those who stand at each step, if they shall be shown."""
    return list(_lines(flow, people or {}))


def _lines(flow: Flow, people: Mapping[str, int]) -> Iterator[str]:
    off = "" if flow.enabled else "  (switched off)"
    yield f"{flow.title}  [{flow.name}, priority {flow.priority}, topic {flow.topic}]{off}"
    trigger = flow.trigger
    yield f"├─ starts on {starts(flow)}"
    if trigger.when or flow.filters:
        yield f"│    if {', '.join((*trigger.when, *flow.filters))}"
    yield f"│    once per {flow.enrol.key}"
    if flow.enrol.reentry:
        since = "the last mail" if flow.enrol.reentry_from == "mail" else "entering"
        yield f"│    again not before {duration(flow.enrol.reentry)} after {since}"
    if flow.experiment:
        yield f"├─ experiment {flow.experiment.name}: {', '.join(_arms(flow.experiment.variants))}"
    for step in flow.steps:
        count = f"   ← {people[step.id]} here" if people.get(step.id) else ""
        yield f"├─ {step.id}: {_step(step)}{count}"
        for line in _details(flow, step):
            yield f"│    {line}"
    ends = [*flow.exit.events, *(f"{question}?" for question in flow.exit.when)]
    yield f"└─ ends early on {', '.join(ends) or 'nothing but unsubscribing'}"
    if flow.exit.match_on:
        yield f"     of the same {flow.exit.match_on}"


def starts(flow: Flow) -> str:
    """What starts it, in words."""
    trigger = flow.trigger
    if trigger.segment:
        return f"coming into the segment {trigger.segment}"
    return ", ".join(trigger.events) or f"the sweep: {trigger.sweep}"


def _step(step: Step) -> str:
    if step.wait:
        again = ", again after each trigger" if step.reset_on_trigger else ""
        return f"wait {_wait(step.wait)}{again}"
    if step.wait_for:
        same = f" of the same {step.wait_for.match_on}" if step.wait_for.match_on else ""
        return f"wait for {' or '.join(step.wait_for.events)}{same}, at most {duration(step.wait_for.timeout)}"
    if step.split:
        whole = sum(step.split.arms.values()) or 1
        return f"by chance: {', '.join(f'{arm} {weight / whole:.0%}' for arm, weight in step.split.arms.items())}"
    if step.tag:
        return "tag " + ", ".join([*(f"+{one}" for one in step.tag.add), *(f"-{one}" for one in step.tag.remove)])
    if step.task:
        return f"task for {step.task.department or 'the staff'}: {step.task.text}"
    if step.webhook:
        return f"webhook {step.webhook.name}"
    if step.send:
        return f"send {step.send}" + ("" if step.channels == ("email",) else f" by {' or '.join(step.channels)}")
    return f"exit {step.exit}" if step.exit else f"if {', '.join(step.branch or step.check)}"


def _wait(wait: Wait) -> str:
    if wait.elapsed is not None:
        return duration(wait.elapsed)
    if wait.weekday is not None:
        return f"until {wait.weekday.capitalize()} at {wait.at:%H:%M} where they live"
    days = wait.days or 0
    origins = {None: "", "delivery": "the parcel arrived", "occurrence": "the day", "run_out": "it is used up"}
    origin = origins[wait.since]
    if wait.at and not origin and days == 0:
        return f"until {wait.at:%H:%M} where they live"
    if wait.since == "occurrence" and days == 0:
        words = "the day itself"
    elif origin:
        words = f"{abs(days)} days {'before' if days < 0 else 'after'} {origin}"
    else:
        words = f"{days} days"
    return f"{words} at {wait.at:%H:%M} where they live" if wait.at else words


def _details(flow: Flow, step: Step) -> Iterator[str]:
    if step.send:
        if step.check:
            yield f"if {', '.join(step.check)}"
        yield f"at most {duration(step.max_lateness)} late; over the frequency cap: {step.on_cap}"
        if step.merge_on:
            yield f"one mail for everything of the same {step.merge_on}"
        if step.coupon:
            yield f"with a code of {step.coupon.pool}; if there is none: {step.coupon.empty}"
    yes, no = {"wait_for": ("when it comes", "else"), "branch": ("yes", "no")}.get(step.kind, ("yes", "no"))
    behind = flow.steps[-1] is not step
    if step.kind in ("wait_for", "branch", "check"):
        ends = "the flow ends" if step.kind == "check" else "the next step" if behind else "the flow ends"
        yield f"{yes} → {step.then or step.next or ('the next step' if behind else 'the flow ends')}"
        yield f"{no} → {step.otherwise or (step.next if step.kind != 'check' else None) or ends}"
    elif step.split:
        yield from (f"{arm} → {step.split.to.get(arm, 'the next step')}" for arm in step.split.arms)
    elif step.next:
        yield f"→ {step.next}"


def _arms(variants: Mapping[str, Variant]) -> Iterator[str]:
    whole = sum(one.weight for one in variants.values()) or 1
    for name, variant in variants.items():
        what = ", ".join(f"{step} {' '.join(sorted(one.model_fields_set))}" for step, one in variant.steps.items())
        yield f"{name} {variant.weight / whole:.0%} ({what or 'as it stands'})"


def duration(span: timedelta) -> str:
    """`90 minutes` as people write it in a flow: 1h 30m."""
    seconds = int(span.total_seconds())
    found = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            found.append(f"{amount}{unit}")
    return " ".join(found) or "0s"
