"""Reads the segments: one TOML each, the shop's own folder over ours.

Every mistake becomes a finding with file, line, key, reason and the nearest name that is known.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError
from rapidfuzz import fuzz, process

from automations.audiences import rfm
from automations.audiences.segment import MODELS, Part, Rule, Segment
from bot.base import clock, paths
from bot.base.config import LANGUAGES, Config
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import Source, mistake, near
from bot.events import names

Say = Callable[[Sequence[str | int], str], Finding]
_NONE: Mapping[str, Any] = {}
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Segments:
    """The segments as they stand in the files. `definitions` keep the files' own words."""

    by_name: dict[str, Segment] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    edited: dict[str, datetime] = field(default_factory=dict)
    """When the words in use were written, as far as that is known."""

    def take(self, other: "Segments") -> None:
        """Become what the other is: whoever holds these segments sees the new ones."""
        for mine, theirs in (
            (self.by_name, other.by_name), (self.definitions, other.definitions), (self.files, other.files),
            (self.edited, other.edited),
        ):  # fmt: skip
            mine.clear()
            mine.update(theirs)  # type: ignore[arg-type]

    def as_now(self) -> "Segments":
        """Those that stay as they are while somebody works with them over several transactions."""
        return Segments(dict(self.by_name), dict(self.definitions), dict(self.files), dict(self.edited))

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def with_one(self, name: str, segment: Segment) -> "Segments":
        """These and one more: a preview of what is not in a file yet."""
        return Segments({**self.by_name, name: segment}, self.definitions, self.files, self.edited)

    def with_words(self, trees: Mapping[str, Any]) -> "Segments | None":
        """These, but some in the words of another process; None if these are not understood here."""
        made: dict[str, Segment] = {}
        for name, tree in trees.items():
            found, wrong = read(tree, lambda _path, message: Finding(message))
            if found is None or wrong:
                return None
            made[name] = found
        return Segments({**self.by_name, **made}, {**self.definitions, **trees}, self.files, self.edited)

    def around(self, name: str) -> dict[str, dict[str, Any]]:
        """The words of the segment and of those that it names, as JSON keeps them."""
        seen: dict[str, dict[str, Any]] = {}
        todo = [name]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen[one] = msgspec.to_builtins(self.definitions[one])
                todo += [rule.segment for _, rule in self.by_name[one].leaves() if rule.segment]
        return seen


def folders(config: Config) -> list[Path]:
    """Where segments are: ours, then the shop's own, whose files replace ours of the same name."""
    own = config.automations.segments_folder
    return [Path(__file__).parents[1] / "segments", *([own] if own else [])]


def every(config: Config) -> dict[str, Path]:
    """The file of each segment by its name, right or wrong."""
    return {file.stem: file for folder in folders(config) for file in sorted(folder.glob("*.toml"))}


@dataclass(frozen=True)
class Names(Collection[str]):
    """The names of all segments as their files are there at the moment it is asked."""

    config: Config

    def __contains__(self, name: object) -> bool:
        return name in every(self.config)

    def __iter__(self) -> Iterator[str]:
        return iter(every(self.config))

    def __len__(self) -> int:
        return len(every(self.config))


def load(config: Config) -> Segments:
    """Read and check every segment. Raises FindingsError with one finding per mistake, of all files together."""
    found, findings = sound(config)
    if findings:
        raise FindingsError(*findings)
    return found


def sound(config: Config, before: Mapping[str, Any] = _NONE) -> tuple[Segments, list[Finding]]:
    """The segments that can be used, and what is wrong with the others: these are used as they were `before` (their
    trees). One that names one that is missing then is not there either, but nothing is said about that: it is not its
    own mistake.
    """
    files = every(config)
    missing = [folder for folder in folders(config) if not folder.is_dir()]
    findings = [Finding("this folder of segments does not exist", paths.shown(folder)) for folder in missing]
    found, definitions, edited = dict[str, Segment](), dict[str, dict[str, Any]](), dict[str, datetime]()
    for name, file in sorted(files.items()):
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            findings.append(
                Finding("name the file in small letters, digits and _: vip_customers.toml", paths.shown(file))
            )
        source = Source(file)
        tree = source.read(findings)
        if tree is None:
            continue
        made, wrong = read(tree, source.finding)
        wrong += check(made, config, files, source.finding) if made else []
        findings += wrong
        if made and not wrong:
            found[name], definitions[name], edited[name] = made, tree, _changed_at(file)
    circles = list(_circles(found, files))
    findings += circles
    round_about = {one.file for one in circles}
    usable = {name: made for name, made in found.items() if paths.shown(files[name]) not in round_about}
    for name in (files.keys() & before.keys()) - usable.keys():
        made, wrong = read(before[name], Source(files[name]).finding)
        if made and not wrong:
            usable[name], definitions[name] = made, before[name]
            edited.pop(name, None)
    for one in list(_circles(usable, files)):
        usable = {name: made for name, made in usable.items() if paths.shown(files[name]) != one.file}
    while broken := [name for name in usable if not _named(usable[name]) <= usable.keys()]:
        usable = {name: made for name, made in usable.items() if name not in broken}
    return Segments(usable, {name: definitions[name] for name in usable}, files, edited), findings


