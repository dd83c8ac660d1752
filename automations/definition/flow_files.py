"""Reads the flows: one TOML per automation, the shop's own folder over ours. A wrong file stops the start.

Every mistake becomes a finding with file, line, key, reason and the nearest name that is known.
"""

import re
import string
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rapidfuzz import fuzz, process

from automations.asking import conditions
from automations.definition import flow, names
from automations.definition.flow import Flow
from bot.base import paths
from bot.base.config import Config
from bot.base.errors import Finding, FindingsError

Quiet = tuple[time, time] | None
_SHORTEST_DAY = timedelta(hours=1)


@dataclass(frozen=True)
class Flows:
    """The flows as they stand in the files. `definitions` keep the files' own words for the published version."""

    by_name: Mapping[str, Flow] = field(default_factory=dict)
    definitions: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Flow]:
        return iter(self.by_name.values())


def folders(config: Config) -> list[Path]:
    """Where flows are: ours, then the shop's own, whose files replace ours of the same name."""
    own = config.automations.flows_folder
    return [Path(__file__).parents[1] / "flows", *([own] if own else [])]


def load(where: Sequence[Path], *, templates: Collection[str] | None = None, quiet: Quiet = None) -> Flows:
    """Read and check every flow. `templates` are the mails that exist (None: not checked), `quiet` the shop's quiet
    hours. Raises FindingsError with one finding per mistake.
    """
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    for folder in where:
        if not folder.is_dir():
            findings.append(Finding("this folder of flows does not exist", paths.shown(folder)))
            continue
        files.update({file.stem: file for file in sorted(folder.glob("*.toml"))})
    found, definitions = dict[str, Flow](), dict[str, dict[str, Any]]()
    for name, file in sorted(files.items()):
        source = _Source(file)
        tree = source.read(findings)
        if tree is None:
            continue
        before = len(findings)
        made = _validate(source, name, tree, findings)
        if made is not None:
            findings += _Check(source, made, templates, quiet).all()
        if made is not None and len(findings) == before:
            found[name], definitions[name] = made, tree
    if findings:
        raise FindingsError(*findings)
    return Flows(found, definitions, files)


