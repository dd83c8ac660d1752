"""What is wrong with a mail template, before any reader sees it: each finding with its file and line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import unescape
from typing import Any

from rapidfuzz import fuzz, process

from bot.base import render
from bot.base.errors import Finding, FindingsError
from bot.outbound.email import fields, mail_template, mjml, mjml_names
from bot.outbound.email.mail_template import Mail, MailTemplate
from bot.outbound.email.source import Source

CLIPPED_AT = 102 * 1024
"""Bytes of HTML after which Gmail hides the rest, unsubscribe link included."""
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:\"[^\"]*\"|'[^']*'|[^>\"'])*?)(/?)>", re.S)
_ATTRIBUTE = re.compile(r"(?<![\w:-])([\w:-]++)\s*+=\s*(?:\"[^\"]*\"|'[^']*')")


def of(source: Source) -> list[Finding]:
    """Everything found in one template; warnings are marked as such."""
    try:
        mjml.check(mjml.blank(source.mjml))
    except mjml.MjmlError as error:
        return [source.finding(f"not valid MJML: {error}", error.line)]
    found = list(_elements(source))
    if broken := mail_template.syntax_finding(source):
        return [*found, broken]
    found += _values(source)
    try:
        template = MailTemplate(source)
    except FindingsError as error:
        # An element that the list above already named makes the compiler's own words superfluous.
        return found or list(error.findings)
    found += [_lost(source, tag) for tag in template.lost]
    return found if any(not one.warning for one in found) else found + list(_rendered(source, template))


def _elements(source: Source) -> Iterator[Finding]:
    """Unknown elements and attributes, elements left open, images without alt."""
    text = re.sub(r"<!--.*?-->", lambda part: re.sub(r"[^\n]", " ", part[0]), mjml.blank(source.mjml), flags=re.S)
    still_open: list[tuple[str, int]] = []
    for tag in _TAG.finditer(text):
        closing, name, attributes, closed = tag.groups()
        line = text.count("\n", 0, tag.start()) + 1
        if closing:
            if not still_open or still_open[-1][0] != name:
                was = (
                    f"; <{still_open[-1][0]}> of line {source.place(still_open[-1][1])[1]} is open"
                    if still_open
                    else ""
                )
                yield source.finding(f"</{name}> closes nothing{was}", line)
                return
            still_open.pop()
            continue
        given = {match[1].lower() for match in _ATTRIBUTE.finditer(attributes)}
        defaults = any(open_name == "mj-attributes" for open_name, _ in still_open)
        yield from _one_element(source, name, given | {"alt"} if defaults and name == "mj-image" else given, line)
        if not closed and name.lower() not in mjml.VOID:
            still_open.append((name, line))
    for name, line in still_open:
        yield source.finding(f"<{name}> is never closed", line)


def _one_element(source: Source, name: str, given: set[str], line: int) -> Iterator[Finding]:
    if name.startswith("mj"):
        if name not in mjml_names.KNOWN:
            yield source.finding(f"unknown MJML element <{name}>{_near(name, mjml_names.KNOWN)}", line)
            return
        known = mjml_names.KNOWN[name]
        for attribute in sorted(given - known) if "*" not in known else ():
            yield source.finding(f"<{name}> has no attribute {attribute}{_near(attribute, dict.fromkeys(known))}", line)
    if name in ("img", "mj-image", "mj-carousel-image") and "alt" not in given:
        yield source.finding(f'<{name}> has no alt text; write alt="" if it only decorates', line)


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=60)
    return f"; did you mean {near[0]}?" if near else ""


def _values(source: Source) -> Iterator[Finding]:
    html, text = mail_template.environment(html=True), mail_template.environment(html=False)
    found = fields.used(html, source.mjml, source.sample, given=mail_template.GIVEN)
    for line, message in dict.fromkeys(found.missing):
        yield source.finding(message, line)
    for variant in source.variants:
        for key, words in (("subject", variant.subject), ("preheader", variant.preheader)):
            try:
                complaints = fields.used(text, words, source.sample, given=mail_template.GIVEN).missing
            except render.TemplateSyntaxError as error:
                complaints = [(1, f"{error.message}")]
            for _, message in complaints:
                yield source.head_finding(key, message)


def _lost(source: Source, tag: str) -> Finding:
    at = source.mjml.find(tag)
    line = source.mjml.count("\n", 0, at) + 1 if at >= 0 else 1
    return source.finding(f"MJML loses {tag} here; Jinja cannot stand in this attribute", line)


def _rendered(source: Source, template: MailTemplate) -> Iterator[Finding]:
    """The mail that the sample gets: that it renders at all, its size, its way out."""
    for n, _name in enumerate(template.variants):
        if complaint := template.complaint(n):
            yield replace(complaint, message=f"with its sample it {complaint.message}")
            return
        mail = template.render(source.sample, None, n)
        if not mail.subject:
            yield source.head_finding("subject", "empty with the sample")
    yield from _looked_at(source, mail)


def _looked_at(source: Source, mail: Mail) -> Iterator[Finding]:
    size = len(mail.html.encode())
    if size > CLIPPED_AT:
        yield source.finding(f"{size // 1024} KB with its sample; Gmail cuts a mail at 102 KB", 1)
    if source.kind == "marketing":
        way_out = str(source.sample.get("unsubscribe_url", ""))
        hrefs = {unescape(href) for href in re.findall(r"href=\"([^\"]*)\"", mail.html)}
        if not way_out or way_out not in hrefs or way_out not in mail.text:
            message = "no visible link to {{ unsubscribe_url }}; a marketing mail needs one"
            yield source.finding(message, len(source.origins))
    if not source.variants[0].preheader:
        yield source.head_finding("preheader", "missing; inboxes then show the first words they find", warning=True)
