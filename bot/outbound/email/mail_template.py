"""One mail template, compiled once, rendered for many readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any

from jinja2 import Template

from bot.base import render
from bot.base.errors import Finding, FindingsError
from bot.outbound.email import fields, mjml, textpart, tracking
from bot.outbound.email.source import Source
from bot.outbound.email.tracking import LinkTokens

GIVEN = frozenset({"subject", "preheader", "_l"})
"""Names that a template gets from the program, beside the reader's values."""
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
        masked, self.links = tracking.number_links(mjml.mask(source.mjml))
        try:
            html, self.lost = mjml.compiled(masked)
        except mjml.MjmlError as error:
            raise FindingsError(source.finding(f"not valid MJML: {error}", 1)) from None
        self._html = _compile(source, tracking.with_canary(html), html=True)
        self._text = _compile(source, textpart.text_template(masked), html=False)
        self._lines = tuple(
            _Lines(one.name, _line(source, one.subject, "subject"), _line(source, one.preheader, "preheader"))
            for one in source.variants
        )
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

        Raises jinja2's TemplateError: a value that is missing, a forbidden operation, too long a result.
        """

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
        subject = " ".join(_capped(own, above).split())
        preheader = " ".join(_capped(lines.preheader, above).split())
        given |= {"subject": subject, "preheader": preheader}
        text = textpart.tidy(_capped(self._text, given))
        return Mail(subject, preheader, _capped(self._html, given), text)


@cache
def environment(*, html: bool) -> render.Environment:
    made = render.environment(html=html)
    made.trim_blocks = made.lstrip_blocks = False  # textpart places statements itself; a lost newline joins two lines
    return made


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


def _capped(template: Template, values: Mapping[str, Any]) -> str:
    """The rendered text, given up as soon as it is longer than any mail."""
    out, size = [], 0
    for piece in template.generate(values):
        size += len(piece)
        if size > render.LONGEST:
            raise render.TemplateError(f"longer than {render.LONGEST} characters")
        out.append(piece)
    return "".join(out)
