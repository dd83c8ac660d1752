"""All mail templates: ours, and the shop's own over them. Compiled when first asked for, again when a file changes.

A running program is told which ones it may use (`template_watch`), and looks at no files itself.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from bot.base import logs, paths
from bot.base.config import LANGUAGES
from bot.base.database import insert, table
from bot.base.errors import Finding, FindingsError
from bot.outbound.email import lint, source
from bot.outbound.email.mail_template import Mail, MailTemplate
from bot.outbound.email.source import Source
from bot.tables.mail import TemplateRevision

__all__ = ["Listed", "Mail", "MailTemplate", "MailTemplates", "remember"]

log = logs.get(__name__)
Key = tuple[str, str]
"""Name and language."""
Look = Callable[[Sequence[Path], str, str], list[Finding]]
"""Everything wrong with the template of that name and language in those folders; see `previews`."""
_LOOK_AGAIN_AFTER = 2.0  # seconds between two looks at the files of one template


@dataclass(frozen=True)
class Listed:
    """A template in the list: `own` if the shop's folder has (part of) it."""

    name: str
    kind: str
    languages: tuple[str, ...]
    subject: str
    own: bool


@dataclass
class _Compiled:
    template: MailTemplate
    looked_at: float


class MailTemplates:
    """`folders` are template folders as `texts.folders()` gives them; mails stand in their `email/`.

    `language` is the shop's: what a reader without a known language gets.
    """

    def __init__(self, folders: Sequence[Path], language: str = "en") -> None:
        self.folders = [folder / "email" for folder in folders]
        self.language = language
        self._compiled: dict[Key, _Compiled] = {}
        self._used: Mapping[Key, Source] | None = None
        self._off: Mapping[Key, Sequence[Finding]] = {}

    def use(self, used: Mapping[Key, Source], off: Mapping[Key, Sequence[Finding]]) -> None:
        """From now on these and no others, whatever the files say. `off` are those that are wrong: where they are not
        used in older words either, asking for them raises what is wrong.
        """
        self._used, self._off = used, off

    def names(self) -> list[str]:
        return list(source.names(self.folders))

    def find(self, name: str, language: str | None = None) -> MailTemplate:
        """The template in that language, else the shop's, else English.

        Raises LookupError (no such template) and FindingsError (it cannot be compiled).
        """
        return self._get(name, self.spoken(name, language))

    def spoken(self, name: str, language: str | None = None) -> str:
        """The language in which it is found: that one, else the shop's, else English. Raises LookupError."""
        there = self._languages(name)
        for wanted in (language, self.language, "en", *there):
            if wanted is not None and wanted in there:
                return wanted
        raise LookupError(f"no mail template named {name!r}")

    def listed(self) -> list[Listed]:
        """What `template list` shows."""
        found = []
        for name, languages in source.names(self.folders).items():
            shown = self.language if self.language in languages else languages[0]
            own = any((folder / name).is_dir() for folder in self.folders[1:])
            try:
                template = self._get(name, shown)
                kind, subject = template.kind, template.source.variants[0].subject
            except FindingsError as error:
                kind, subject = "broken", error.findings[0].message
            found.append(Listed(name, kind, tuple(languages), subject, own))
        return found

    def lint(self, name: str | None = None, look: Look | None = None) -> list[Finding]:
        """Everything wrong with one template or with all of them; empty means, they can be sent.

        `look` stands in for looking in this process.
        """
        known = source.names(self.folders)
        if name is not None and name not in known:
            return [Finding(f"no mail template named {name!r}; there are {', '.join(known) or 'none'}")]
        findings: list[Finding] = []
        for one in [name] if name is not None else known:
            for language in known[one]:
                findings += look(self.folders, one, language) if look else self._lint(one, language)
            for language in LANGUAGES:
                if language not in known[one]:
                    where = paths.shown(self.folders[-1] / one / f"{language}.mjml")
                    findings.append(
                        Finding(
                            f"there is no such file: readers of {language} get {one} in {self.spoken(one, language)}",
                            where,
                            warning=True,
                        )
                    )
        return findings

    def preview(self, name: str, language: str | None = None, variant: int = 0) -> Mail:
        """What `template render` shows: the mail that the sample would get, links as they are."""
        template = self.find(name, language)
        return template.render(template.source.sample, None, variant)

    def _lint(self, name: str, language: str) -> list[Finding]:
        try:
            return lint.of(source.read(self.folders, name, language))
        except FindingsError as error:
            return list(error.findings)

    def _languages(self, name: str) -> list[str]:
        if self._used is not None:
            return sorted({language for one, language in (*self._used, *self._off) if one == name})
        held = [language for held_name, language in self._compiled if held_name == name]
        return held if len(held) == len(LANGUAGES) else source.names(self.folders).get(name, [])

    def _get(self, name: str, language: str) -> MailTemplate:
        return self._of_files(name, language) if self._used is None else self._in_use(self._used, name, language)

    def _in_use(self, used: Mapping[Key, Source], name: str, language: str) -> MailTemplate:
        key = name, language
        if key not in used:
            raise FindingsError(*self._off[key]) if key in self._off else LookupError(f"no mail template {name!r}")
        held = self._compiled.get(key)
        if held is None or held.template.source is not used[key]:
            held = self._compiled[key] = _Compiled(MailTemplate(used[key]), 0.0)
        return held.template

    def _of_files(self, name: str, language: str) -> MailTemplate:
        held = self._compiled.get((name, language))
        now = time.monotonic()
        if held and now - held.looked_at < _LOOK_AGAIN_AFTER:
            return held.template
        if held and not held.template.source.changed():
            held.looked_at = now
            return held.template
        try:
            made = MailTemplate(source.read(self.folders, name, language))
        except (FindingsError, LookupError) as error:
            if held is None:
                raise
            log.warning("a changed mail template cannot be used, the one before it stays", reason=str(error))
            held.looked_at = now
            return held.template
        self._compiled[name, language] = _Compiled(made, now)
        return made


async def remember(session: AsyncSession, used: Iterable[MailTemplate], now: datetime) -> None:
    """Write down where the links of these templates lead. Call it in the transaction that puts them into mails."""
    rows = table(TemplateRevision)
    for template in {template.revision: template for template in used}.values():
        await session.execute(
            insert(session, rows)
            .values(
                template=template.name,
                language=template.language,
                digest=template.revision,
                links=list(template.links),
                used_at=now,
            )
            .on_conflict_do_nothing()
        )
