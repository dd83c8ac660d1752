"""Reads the broadcasts of a shop's folder: one TOML each, its name is the name of the broadcast.

Every mistake becomes a finding with file, line, key, reason and the nearest name that is known.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from automations.audiences import segment_files
from automations.broadcasts.broadcast import RECIPIENT, STEP, Arm, Broadcast, Trial, of, stored
from automations.definition import words
from automations.definition.step import Coupon, Step
from automations.definition.words import Words
from bot.base import paths
from bot.base.config import Config
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import Source, mistake, near

Say = Callable[[Sequence[str | int], str], Finding]
Path_ = Sequence[str | int]

_SENDERS = ("email", "telegram")
_MODELS: Mapping[str, type[BaseModel]] = {"test": Trial, "variants": Arm, "coupon": Coupon}
_ROUNDS = 5


@dataclass(frozen=True)
class Around:
    """What a broadcast may refer to. None, or a kind that is missing in `names`: not checked."""

    templates: Collection[str] | None = None
    quiet: tuple[time, time] | None = None
    names: Mapping[str, Collection[str]] = field(default_factory=dict)
    words: Words | None = None


@dataclass(frozen=True)
class Found:
    """A broadcast, and its own words as a row keeps them."""

    broadcast: Broadcast
    tree: Mapping[str, Any]
    file: Path | None = None


def around(config: Config, templates: Collection[str] | None = None, words: Words | None = None) -> Around:
    return Around(templates, config.automations.quiet_hours, {
        "segment": set(segment_files.every(config)), "topic": config.automations.topic_names,
        "pool": {pool.name for pool in config.automations.coupons},
    }, words)  # fmt: skip


def load(config: Config, surroundings: Around) -> dict[str, Found]:
    """Every broadcast of the shop's folder, by name. Raises FindingsError with all mistakes of all files."""
    found, findings = sound(config, surroundings)
    if findings:
        raise FindingsError(*findings)
    return found


def sound(config: Config, surroundings: Around) -> tuple[dict[str, Found], list[Finding]]:
    """The broadcasts that can be used, and what is wrong with the others."""
    folder = config.automations.broadcasts_folder
    if folder is not None and not folder.is_dir():
        return {}, [Finding("this folder of broadcasts does not exist", paths.shown(folder))]
    found: dict[str, Found] = {}
    findings: list[Finding] = []
    for file in every(config):
        one, wrong = _read_file(file, surroundings)
        findings += wrong
        if one is not None and not wrong:
            found[file.stem] = one
    return found, findings


def every(config: Config) -> list[Path]:
    folder = config.automations.broadcasts_folder
    return sorted(folder.glob("*.toml")) if folder is not None else []


def steps(made: Broadcast) -> list[Step]:
    """What it sends, and what each arm of its test sends instead."""
    step = Step(id=STEP, send=made.send, subject=made.subject, channels=made.channels, coupon=made.coupon)
    arms = made.test.variants if made.test else ()
    changes = [arm.model_dump(include={"subject", "send"}, exclude_none=True) for arm in arms]
    return [step, *(step.model_copy(update=change) for change in changes)]


def load_one(config: Config, name: str, surroundings: Around) -> Found | None:
    """The broadcast of that file, whatever is wrong with others; None if there is no such file."""
    folder = config.automations.broadcasts_folder
    file = folder / f"{name}.toml" if folder is not None else None
    if file is None or not file.is_file():
        return None
    one, wrong = _read_file(file, surroundings)
    if wrong or one is None:
        raise FindingsError(*wrong)
    return one


def names(config: Config) -> list[str]:
    folder = config.automations.broadcasts_folder
    return sorted(file.stem for file in folder.glob("*.toml")) if folder is not None and folder.is_dir() else []


def of_tree(name: str, tree: object, surroundings: Around) -> Found:
    """A definition that came as JSON. Raises FindingsError."""

    def say(path: Path_, message: str) -> Finding:
        key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return Finding(message, key=key or None)

    if not isinstance(tree, dict):
        raise FindingsError(Finding("send an object with the keys of a broadcast"))
    made, wrong = _checked(name, tree, surroundings, say)
    if wrong or made is None:
        raise FindingsError(*wrong)
    return Found(made, stored(tree))


def _read_file(file: Path, surroundings: Around) -> tuple[Found | None, list[Finding]]:
    findings: list[Finding] = []
    source = Source(file)
    tree = source.read(findings)
    if tree is None:
        return None, findings
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", file.stem):
        findings.append(Finding("name the file in small letters, digits and _: summer_sale.toml", paths.shown(file)))
        return None, findings
    made, findings = _checked(file.stem, tree, surroundings, source.finding)
    return None if made is None else Found(made, stored(tree), file), findings


