"""Questions that a flow may ask about a person. TOML names them, here they are answered.

A new question is one function with `@condition`: it gets the person, the case (which enrolment, when) and the value
in brackets, and answers True if the mail may go. `reason` is the word kept when it may not: what is the case then, so
by itself the name with `not_` before it. Each has its words in the catalogues, `reason.NAME`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from automations.asking.facts import Person
from automations.asking.matter import Case


@dataclass(frozen=True)
class Condition:
    name: str
    ask: Callable[[Person, Case, Any], bool]
    needs: frozenset[str]
    reason: str
    value: Callable[[str], Any] | None
    hold: timedelta
    """How long the mail waits for a yes, asking again now and then, before the no counts."""


@dataclass(frozen=True)
class Question:
    """A condition with its value filled in, as a flow wrote it."""

    condition: Condition
    value: Any

    def holds(self, person: Person, case: Case) -> bool:
        return self.condition.ask(person, case, self.value)


KNOWN: dict[str, Condition] = {}
_NO_HOLD = timedelta(0)


def condition(
    *needs: str, reason: str = "", value: Callable[[str], Any] | None = None, hold: timedelta = _NO_HOLD
) -> Callable[[Callable[[Person, Case, Any], bool]], Callable[[Person, Case, Any], bool]]:
    def register(ask: Callable[[Person, Case, Any], bool]) -> Callable[[Person, Case, Any], bool]:
        name = ask.__name__
        KNOWN[name] = Condition(name, ask, frozenset(needs), reason or f"not_{name}", value, hold)
        return ask

    return register


def parse(text: str) -> Question:
    """`no_recent_order(10d)` as a question. Raises KeyError for an unknown name, ValueError for a bad value."""
    name, bracket, rest = text.partition("(")
    known = KNOWN[name]
    if known.value is None:
        if bracket:
            raise ValueError(f"{name} takes no value in brackets")
        return Question(known, None)
    if not bracket or not rest.rstrip(")").strip():
        raise ValueError(f"{name} needs a value in brackets, for example {name}(7d)")
    return Question(known, known.value(rest.rstrip(")")))


def needs(texts: Collection[str]) -> set[str]:
    """What has to be loaded to answer these questions."""
    return {need for text in texts for need in parse(text).condition.needs}


def first_no(texts: Collection[str], person: Person, case: Case) -> Condition | None:
    """The first of these questions that is answered with no."""
    for text in texts:
        question = parse(text)
        if not question.holds(person, case):
            return question.condition
    return None
