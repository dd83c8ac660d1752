"""Reads the flows: one TOML per automation, the shop's own folder over ours.

Every mistake becomes a finding with file, line, key, reason and the nearest name that is known.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from automations.audiences import segment_files
from automations.definition import flow, goods, step
from automations.definition.flow import Flow
from automations.definition.flow_checks import Check, Surroundings
from automations.definition.words import Words
from bot.base import paths
from bot.base.config import Config
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import Source, mistake


@dataclass(frozen=True)
class Flows:
    """The flows as they stand in the files. `definitions` keep the files' own words for the published version.

    `broken` are those whose file is wrong: they are here as they were when it was right, or not at all.
    """

    by_name: dict[str, Flow] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def take(self, other: "Flows") -> None:
        """Become what the other is: whoever holds these flows sees the new ones."""
        for mine, theirs in (
            (self.by_name, other.by_name), (self.definitions, other.definitions), (self.files, other.files),
        ):  # fmt: skip
            mine.clear()
            mine.update(theirs)  # type: ignore[arg-type]
        self.broken.clear()
        self.broken.update(other.broken)

    def take_places(self, other: "Flows") -> None:
        """Of the same flows: where they stand now, and which of them are wrong. The flows themselves are left alone:
        this happens in a thread of its own, and whoever asks meanwhile must find every one.
        """
        self.files.update(other.files)
        self.broken.update(other.broken)
        self.broken.intersection_update(other.broken)

    def keep(self, name: str, made: Flow, definition: dict[str, Any]) -> None:
        """One whose file is wrong, as it was when it was right."""
        self.by_name[name], self.definitions[name] = made, definition

    def __iter__(self) -> Iterator[Flow]:
        return iter(self.by_name.values())


def folders(config: Config) -> list[Path]:
    """Where flows are: ours, then the shop's own, whose files replace ours of the same name."""
    own = config.automations.flows_folder
    return [Path(__file__).parents[1] / "flows", *([own] if own else [])]


@dataclass(frozen=True)
class Now(Collection[str]):
    """The names that are there at the moment it is asked."""

    look: Callable[[], Collection[str]]

    def __contains__(self, name: object) -> bool:
        return name in self.look()

    def __iter__(self) -> Iterator[str]:
        return iter(self.look())

    def __len__(self) -> int:
        return len(self.look())


def around(config: Config, templates: Collection[str] | None = None, words: Words | None = None) -> Surroundings:
    """What the flows of this shop may refer to."""
    return Surroundings(templates, config.automations.quiet_hours, {
        "topic": set(config.automations.topic_names),
        "department": {one.name for one in config.support.departments},
        "segment": segment_files.Names(config),
        "tier": {tier.name for tier in config.automations.tiers},
        "pool": {pool.name for pool in config.automations.coupons},
        "webhook": {hook.name for hook in config.automations.webhooks},
    }, words)  # fmt: skip


def load(where: Sequence[Path], surroundings: Surroundings | None = None) -> Flows:
    """Read and check every flow. Raises FindingsError with one finding per mistake, of all files together."""
    found, findings = sound(where, surroundings)
    if findings:
        raise FindingsError(*findings)
    return found


def sound(where: Sequence[Path], surroundings: Surroundings | None = None) -> tuple[Flows, list[Finding]]:
    """The flows that can be used, and what is wrong with the others (`broken`)."""
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    for folder in where:
        if not folder.is_dir():
            findings.append(Finding("this folder of flows does not exist", paths.shown(folder)))
            continue
        files.update({file.stem: file for file in sorted(folder.glob("*.toml"))})
    found, definitions = dict[str, Flow](), dict[str, dict[str, Any]]()
    for name, file in sorted(files.items()):
        source = Source(file)
        tree = source.read(findings)
        if tree is None:
            continue
        made, wrong = _checked(source, name, tree, surroundings)
        findings += wrong
        if made is not None and not wrong:
            found[name], definitions[name] = made, tree
    return Flows(found, definitions, files, set(files) - set(found)), findings


