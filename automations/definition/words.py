"""Whether a mail can be written as a flow or a broadcast wants it: its subject, its template, its code."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from automations.definition.step import Step

Key = str
Complaint = tuple[Key, str]


class Words(Protocol):
    """Who knows what the mails of a flow can show, and what templates use. `about` is the flow's."""

    def of_subject(self, about: str, subject: str) -> Sequence[str]:
        """What is wrong with the line."""

    def lacking(self, about: str, template: str, *, own_subject: bool) -> Sequence[str]:
        """What the template needs and such a flow does not give. `own_subject`: the template's is the one that goes."""

    def without_code(self, template: str, subject: str | None) -> Sequence[str]:
        """The languages in which the mail never shows its code."""


def of_step(words: Words, about: str, step: Step) -> Iterator[Complaint]:
    """What is wrong with the mail of a step, each with the key that it is about."""
    if step.send is None or "email" not in step.channels:
        return
    if step.subject is not None:
        for complaint in words.of_subject(about, step.subject):
            yield "subject", complaint
    if names := words.lacking(about, step.send, own_subject=step.subject is None):
        kind = "a broadcast" if about == "broadcast" else f"a flow about {about}"
        mend = "take another template" if about == "broadcast" else "take another template, or change about"
        yield "send", f"{step.send} needs {', '.join(names)}; {kind} does not give it: {mend}"
    if step.coupon and (languages := words.without_code(step.send, step.subject)):
        where = f" in {', '.join(languages)}"
        yield "coupon", f"the mail does not show a code: {step.send}{where} never uses {{{{ coupon.code }}}}"
