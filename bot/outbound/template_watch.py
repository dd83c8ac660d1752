"""Mail templates that change while the program runs: one is taken only if all of lint passes, else the last good one
stays and sends.

A template of the shop's own that is wrong when the program starts is used as it was when it was last right (kept in the
database); one that never was right is off, and its mails wait.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.base import logs, paths
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import marks
from bot.outbound.email import lint, source
from bot.outbound.email.source import Source
from bot.outbound.email.templates import Key, MailTemplates
from bot.outbound.previews import Previews

log = logs.get(__name__)

Fits = Callable[[Source], Iterable[Finding]]
"""What those who send it would miss in it: whatever its own sample says."""


def _fits(_one: Source) -> Iterable[Finding]:
    return ()


@dataclass
class TemplateWatch:
    """Holds what `mails` may use. `kept` are the last good ones of before, by name and language, as `stored` made them.

    `wrong` is what keeps changed templates from being taken, as their files stand now.
    """

    mails: MailTemplates
    fits: Fits = _fits
    needed: Callable[[str], bool] = lambda _name: False
    """Whether somebody sends the template of that name."""
    wrong: dict[Key, tuple[Finding, ...]] = field(default_factory=dict)
    _used: dict[Key, tuple[str, Source]] = field(default_factory=dict)
    _seen: frozenset[tuple[str, int, int]] | None = None

    def begin(self, kept: Mapping[Key, Any]) -> None:
        """The first look: what is right is used, what is wrong as it was kept."""
        for key, tree in kept.items():
            try:
                self._used[key] = str(tree["digest"]), source.restored(tree["source"])
            except (KeyError, TypeError, ValueError):
                log.warning("a template that was kept is no longer understood", template="/".join(key))
        self._seen = self._marks()
        self._settle(self._read(), lint.of)

    def look_again(self) -> None:
        """Who sends what has changed: what was wrong for them may be right now."""
        if self.wrong:
            self._seen = None

    def look(self) -> list[Key]:
        """Take what changed. Returns what is used in new words. Call it in a thread: it takes its time."""
        mark = self._marks()
        if mark == self._seen:
            return []
        found = self._read()
        with Previews() as previews:
            taken = self._settle(found, lambda one: previews.lint(self.mails.folders, one.name, one.language))
        self._seen = mark
        if taken:
            log.info("changed mail templates are in use", templates=["/".join(key) for key in taken])
        return taken

    def stored(self) -> dict[Key, dict[str, Any]]:
        """Of the shop's own, what is used: to be kept until the next start."""
        return {
            key: {"digest": mark, "source": source.stored(one)}
            for key, (mark, one) in self._used.items()
            if self._is_own(one)
        }

    def _settle(
        self, found: Mapping[Key, Source | FindingsError], look: Callable[[Source], list[Finding]]
    ) -> list[Key]:
        wrong: dict[Key, tuple[Finding, ...]] = {}
        taken = []
        for key, one in found.items():
            if isinstance(one, FindingsError):
                wrong[key] = one.findings
                continue
            mark = source.digest(one)
            if key in self._used and self._used[key][0] == mark:
                if self._used[key][1].file != one.file:  # a copy of ours, about to be changed: it is theirs from now on
                    self._used[key] = mark, one
                continue
            if complaints := self._complaints(one, look):
                wrong[key] = tuple(complaints)
                continue
            self._used[key] = mark, one
            taken.append(key)
        wrong |= self._gone(found)
        self._tell(wrong)
        self.wrong = wrong
        self.mails.use({key: one for key, (_, one) in self._used.items()}, wrong)
        return taken

    def _complaints(self, one: Source, look: Callable[[Source], list[Finding]]) -> list[Finding]:
        """What ships with the program was looked at before it was shipped; what the flows ask of it was, too."""
        if not self._is_own(one):
            return []
        return [finding for finding in look(one) if not finding.warning] or list(self.fits(one))

    def _gone(self, found: Mapping[Key, object]) -> Iterator[tuple[Key, tuple[Finding, ...]]]:
        """A language that is taken away is gone; a whole template that somebody still sends stays."""
        there = {name for name, _ in found}
        for key in [key for key in self._used if key not in found]:
            if key[0] in there or not self.needed(key[0]):
                del self._used[key]
                continue
            words = "the file is gone, and a flow sends it: put it back, or take the mail out of the flow"
            yield key, (Finding(words, paths.shown(self._used[key][1].file)),)

    def _tell(self, wrong: Mapping[Key, Sequence[Finding]]) -> None:
        told = {finding for findings in self.wrong.values() for finding in findings}
        for key, findings in wrong.items():
            goes_on = "the one before it stays" if key in self._used else "it is off, and its mails wait"
            for finding in findings:
                if finding not in told:  # a part may be wrong in many
                    log.error(f"a mail template is wrong, {goes_on}", finding=str(finding))
                    told.add(finding)
        for key in self.wrong.keys() - wrong.keys():
            log.info("a mail template is right again", template="/".join(key))

    def _read(self) -> dict[Key, Source | FindingsError]:
        found: dict[Key, Source | FindingsError] = {}
        for name, languages in source.names(self.mails.folders).items():
            for language in languages:
                try:
                    found[name, language] = source.read(self.mails.folders, name, language)
                except FindingsError as error:
                    found[name, language] = error
                except LookupError:  # it went away meanwhile
                    continue
        return found

    def _is_own(self, one: Source) -> bool:
        own: Sequence[Path] = self.mails.folders[1:]
        return any(
            file.is_relative_to(folder) for file in (one.file, *(part for part, _ in one.files)) for folder in own
        )

    def _marks(self) -> frozenset[tuple[str, int, int]]:
        return marks(
            file for folder in self.mails.folders[1:] for kind in ("mjml", "toml") for file in folder.rglob(f"*.{kind}")
        )