def load_one(file: Path, name: str, surroundings: Surroundings | None = None) -> tuple[Flow, dict[str, Any]]:
    """One file as the flow of that name, with its definition. Raises FindingsError."""
    findings: list[Finding] = []
    source = Source(file)
    tree = source.read(findings)
    if tree is not None:
        made, findings = _checked(source, name, tree, surroundings)
        if made is not None and not findings:
            return made, tree
    raise FindingsError(*findings)


def _checked(
    source: Source, name: str, tree: dict[str, Any], surroundings: Surroundings | None
) -> tuple[Flow | None, list[Finding]]:
    made, wrong = _validate(source, name, tree)
    if made is not None:
        wrong += [one for one in Check(source, made, surroundings or Surroundings()).all() if one not in wrong]
    return made, wrong


def _validate(source: Source, name: str, tree: dict[str, Any]) -> tuple[Flow | None, list[Finding]]:
    """The flow, and what is wrong with its parts. What is wrong is left out and the rest looked at again, so that one
    mistake does not hide the next; the flow is None if nothing whole is left.
    """
    if "name" in tree:
        return None, [source.finding(("name",), "the name of a flow is the name of its file; leave this out")]
    rest, findings, told = deepcopy(tree), list[Finding](), set[_Loc]()
    for _ in range(_ROUNDS):
        try:
            return flow.from_definition(name, rest), findings
        except ValidationError as error:
            fresh = (_explained(source, one) for one in error.errors() if not _follows(one, told))
            findings += [one for one in fresh if one not in findings]
            told |= {tuple(one["loc"]) for one in error.errors()}
            spared = [_without(rest, one) for one in error.errors()]
            if not all(spared):
                return None, findings
    return None, findings


_Loc = tuple[str | int, ...]


def _follows(error: Any, told: Collection[_Loc]) -> bool:
    """It says again what was told: a wrong value was taken out and now it is missing, or a step lacks what a key of it
    would be if it was written right.
    """
    here = tuple(error["loc"])
    return (error["type"] == "missing" and here in told) or any(one[:-1] == here for one in told if len(here) == 2)


_ROUNDS = 5


def _without(tree: dict[str, Any], error: Any) -> bool:
    """Take the wrong key out of the tree. False where it cannot be spared."""
    path = list(error["loc"])
    if error["type"] == "missing" or not path:
        return False
    if isinstance(path[-1], int) and path[0] == "steps" and len(path) == 2:
        return False  # a step that does no one thing: without it the others would be misnumbered
    here: Any = tree
    for part in path[:-1]:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(here, dict):
        return here.pop(path[-1], None) is not None
    if isinstance(here, list) and isinstance(path[-1], int) and path[-1] < len(here):
        del here[path[-1]]
        return True
    return False


_MODELS: dict[str, type[BaseModel]] = {
    "trigger": flow.Trigger, "enrol": flow.Enrol, "exit": flow.Exit, "steps": step.Step, "wait": step.Wait,
    "wait_for": step.WaitFor, "split": step.Split, "coupon": step.Coupon, "tag": step.Tag, "task": step.Task,
    "webhook": step.Webhook, "experiment": flow.Experiment, "variants": flow.Variant,
    "restock": goods.Restock, "drop": goods.Drop, "refill": goods.Refill,
}  # fmt: skip


def _model(path: Sequence[str | int]) -> type[BaseModel]:
    """Whose key it is that stands at the end of the path."""
    words = [part for part in path[:-1] if isinstance(part, str)]
    if words[:1] == ["experiment"] and len(words) > 2:
        return flow.Change if "steps" in words[2:] else flow.Variant
    return next((_MODELS[word] for word in reversed(words) if word in _MODELS), Flow)


def _explained(source: Source, error: Any) -> Finding:
    model = _model(error["loc"])
    known = [one.alias or key for key, one in model.model_fields.items() if key != "name"]
    unknown = "unknown key, or a kind of step that does not exist" if model is step.Step else "unknown key"
    short = error["loc"][-1:] == ("elapsed",) and "elapsed" not in source.text  # `wait = "1h"`, as most write it
    return source.finding(error["loc"][:-1] if short else error["loc"], mistake(error, known, unknown))
