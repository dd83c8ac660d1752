"""What types cannot say about one flow: names that must exist, ways that lead somewhere, parts that fit together."""

import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta

from rapidfuzz import fuzz, process

from automations.asking import conditions
from automations.definition import names, triggers, words
from automations.definition.flow import Flow
from automations.definition.step import Step
from automations.definition.words import Words
from bot.base.errors import Finding
from bot.base.toml_source import Source, near

Quiet = tuple[time, time] | None
Path = Sequence[str | int]
_SHORTEST_DAY = timedelta(hours=1)
_YEARLY = ("birthday", "first_order", "sign_up")
_SWEEP_KEYS: Mapping[str, Sequence[str]] = {
    "lead": _YEARLY, "belated": _YEARLY, "feb29": _YEARLY, "minimum_age": ("birthday",), "quiet": ("win_back",),
    "window": ("win_back",),
}  # fmt: skip
_SENDERS = frozenset({"email", "telegram"})

_NAMES = {"in_segment": "segment", "not_in_segment": "segment", "tier_is": "tier", "tier_at_least": "tier"}
"""Questions whose value is the name of something outside of the file."""


@dataclass(frozen=True)
class Surroundings:
    """What flows may refer to outside of their file. None, or a kind that is missing in `names`: not checked.

    `templates` are the mails that exist, `quiet` the shop's quiet hours; `names` has what else can be named by its
    kind: topic, pool, webhook, segment, tier, department. `words` knows what mails can show and what they use.
    """

    templates: Collection[str] | None = None
    quiet: Quiet = None
    names: Mapping[str, Collection[str]] = field(default_factory=dict)
    words: Words | None = None