def _checked(
    name: str, tree: Mapping[str, Any], surroundings: Around, say: Say
) -> tuple[Broadcast | None, list[Finding]]:
    """What is wrong is left out and the rest looked at again, so that one mistake does not hide the next."""
    if "name" in tree:
        return None, [say(("name",), "a broadcast is named by its file; leave this out")]
    rest, findings, left_out = deepcopy(dict(tree)), list[Finding](), list[Path_]()
    for _ in range(_ROUNDS):
        try:
            made = of(name, rest)
        except ValidationError as error:
            errors = error.errors()
            new = [_explained(one, say) for one in errors if not _echo(one, errors, left_out)]
            findings += [one for one in new if one not in findings]
            left_out += [one["loc"] for one in errors]
            spared = [_without(rest, one) for one in errors]
            if not all(spared):
                return None, findings
            continue
        return made, findings + [one for one in _check(made, surroundings, say) if one not in findings]
    return None, findings


def _echo(error: Any, errors: Sequence[Any], left_out: Sequence[Path_]) -> bool:
    """Missing because it was wrong, or too few because what stands there is wrong: that was told."""
    path = error["loc"]
    below = any(len(one["loc"]) > len(path) and one["loc"][: len(path)] == path for one in errors)
    return (error["type"] == "missing" and path in left_out) or (error["type"] == "too_short" and below)


def _without(tree: dict[str, Any], error: Any) -> bool:
    """Take the wrong key out of the tree. False where it cannot be spared."""
    here: Any = tree
    *way, last = list(error["loc"]) or [None]
    if error["type"] == "missing" or last is None:
        return False
    for part in way:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return tree.pop(way[0], None) is not None
    if isinstance(here, dict) and last in here:
        del here[last]
        return True
    return tree.pop(way[0] if way else last, None) is not None


def _explained(error: Any, say: Say) -> Finding:
    path = list(error["loc"])
    words = [part for part in path[:-1] if isinstance(part, str)]
    model = next((_MODELS[word] for word in reversed(words) if word in _MODELS), Broadcast)
    return say(path, mistake(error, [key for key in model.model_fields if key != "name" or model is Arm]))


def _check(made: Broadcast, surroundings: Around, say: Say) -> Iterator[Finding]:
    """What types cannot say: names that must exist, parts that fit together."""

    def named(kind: str, word: str, *path: str | int) -> Iterator[Finding]:
        known = surroundings.names.get(kind)
        if known is not None and word not in known:
            yield say(path, f"there is no {kind} {word!r}; {near(word, known)}")

    def template(word: str, *path: str | int) -> Iterator[Finding]:
        if surroundings.templates is not None and word not in surroundings.templates:
            yield say(path, f"no mail template of this name; {near(word, surroundings.templates)}")

    yield from named("segment", made.segment, "segment")
    yield from named("topic", made.topic, "topic")
    yield from template(made.send, "send")
    if made.coupon is not None:
        yield from named("pool", made.coupon.pool, "coupon")
    if len(set(made.channels)) < len(made.channels):
        yield say(("channels",), "a channel stands there twice")
    for channel in made.channels:
        if channel not in _SENDERS:
            yield say(("channels",), f"nothing is sent by {channel} yet; channels are {', '.join(_SENDERS)}")
    yield from _times(made, surroundings, say)
    for number, arm in enumerate(made.test.variants if made.test else ()):
        if arm.send is not None:
            yield from template(arm.send, "test", "variants", number, "send")
    if surroundings.words is not None:
        yield from _words(made, surroundings.words, say)


def _words(made: Broadcast, knows: Words, say: Say) -> Iterator[Finding]:
    """What is wrong with the mail, and with each other way of it that the test tries."""
    step = Step(id=STEP, send=made.send, subject=made.subject, channels=made.channels, coupon=made.coupon)
    known = list(words.of_step(knows, "broadcast", step))
    yield from (say((key,), complaint) for key, complaint in known)
    for number, arm in enumerate(made.test.variants if made.test else ()):
        change = arm.model_dump(include={"subject", "send"}, exclude_none=True)
        for key, complaint in words.of_step(knows, "broadcast", step.model_copy(update=change)):
            if (key, complaint) not in known:
                yield say(("test", "variants", number, *([key] if key in change else [])), complaint)


def _times(made: Broadcast, surroundings: Around, say: Say) -> Iterator[Finding]:
    if "late" in made.model_fields_set and made.zone != RECIPIENT:
        yield say(("late",), 'belongs to zone = "recipient": elsewhere it is the same time for all')
    if made.test is not None and not made.test.wait:
        yield say(("test", "wait"), "give people time to click; four hours are usual")
    quiet = surroundings.quiet
    if made.when is None or made.zone != RECIPIENT or quiet is None or made.quiet_hours == "off":
        return
    begin, end = quiet
    at = datetime.time(made.when)
    if begin <= at < end if begin < end else at >= begin or at < end:
        yield say(("when",), f"{at:%H:%M} lies in the quiet hours {begin:%H:%M}-{end:%H:%M}: "
                             f"everybody would get it after {end:%H:%M}")  # fmt: skip
