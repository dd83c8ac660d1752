"""Reads what templates and subjects use, and compares it with what a flow can show. Nothing is sent or compiled."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from automations.subjects import shown
from bot.base.errors import Finding, FindingsError
from bot.base.render import TemplateError, TemplateSyntaxError
from bot.outbound.email import fields, mail_template, source
from bot.outbound.email.fields import Used
from bot.outbound.email.source import Source

_LINE_GIVEN = frozenset[str]()
"""A subject comes first: the program has nothing to add to its values."""


class Wordings:
    """`folders` are those of the mail templates, later ones over earlier ones, as `MailTemplates` has them.

    What cannot be read or parsed is left to the lint of the templates.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders

    def of_subject(self, about: str, subject: str) -> list[str]:
        text, values = mail_template.environment(html=False), shown.possible(about)
        try:
            complaints = [message for _, message in fields.used(text, subject, values, given=_LINE_GIVEN).missing]
            if not complaints and not text.from_string(subject).render(values).strip():
                complaints = ["would be empty"]
        except TemplateSyntaxError as error:
            return [f"{error.message}"]
        except (TemplateError, ValueError, TypeError, ArithmeticError, AttributeError, LookupError) as error:
            return [f"does not render: {error}"]
        return list(dict.fromkeys(complaints))

    def lacking(self, about: str, template: str, *, own_subject: bool) -> list[str]:
        values = shown.possible(about)
        found: dict[str, None] = {}
        for one in self._sources(template):
            for used in _all(one, values, own_subject=own_subject):
                found |= dict.fromkeys(used.lacking)
        return list(found)

    def misfits(self, about: str, one: Source, who: str, *, own_subject: bool) -> Iterator[Finding]:
        """What this template uses and `who` does not give it, each with its line."""
        kind = "broadcast" if about == "broadcast" else f"flow about {about}"
        values = shown.possible(about)
        lines = [("", one.mjml)]
        for variant in one.variants:
            lines += [("preheader", variant.preheader), *([("subject", variant.subject)] if own_subject else [])]
        for key, words in lines:
            environment = mail_template.environment(html=not key)
            with suppress(TemplateSyntaxError):
                for line, message in fields.used(environment, words, values, given=mail_template.GIVEN).missing:
                    told = f"{message} ({who} sends it, a {kind})"
                    yield one.head_finding(key, told) if key else one.finding(told, line)

    def without_code(self, template: str, subject: str | None) -> list[str]:
        values = shown.possible("broadcast")
        text = mail_template.environment(html=False)
        try:
            if subject is not None and _code(fields.used(text, subject, values, given=_LINE_GIVEN)):
                return []
        except TemplateSyntaxError:
            return []
        return [one.language for one in self._sources(template)
                if not any(map(_code, _all(one, values, own_subject=subject is None)))]  # fmt: skip

    def _sources(self, template: str) -> Iterator[Source]:
        for language in source.names(self.folders).get(template, ()):
            try:
                yield source.read(self.folders, template, language)
            except (FindingsError, LookupError):
                continue


def _all(one: Source, values: Mapping[str, Any], *, own_subject: bool) -> Iterator[Used]:
    html, text = mail_template.environment(html=True), mail_template.environment(html=False)
    given = mail_template.GIVEN
    lines = [(html, one.mjml)]
    for variant in one.variants:
        lines += [(text, variant.preheader), *([(text, variant.subject)] if own_subject else [])]
    for environment, words in lines:
        try:
            yield fields.used(environment, words, values, given=given)
        except TemplateSyntaxError:
            continue


def _code(used: Used) -> bool:
    return any(name == "coupon" or name.startswith("coupon.") for name in used.names)