class Check:
    def __init__(self, source: Source, flow: Flow, around: Surroundings) -> None:
        self.source, self.flow, self.around = source, flow, around

    def all(self) -> Iterator[Finding]:
        yield from self._trigger()
        yield from self._enrol()
        yield from self._exit()
        yield from self._goods()
        for number, step in enumerate(self.flow.steps):
            yield from self._step(number, step)
        yield from self._ways()
        yield from self._experiment()
        yield from self._questions()
        yield from self._quiet_hours()

    def _goods(self) -> Iterator[Finding]:
        for part, about in (("restock", "back_in_stock"), ("drop", "price_drop"), ("refill", "replenishment")):
            if part in self.flow.model_fields_set and self.flow.about != about:
                yield self._say(f'{part} belongs to a flow about "{about}"', part)

    def _say(self, message: str, *path: str | int) -> Finding:
        return self.source.finding(path, message)

    def _named(self, kind: str, word: str | None, *path: str | int) -> Iterator[Finding]:
        known = self.around.names.get(kind)
        if word is not None and known is not None and word not in known:
            yield self._say(f"there is no {kind} {word!r}; {near(word, known)}", *path)

    # -- the flow as a whole ---------------------------------------------------------------------------------------

    def _trigger(self) -> Iterator[Finding]:
        trigger = self.flow.trigger
        if [bool(trigger.events), bool(trigger.sweep), bool(trigger.segment)].count(True) != 1:
            yield self._say('a flow is started by one of events = ["…"], sweep = "birthday", segment = "…"',
                            "trigger")  # fmt: skip
        for key in sorted(trigger.model_fields_set & _SWEEP_KEYS.keys()):
            if trigger.sweep not in _SWEEP_KEYS[key]:
                yield self._say(f"{key} belongs to a sweep over {' or '.join(_SWEEP_KEYS[key])}", "trigger", key)
        yield from self._events(trigger.events, "trigger", "events")
        yield from self._named("segment", trigger.segment, "trigger", "segment")
        yield from self._about()
        yield from self._named("topic", self.flow.topic, "topic")
        if self.flow.basis == "checkout_reminder" and self.flow.about != "checkout":
            yield self._say("only a flow about a checkout may rest on checkout_reminder", "basis")
        if self.flow.survey and self.flow.about != "order":
            yield self._say("only mails about an order can show a survey", "survey")

    def _about(self) -> Iterator[Finding]:
        """A mail about something that its trigger never names would have nothing to show, or nobody would enter."""
        begins, trigger = triggers.BY_ABOUT.get(self.flow.about), self.flow.trigger
        sends = any(step.send for step in self.flow.steps)
        if begins is None or not sends or not (trigger.events or trigger.sweep or trigger.segment):
            return
        if missing := begins.misses(self.flow):
            key = "segment" if trigger.segment else "sweep" if trigger.sweep else "events"
            words = f"nothing to write about: {missing} names no {begins.thing}, and the mail is about one"
            yield self._say(f"{words}; write {begins.mend}, or change about", "trigger", key)

    def _events(self, events: Sequence[str], *path: str | int) -> Iterator[Finding]:
        for event in events:
            if event in names.ALIASES:
                yield self._say(f"{event!r} is kept under the name {names.ALIASES[event]!r}: write that", *path)
            elif event not in names.EVENTS:
                found = process.extractOne(event, names.EVENTS, scorer=fuzz.ratio, score_cutoff=80)
                if found:  # a word of the shop's own is fine, a misspelt one of ours is not
                    yield self._say(f"unknown event {event!r}; did you mean {found[0]!r}?", *path)

    def _enrol(self) -> Iterator[Finding]:
        enrol = self.flow.enrol
        yield from self._braces(enrol.key, "enrol", "key")
        yield from self._braces(enrol.otherwise or "", "enrol", "else")
        if "{" not in enrol.key:
            yield self._say(
                "without {…} it would enrol one person once for all; write such as {contact} or {cart_id} into it",
                "enrol",
                "key",
            )
        if enrol.each and self.flow.about != "care":
            yield self._say(f"each = {enrol.each!r} belongs to a flow about care", "enrol", "each")
        if enrol.reentry_from == "mail" and not enrol.reentry:
            yield self._say('reentry_from without reentry: write reentry = "7d" too', "enrol", "reentry_from")

    def _braces(self, text: str, *path: str | int) -> Iterator[Finding]:
        try:
            wanted = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
        except ValueError as error:
            yield self._say(f"braces do not fit: {error}", *path)
            return
        for name in wanted:
            if name not in names.KEY_PARTS:
                yield self._say(f"unknown {{{name}}}; {near(name, names.KEY_PARTS)}", *path)

    def _exit(self) -> Iterator[Finding]:
        leave, start = self.flow.exit, set(self.flow.trigger.events)
        yield from self._events(leave.events, "exit", "events")
        yield from self._events(leave.look, "exit", "look")
        for event in sorted(start & set(leave.events)):
            yield self._say(f"{event!r} starts this flow, it cannot end it as well", "exit", "events")
        yield from self._match_on(leave.match_on, "exit", "match_on")
        if leave.match_on and not leave.events and not leave.look:
            yield self._say(
                "cannot fire: match_on is about events, and this names none; write events too", "exit", "match_on"
            )
        if leave.look and not leave.when:
            yield self._say("cannot fire: look says when to ask the questions of `when`; write those too",
                            "exit", "look")  # fmt: skip

    def _match_on(self, name: str | None, *path: str | int) -> Iterator[Finding]:
        if name and name not in names.KEY_PARTS:
            yield self._say(f"cannot fire: no event has {name!r}; {near(name, names.KEY_PARTS)}", *path)

    # -- its steps -------------------------------------------------------------------------------------------------

    def _step(self, number: int, step: Step) -> Iterator[Finding]:
        here: Path = ("steps", number)
        if any(step.id == other.id for other in self.flow.steps[:number]):
            yield self._say(f"the id {step.id!r} is used twice; people would be sent on from the wrong step",
                            *here, "id")  # fmt: skip
        if step.reset_on_trigger and self.flow.enrol.on_repeat == "ignore":
            yield self._say('never reset: it needs on_repeat = "update" in [enrol]', *here, "reset_on_trigger")
        yield from self._template(step.send, *here, "send")
        for key, complaint in self._words(step):
            yield self._say(complaint, *here, key)
        if step.merge_on and step.merge_on not in names.KEY_PARTS:
            yield self._say(f"unknown; {near(step.merge_on, names.KEY_PARTS)}", *here, "merge_on")
        yield from self._channels(step.channels, *here, "channels")
        if step.wait_for:
            yield from self._events(step.wait_for.events, *here, "wait_for", "events")
            yield from self._match_on(step.wait_for.match_on, *here, "wait_for", "match_on")
            if step.wait_for.timeout <= timedelta(0):
                yield self._say("a timeout is longer than nothing", *here, "wait_for", "timeout")
        if step.split:
            for arm in step.split.to:
                if arm not in step.split.arms:
                    yield self._say(f"there is no arm {arm!r}; {near(arm, step.split.arms)}", *here, "split", "to", arm)
            if sum(step.split.arms.values()) == 0:
                yield self._say("every arm has the weight 0: nobody would go anywhere", *here, "split", "arms")
        if step.tag and (both := set(step.tag.add) & set(step.tag.remove)):
            yield self._say(f"{min(both)!r} is both added and removed", *here, "tag")
        if step.task:
            yield from self._braces(step.task.text, *here, "task", "text")
            yield from self._named("department", step.task.department, *here, "task", "department")
        if step.webhook:
            yield from self._named("webhook", step.webhook.name, *here, "webhook", "name")
        if step.coupon:
            yield from self._named("pool", step.coupon.pool, *here, "coupon", "pool")

    def _template(self, name: str | None, *path: str | int) -> Iterator[Finding]:
        if name is not None and self.around.templates is not None and name not in self.around.templates:
            yield self._say(f"no mail template of this name; {near(name, self.around.templates)}", *path)

    def _words(self, step: Step) -> list[words.Complaint]:
        return list(words.of_step(self.around.words, self.flow.about, step)) if self.around.words else []

    def _channels(self, channels: Sequence[str], *path: str | int) -> Iterator[Finding]:
        if not channels:
            yield self._say('name a channel: channels = ["email"]', *path)
        if len(set(channels)) < len(channels):
            yield self._say("a channel stands there twice", *path)
        for channel in channels:
            if channel not in _SENDERS:
                yield self._say(f"nothing is sent by {channel} yet; channels are {', '.join(sorted(_SENDERS))}", *path)

    def _ways(self) -> Iterator[Finding]:
        """Every named step exists and lies ahead, and every step can be reached and leads somewhere."""
        places = {step.id: number for number, step in enumerate(self.flow.steps)}
        reached = {0}
        for number, step in enumerate(self.flow.steps):
            for word, target in self._targets(step):
                path: Path = ("steps", number, *word)
                if target not in places:
                    yield self._say(f"there is no step {target!r}; {near(target, places)}", *path)
                elif places[target] <= number:
                    yield self._say(
                        f"{target!r} does not lie ahead, people would go in circles; name a later step", *path
                    )
            if number in reached:
                reached |= {places[one] for one in step.ways() if one in places} | self._falls_to(number, step)
            else:
                yield self._say(
                    "no way leads to this step; name it as then, else or next of an earlier one", "steps", number, "id"
                )
            if step.kind in ("wait", "wait_for") and not step.ways() and number + 1 == len(self.flow.steps):
                yield self._say(
                    "nothing comes after this wait; add a step, or leave the wait out", "steps", number, step.kind
                )
        if not any(step.kind in ("send", "tag", "task", "webhook") for step in self.flow.steps):
            yield self._say("no step sends or does anything; add one with send", "steps")

    @staticmethod
    def _targets(step: Step) -> Iterator[tuple[tuple[str, ...], str]]:
        named = {"then": step.then, "else": step.otherwise, "next": step.next}
        yield from (((word,), target) for word, target in named.items() if target)
        if step.split:
            yield from ((("split", "to", arm), target) for arm, target in step.split.to.items())

    def _falls_to(self, number: int, step: Step) -> set[int]:
        """The step right behind, unless every way out is named."""
        leaves = step.kind == "exit" or bool(step.next)
        if step.kind in ("branch", "wait_for"):
            leaves = bool(step.then and step.otherwise) or bool(step.next)
        elif step.kind == "check" and step.then:
            leaves = True
        elif step.split:
            leaves = set(step.split.to) >= {arm for arm, weight in step.split.arms.items() if weight}
        return set() if leaves or number + 1 == len(self.flow.steps) else {number + 1}

    def _experiment(self) -> Iterator[Finding]:
        experiment = self.flow.experiment
        if experiment is None:
            return
        arms = list(experiment.variants.values())
        if all(one.steps == arms[0].steps for one in arms):
            yield self._say("all variants do the same: there is nothing to compare", "experiment", "variants")
        for name, variant in experiment.variants.items():
            for step_id, change in variant.steps.items():
                path: Path = ("experiment", "variants", name, "steps", step_id)
                step = self.flow.step(step_id)
                if step is None:
                    yield self._say(f"there is no step {step_id!r}; {near(step_id, [s.id for s in self.flow.steps])}",
                                    *path)  # fmt: skip
                    continue
                of_sends = change.model_fields_set & {"send", "subject", "channels"}
                if of_sends and step.kind != "send":
                    yield self._say(f"{step_id!r} sends nothing: {', '.join(sorted(of_sends))} cannot differ", *path)
                if change.wait is not None and step.kind != "wait":
                    yield self._say(f"{step_id!r} is no wait", *path, "wait")
                yield from self._template(change.send, *path, "send")
                if change.channels is not None:
                    yield from self._channels(change.channels, *path, "channels")
                known = self._words(step)
                for key, complaint in self._words(variant.applied(step)) if step.kind == "send" else ():
                    if (key, complaint) not in known:
                        yield self._say(complaint, *path, *([key] if key in change.model_fields_set else []))

    # -- questions and hours ---------------------------------------------------------------------------------------

    def _questions(self) -> Iterator[Finding]:
        asked: list[tuple[Sequence[str], Path]] = [
            (self.flow.trigger.when, ("trigger", "when")),
            (self.flow.filters, ("filters",)),
            (self.flow.exit.when, ("exit", "when")),
            *((step.check, ("steps", number, "check")) for number, step in enumerate(self.flow.steps)),
            *((step.branch or (), ("steps", number, "branch")) for number, step in enumerate(self.flow.steps)),
        ]
        for texts, path in asked:
            for text in texts:
                try:
                    question = conditions.parse(text)
                    yield from self._named(_NAMES.get(question.condition.name, ""), question.value, *path)
                except KeyError:
                    name = text.partition("(")[0]
                    yield self._say(f"unknown condition {name!r}; {near(name, conditions.KNOWN)}", *path)
                except ValueError as error:
                    yield self._say(str(error), *path)

    def _quiet_hours(self) -> Iterator[Finding]:
        """Quiet hours that leave no room, or a fixed time inside them: such a mail would be put off for ever."""
        quiet = self.around.quiet
        if quiet is None or self.flow.quiet_hours == "off":
            return
        begin, end = (timedelta(hours=part.hour, minutes=part.minute) for part in quiet)
        open_for = (begin - end) % timedelta(days=1)
        if open_for < _SHORTEST_DAY:
            yield self._say(f"quiet hours leave only {open_for} a day to send; at least an hour is needed", "steps")
        for number, step in enumerate(self.flow.steps):
            at = step.wait.at if step.wait else None
            if at is not None and _inside(at, quiet):
                span = f"{quiet[0]:%H:%M}-{quiet[1]:%H:%M}"
                words = (
                    f"{at:%H:%M} lies in the quiet hours {span}: the mail would always be put off; take another time"
                )
                yield self._say(words, "steps", number, "wait")


def _inside(at: time, quiet: tuple[time, time]) -> bool:
    begin, end = quiet
    return begin <= at < end if begin < end else at >= begin or at < end
