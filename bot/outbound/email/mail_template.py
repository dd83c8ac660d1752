"""One mail template, compiled once, rendered for many readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any

from jinja2 import Template

from bot.base import render
from bot.base.errors import Finding, FindingsError
from bot.base.render import TemplateError
from bot.outbound.email import fields, mjml, textpart, tracking
from bot.outbound.email.source import Source
from bot.outbound.email.tracking import LinkTokens

GIVEN = frozenset({"subject", "preheader", "_l"})
"""Names that a template gets from the program, beside the reader's values."""
_NO_LINES = {"subject": "", "preheader": ""}
_COMPILER = "2"  # raise it when the same source compiles to other links


@dataclass(frozen=True)
class Mail:
    """A mail as its reader sees it."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True)
class _Lines:
    name: str
    subject: Template
    preheader: Template


class MailTemplate:
    """`links[n]` is the URL of link n, empty if it differs from mail to mail; `lost` are Jinja tags that MJML ate."""

    def __init__(self, source: Source) -> None:
        """Raises FindingsError for what cannot be compiled."""
        self.source = source
        self.name = source.name
        self.language = source.language
        self.kind = source.kind
        if broken := syntax_finding(source):
            raise FindingsError(broken)
        try:
            mjml.check(mjml.blank(source.mjml))  # before any other pattern looks at it
            masked, self.links = tracking.number_links(mjml.mask(source.mjml))
            html, self.lost = mjml.compiled(masked)
        except mjml.MjmlError as error:
            raise FindingsError(source.finding(f"not valid MJML: {error}", error.line)) from None
        self._html = _compile(source, tracking.with_canary(html), html=True)
        self._text = _compile(source, textpart.text_template(masked), html=False)
        self._lines = tuple(
            _Lines(one.name, _line(source, one.subject, "subject"), _line(source, one.preheader, "preheader"))
            for one in source.variants
        )
        self._spent: dict[tuple[str, int, str | None], str] = {}
        parts = (_COMPILER, source.name, source.language, source.mjml, repr(source.variants))
        self.revision = blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(line.name for line in self._lines)

    @property
    def fields(self) -> frozenset[str]:
        """The values that it uses, as paths: `customer.first_name`, `cart.items[].price`."""
        found = fields.used(environment(html=True), self.source.mjml, self.source.sample, given=GIVEN).names
        for one in self.source.variants:
            for line in (one.subject, one.preheader):
                found |= fields.used(environment(html=False), line, self.source.sample, given=GIVEN).names
        return frozenset(found)

    def render(
        self,
        values: Mapping[str, Any],
        links: LinkTokens | None,
        variant: int = 0,
        subject: str | None = None,
        heading: Mapping[str, Any] | None = None,
    ) -> Mail:
        """The mail for one reader. `links` None leaves every link as it is (preview). `subject` stands in for its own.
        `heading` are the values for subject and preheader, if they are not to say all that the mail says.

        Raises jinja2's TemplateError: a value that is missing, a forbidden operation, too much of anything. Its text
        names file and line.
        """
        try:
            return self._rendered(values, links, variant, subject, heading)
        except render.TemplateError as error:
            above = {**values, **heading} if heading is not None else values
            key = str(error), variant, subject
            place = self._spent.get(key) or str(self._place_of(error, values, above, variant, subject))
            if isinstance(error, render.TooMuchError):  # looking costs as much again, for each reader
                self._spent[key] = place
            error.args = (place,)
            raise

    def complaint(self, variant: int = 0) -> Finding | None:
        """What keeps the sample from being written, with its place."""
        try:
            self._rendered(self.source.sample, None, variant, None, None)
        except render.TemplateError as error:
            return self._place_of(error, self.source.sample, self.source.sample, variant, None)
        return None

    def _rendered(
        self,
        values: Mapping[str, Any],
        links: LinkTokens | None,
        variant: int,
        subject: str | None,
        heading: Mapping[str, Any] | None,
    ) -> Mail:
        def link(number: int, url: Any = None, own: Sequence[str] = ()) -> str:
            if url is None:
                return links.numbered(number) if links else self.links[number] or "#"
            target = tracking.safe(url)
            if not links or target == "#":
                return target
            return links.carrying(number, target, own)

        lines = self._lines[variant % len(self._lines)]
        given = {"language": self.language, **values, "_l": link}
        own = lines.subject if subject is None else _of_its_own(subject)
        above = {**given, **heading} if heading is not None else given
        subject = " ".join(own.render(above).split())
        preheader = " ".join(lines.preheader.render(above).split())
        given |= {"subject": subject, "preheader": preheader}
        text = textpart.tidy(self._text.render(given))
        return Mail(subject, preheader, self._html.render(given), text)

    def _place_of(
        self,
        error: TemplateError,
        values: Mapping[str, Any],
        heading: Mapping[str, Any],
        variant: int,
        subject: str | None,
    ) -> Finding:
        """Where a person mends it: asked of the lines before the mail, then of the source that the person wrote."""
        words = f"cannot be written: {error}"
        one = self.source.variants[variant % len(self.source.variants)]
        given = {"language": self.language, **values, **_NO_LINES}
        above = {"language": self.language, **heading, **_NO_LINES}
        lines = [("preheader", one.preheader), *([("subject", one.subject)] if subject is None else [])]
        for key, text in lines:
            if _failed_at(text, above, html=False):
                return self.source.head_finding(key, words)
        if subject is not None and _failed_at(subject, above, html=False):
            return Finding(f"its subject {words}")
        return self.source.finding(words, _failed_at(self.source.mjml, given, html=True) or 1)


@cache
def environment(*, html: bool) -> render.Environment:
    made = render.environment(html=html)
    made.trim_blocks = made.lstrip_blocks = False  # textpart places statements itself; a lost newline joins two lines
    return made


def _failed_at(text: str, values: Mapping[str, Any], *, html: bool) -> int | None:
    """The line at which a text breaks with these values."""
    try:
        environment(html=html).from_string(text).render(values)
    except render.TemplateError as error:
        return render.line_of(error) or 1
    return None


@lru_cache(maxsize=500)
def _of_its_own(subject: str) -> Template:
    return environment(html=False).from_string(subject)


def _compile(source: Source, template: str, *, html: bool) -> Template:
    try:
        return environment(html=html).from_string(template)
    except render.TemplateSyntaxError as error:
        raise FindingsError(source.finding(f"{error.message}", 1)) from None


def syntax_finding(source: Source) -> Finding | None:
    """Where the Jinja of a source breaks, or None. Asked of the source itself, whose lines a person knows."""
    try:
        environment(html=True).parse(source.mjml)
    except render.TemplateSyntaxError as error:
        return source.finding(f"{error.message}", error.lineno)
    return None


def _line(source: Source, text: str, key: str) -> Template:
    try:
        return environment(html=False).from_string(text)
    except render.TemplateSyntaxError as error:
        raise FindingsError(source.head_finding(key, f"{error.message}")) from None