def _changed_at(file: Path) -> datetime:
    try:
        return min(datetime.fromtimestamp(file.stat().st_mtime, UTC), clock.now())  # a clock elsewhere may run ahead
    except OSError:
        return NEVER


def load_file(file: Path, config: Config, known: Segments) -> Segment:
    """One file anywhere, with the known segments around it. Raises FindingsError."""
    findings: list[Finding] = []
    source = Source(file)
    tree = source.read(findings)
    made = None
    if tree is not None:
        made, wrong = read(tree, source.finding)
        findings += wrong + (check(made, config, known.by_name, source.finding) if made else [])
    if findings or made is None:
        raise FindingsError(*findings)
    return made


def of_tree(tree: object, config: Config, known: Segments) -> Segment:
    """A definition that came as JSON. Raises FindingsError."""

    def say(path: Sequence[str | int], message: str) -> Finding:
        key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return Finding(message, key=key or None)

    made, wrong = read(tree, say)
    wrong += check(made, config, known.by_name, say) if made else []
    if wrong or made is None:
        raise FindingsError(*wrong)
    return made


def read(tree: object, say: Say) -> tuple[Segment | None, list[Finding]]:
    try:
        return Segment.model_validate(tree), []
    except ValidationError as error:
        errors = error.errors()
        findings = [_explained(one, say) for one in errors if not _echo(one, errors)]
        return None, [one for number, one in enumerate(findings) if one not in findings[:number]]


def _echo(error: Any, errors: Sequence[Any]) -> bool:
    """A list that is only empty because what stands in it is wrong."""
    path = error["loc"]
    below = (one["loc"] for one in errors if len(one["loc"]) > len(path))
    return error["type"] == "too_short" and any(one[: len(path)] == path for one in below)


def _explained(error: Any, say: Say) -> Finding:
    path = [part for part in error["loc"] if not (isinstance(part, str) and "[" in part)]
    words = [part for part in path[:-1] if isinstance(part, str)]
    model: type[Part] = next((MODELS[word] for word in reversed(words) if word in MODELS), Segment)
    known = [one.alias or key for key, one in model.model_fields.items()]
    return say(path, mistake(error, known, "unknown condition" if model is Rule else "unknown key"))


def check(segment: Segment, config: Config, known: Collection[str], say: Say) -> list[Finding]:
    """What types cannot say: names that must exist."""
    tiers = [tier.name for tier in config.automations.tiers]
    lists: Mapping[str, Collection[str]] = {
        "rfm": rfm.GROUPS, "tier": tiers, "tier_at_least": tiers, "segment": list(known), "language": LANGUAGES,
    }  # fmt: skip
    found = []
    for path, rule in segment.leaves():
        for word in (
            (rule.value,) if isinstance(rule.value, str) else rule.value if isinstance(rule.value, tuple) else ()
        ):
            if rule.kind in lists and word not in lists[rule.kind]:
                what = rule.kind.removesuffix("_at_least").replace("rfm", "RFM group")
                mend = near(word, lists[rule.kind]) if lists[rule.kind] else "the configuration has none"
                found.append(say((*path, rule.kind), f"there is no {what} {word!r}; {mend}"))
        if rule.event is not None:
            found += _event(rule.event.name, (*path, "event", "name"), say)
        if rule.kind == "country" and (odd := [one for one in rule.value if not re.fullmatch(r"[A-Z]{2}", one)]):
            found.append(say((*path, "country"), f"{odd[0]!r} is no country; write two capital letters such as DE"))
    return found


def _event(name: str, path: Sequence[str | int], say: Say) -> Iterator[Finding]:
    if name in names.ALIASES:
        yield say(path, f"{name!r} is kept under the name {names.ALIASES[name]!r}: write that")
    elif name not in names.EVENTS:
        close = process.extractOne(name, names.EVENTS, scorer=fuzz.ratio, score_cutoff=80)
        if close:  # a word of the shop's own is fine, a misspelt one of ours is not
            yield say(path, f"unknown event {name!r}; did you mean {close[0]!r}?")


def _named(segment: Segment) -> set[str]:
    return {rule.segment for _, rule in segment.leaves() if rule.segment}


def _circles(found: Mapping[str, Segment], files: Mapping[str, Path]) -> Iterator[Finding]:
    """Segments that are in themselves, by whatever way."""
    named = {name: _named(one) for name, one in found.items()}
    for name in sorted(named):
        ways, seen = [[name]], set[str]()
        while ways:
            way = ways.pop()
            for below in sorted(named.get(way[-1], ())):
                if below == name:
                    yield Finding(
                        f"goes in a circle: {' → '.join([*way, name])}", paths.shown(files[name]), 1, "segment"
                    )
                elif below not in seen:
                    seen.add(below)
                    ways.append([*way, below])
