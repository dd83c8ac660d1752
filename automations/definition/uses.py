"""What flows ask of the parts outside of them: the segments whose members must be kept up to date."""

from collections.abc import Iterable, Iterator

from automations.asking import conditions
from automations.definition.flow import Flow

_ABOUT_SEGMENTS = ("in_segment", "not_in_segment")


def segments(flows: Iterable[Flow]) -> set[str]:
    """Every segment that starts a flow which is on, or that one of its questions names."""
    return {name for flow in flows if flow.enabled for name in _named(flow)}


def _named(flow: Flow) -> Iterator[str]:
    if flow.trigger.segment:
        yield flow.trigger.segment
    steps = (text for step in flow.steps for text in (*step.check, *(step.branch or ())))
    for text in (*flow.trigger.when, *flow.filters, *flow.exit.when, *steps):
        question = conditions.parse(text)
        if question.condition.name in _ABOUT_SEGMENTS:
            yield question.value