class _Source:
    """One file and its lines."""

    def __init__(self, file: Path) -> None:
        self.file, self.text = file, ""

    def read(self, findings: list[Finding]) -> dict[str, Any] | None:
        try:
            self.text = self.file.read_text("utf-8")
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            findings.append(Finding(f"not valid TOML: {error}", paths.shown(self.file), int(line[1]) if line else None))
        except (OSError, UnicodeDecodeError) as error:
            findings.append(Finding(f"cannot be read: {error}", paths.shown(self.file)))
        return None

    def finding(self, path: Sequence[str | int], message: str) -> Finding:
        key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return Finding(message, paths.shown(self.file), self._line(path), key or None)

    def _line(self, path: Sequence[str | int]) -> int | None:
        """Where the key stands, or else the nearest table around it."""
        section: list[str | int] = []
        many: dict[str, int] = {}
        best = (0, 1)
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*(\[\[?)\s*([\w.\"-]+)\s*\]\]?", line):
                section = list(header[2].split("."))
                if header[1] == "[[":
                    many[header[2]] = many.get(header[2], -1) + 1
                    section.append(many[header[2]])
                here = section
            elif pair := re.match(r"\s*([\w\"-]+)\s*=", line):
                here = [*section, pair[1].strip('"')]
            else:
                continue
            if list(path[: len(here)]) == here and len(here) > best[0]:
                best = len(here), number
        return best[1]


def _validate(source: _Source, name: str, tree: dict[str, Any], findings: list[Finding]) -> Flow | None:
    try:
        if "name" in tree:
            findings.append(source.finding(("name",), "the name of a flow is the name of its file; leave this out"))
            return None
        return flow.from_definition(name, tree)
    except ValidationError as error:
        findings += [_explained(source, one) for one in error.errors()]
        return None


_MODELS: dict[str, type[flow.Part]] = {
    "trigger": flow.Trigger, "enrol": flow.Enrol, "exit": flow.Exit, "steps": flow.Step, "wait": flow.Wait, "": Flow
}  # fmt: skip


def _explained(source: _Source, error: Any) -> Finding:
    path = error["loc"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        parent = next((part for part in reversed(path[:-1]) if isinstance(part, str)), "")
        model = _MODELS.get(parent, Flow)
        known = [one.alias or key for key, one in model.model_fields.items() if key != "name"]
        message = f"unknown key; {near(str(path[-1]), known)}"
        if model is flow.Step:
            message = f"unknown key, or a kind of step that does not exist; {near(str(path[-1]), known)}"
    elif error["type"] == "missing":
        message = "this is missing"
    elif error["type"] == "literal_error":
        allowed = re.findall(r"'([^']+)'", str(error["ctx"]["expected"]))
        message = f"{error['input']!r} is not one of them; {near(str(error['input']), allowed)}"
    return source.finding(path, message)


def near(word: str, known: Collection[str]) -> str:
    """`did you mean cart?`, or the list of what is known."""
    found = process.extractOne(word.lower(), list(known), scorer=fuzz.ratio, score_cutoff=60)
    return f"did you mean {found[0]}?" if found else f"known here: {', '.join(sorted(known))}"


class _Check:
    """What types cannot say about one flow: names that must exist, parts that must fit together."""

    def __init__(self, source: _Source, made: Flow, templates: Collection[str] | None, quiet: Quiet) -> None:
        self.source, self.flow, self.templates, self.quiet = source, made, templates, quiet

    def all(self) -> Iterator[Finding]:
        yield from self._trigger()
        yield from self._key()
        yield from self._exit()
        yield from self._steps()
        yield from self._questions()
        yield from self._quiet_hours()

    def _say(self, message: str, *path: str | int) -> Finding:
        return self.source.finding(path, message)

    def _trigger(self) -> Iterator[Finding]:
        trigger = self.flow.trigger
        if bool(trigger.events) == bool(trigger.sweep):
            yield self._say('a flow is started by events = ["…"] or by sweep = "birthday", one of them', "trigger")
        if not trigger.sweep and trigger.model_fields_set & {"lead", "belated", "feb29", "minimum_age"}:
            yield self._say("lead, belated, feb29 and minimum_age belong to a sweep", "trigger")
        yield from self._events(trigger.events, "trigger", "events")

    def _events(self, events: Sequence[str], *path: str) -> Iterator[Finding]:
        for event in events:
            if event in names.ALIASES:
                yield self._say(f"{event!r} is kept under the name {names.ALIASES[event]!r}: write that", *path)
            elif event not in names.EVENTS:
                found = process.extractOne(event, names.EVENTS, scorer=fuzz.ratio, score_cutoff=80)
                if found:  # a word of the shop's own is fine, a misspelt one of ours is not
                    yield self._say(f"unknown event {event!r}; did you mean {found[0]!r}?", *path)

    def _key(self) -> Iterator[Finding]:
        for key, text in (("key", self.flow.enrol.key), ("else", self.flow.enrol.otherwise)):
            try:
                wanted = [name for _, name, _, _ in string.Formatter().parse(text or "") if name is not None]
            except ValueError as error:
                yield self._say(f"braces do not fit: {error}", "enrol", key)
                continue
            for name in wanted:
                if name not in names.KEY_PARTS:
                    yield self._say(f"unknown {{{name}}}; {near(name, names.KEY_PARTS)}", "enrol", key)
        if "{" not in self.flow.enrol.key:
            yield self._say("a key without {…} would enrol one person once for all", "enrol", "key")

    def _exit(self) -> Iterator[Finding]:
        leave, start = self.flow.exit, set(self.flow.trigger.events)
        yield from self._events(leave.events, "exit", "events")
        yield from self._events(leave.look, "exit", "look")
        for event in sorted(start & set(leave.events)):
            yield self._say(f"{event!r} starts this flow, it cannot end it as well", "exit", "events")
        if leave.match_on and leave.match_on not in names.KEY_PARTS:
            yield self._say(
                f"cannot fire: no event has {leave.match_on!r}; {near(leave.match_on, names.KEY_PARTS)}",
                "exit", "match_on",
            )  # fmt: skip
        if leave.match_on and not leave.events and not leave.look:
            yield self._say("cannot fire: match_on without events", "exit", "match_on")
        if leave.look and not leave.when:
            yield self._say("cannot fire: look says when to ask the questions of `when`, and there are none",
                            "exit", "look")  # fmt: skip

    def _steps(self) -> Iterator[Finding]:
        seen: set[str] = set()
        last = len(self.flow.steps) - 1
        for number, step in enumerate(self.flow.steps):
            if step.id in seen:
                yield self._say(f"the id {step.id!r} is used twice; people would be sent on from the wrong step",
                                "steps", number, "id")  # fmt: skip
            seen.add(step.id)
            if step.exit and number != last:
                yield self._say("nothing behind this exit can ever run", "steps", number, "exit")
            if step.wait and number == last:
                yield self._say("nothing comes after this wait", "steps", number, "wait")
            if step.send and self.templates is not None and step.send not in self.templates:
                yield self._say(f"no mail template of this name; {near(step.send, self.templates)}",
                                "steps", number, "send")  # fmt: skip
            if step.merge_on and step.merge_on not in names.KEY_PARTS:
                yield self._say(f"unknown; {near(step.merge_on, names.KEY_PARTS)}", "steps", number, "merge_on")
        if not any(step.send for step in self.flow.steps):
            yield self._say("no step sends anything", "steps")

    def _questions(self) -> Iterator[Finding]:
        asked: list[tuple[Sequence[str], tuple[str | int, ...]]] = [
            (self.flow.trigger.when, ("trigger", "when")),
            (self.flow.filters, ("filters",)),
            (self.flow.exit.when, ("exit", "when")),
            *((step.check, ("steps", number, "check")) for number, step in enumerate(self.flow.steps)),
        ]
        for texts, path in asked:
            for text in texts:
                try:
                    conditions.parse(text)
                except KeyError:
                    name = text.partition("(")[0]
                    yield self._say(f"unknown condition {name!r}; {near(name, conditions.KNOWN)}", *path)
                except ValueError as error:
                    yield self._say(str(error), *path)

    def _quiet_hours(self) -> Iterator[Finding]:
        """Quiet hours that leave no room, or a fixed time inside them: such a mail would be put off for ever."""
        if self.quiet is None:
            return
        begin, end = (timedelta(hours=part.hour, minutes=part.minute) for part in self.quiet)
        open_for = (begin - end) % timedelta(days=1)
        if open_for < _SHORTEST_DAY:
            yield self._say(f"quiet hours leave only {open_for} a day to send; at least an hour is needed", "steps")
        for number, step in enumerate(self.flow.steps):
            at = step.wait.at if step.wait else None
            if at is not None and _inside(at, self.quiet):
                yield self._say(f"{at:%H:%M} lies in the quiet hours {self.quiet[0]:%H:%M}-{self.quiet[1]:%H:%M}: "
                                "the mail would always be put off", "steps", number, "wait")  # fmt: skip


def _inside(at: time, quiet: tuple[time, time]) -> bool:
    begin, end = quiet
    return begin <= at < end if begin < end else at >= begin or at < end
