"""One message in front of the gate, and what a question may answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from automations.asking import facts
from automations.asking.facts import Person
from automations.asking.matter import Case
from automations.care import Care
from automations.definition.flow import Flow
from automations.definition.step import Step
from automations.definition.versions import Version
from automations.gate.coupons import Code
from automations.gate.spending import Spending
from bot.base.ground import Ground
from bot.outbound.chat_templates import ChatTemplates
from bot.outbound.email.templates import MailTemplate, MailTemplates


@dataclass(frozen=True)
class No:
    """A question answered with no. `exits`: the enrolment ends. `until`: not now, ask again then; with `moves` the mail
    counts as late only from then on, because the waiting was our decision. `keeps` goes into the verdicts beside it."""

    reason: str
    exits: bool = False
    until: datetime | None = None
    status: str = "skipped"
    moves: bool = False
    event_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    keeps: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """A channel on which the person can be reached, and the address there."""

    channel: str
    address: str


@dataclass(frozen=True)
class Written:
    """The words as they leave, and what is kept of them with the row: columns, and a small part of the payload."""

    payload: Mapping[str, Any]
    kept: Mapping[str, Any]
    kept_payload: Mapping[str, Any] = field(default_factory=dict)
    template: MailTemplate | None = None


class Means(Protocol):
    """What the questions work with. `channels` are those that a message can leave by."""

    ground: Ground
    mails: MailTemplates
    chats: ChatTemplates
    care: Care
    channels: frozenset[str]
    spending: Spending


@dataclass
class Asked:
    """One message. `ways` are those that are left, the best first; after the question of consent the first is taken.

    `flow` and `step` are as the person's arm of an experiment has them.
    """

    row: facts.Row
    enrolment: facts.Row
    version: Version | None
    person: Person | None
    case: Case
    now: datetime
    variant_of: Flow | None = None
    ways: tuple[Way, ...] = ()
    code: Code | None = None
    written: Written | None = None

    @property
    def flow(self) -> Flow:
        assert self.variant_of is not None
        return self.variant_of

    @property
    def step(self) -> Step:
        found = self.flow.step(self.row["step_id"])
        assert found is not None
        return found

    @property
    def who(self) -> Person:
        assert self.person is not None
        return self.person

    @property
    def way(self) -> Way:
        return self.ways[0]

    def times(self, reason: str) -> int:
        """How often it was put off for that reason."""
        return int((self.row["verdicts"].get("defers") or {}).get(reason, 0))
