"""`template list`, `template lint` and `template render`: the mails as they stand in their files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from bot.outbound.email.templates import MailTemplates

cli = typer.Typer(help="Look at the mail templates.", no_args_is_help=True)


def _templates(config: Path | None) -> "MailTemplates":
    from bot.base import config as settings
    from bot.base import texts
    from bot.outbound.email.templates import MailTemplates

    loaded = settings.load(config)
    return MailTemplates(texts.folders(loaded.templates.folder), loaded.shop.language)


@cli.command("list")
@in_words
def list_templates(config: ConfigFile = None) -> None:
    """Every mail template, its languages and its subject to the sample customer."""
    from jinja2 import TemplateError
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bot.base.errors import FindingsError
    from bot.outbound.previews import Previews

    table = Table("template", "kind", "languages", "subject", "whose", box=None, pad_edge=False)
    templates = _templates(config)
    with Previews() as previews:
        for one in templates.listed():
            subject = one.subject
            if one.kind != "broken":
                try:
                    subject = previews.render(templates.folders, one.name, templates.spoken(one.name)).subject
                except (TemplateError, FindingsError) as error:
                    subject = str(error)
            row = (one.name, one.kind, ", ".join(one.languages), subject, "yours" if one.own else "ours")
            table.add_row(*(Text(cell) for cell in row))
    Console(width=None if Console().is_terminal else 160).print(table)


@cli.command("lint")
@in_words
def lint(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Without it: all.")] = None,
    config: ConfigFile = None,
) -> None:
    """Everything wrong with the templates, one line each. Warnings do not fail."""
    from bot.outbound.previews import Previews

    with Previews() as previews:
        findings = _templates(config).lint(name, previews.lint)
    for finding in findings:
        typer.echo(f"{finding}{' (warning)' if finding.warning else ''}")
    if any(not finding.warning for finding in findings):
        raise typer.Exit(1)
    typer.echo("the templates can be sent")


@cli.command("render")
@in_words
def render(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    lang: Annotated[str | None, typer.Option("--lang", help="en or zh_CN; without it the shop's.")] = None,
    sample: Annotated[
        Path | None, typer.Option("--sample", metavar="FILE.json", help="Values instead of the template's own sample.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="The text part instead of the HTML.")] = False,
    config: ConfigFile = None,
) -> None:
    """A mail as the sample customer would get it, on standard output; its subject on standard error."""
    from jinja2 import TemplateError

    from bot.base.errors import Finding, FindingsError
    from bot.outbound.previews import Previews

    templates, values = _templates(config), None
    if sample is not None:
        try:
            values = json.loads(sample.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise FindingsError(Finding(f"not valid JSON: {error}", sample)) from None
        if not isinstance(values, dict):
            raise FindingsError(Finding("must be an object with the values by name", sample))
    with Previews() as previews:
        try:
            mail = previews.render(templates.folders, name, templates.spoken(name, lang), values)
        except (LookupError, TemplateError) as error:
            raise FindingsError(Finding(str(error))) from None
    typer.echo(f"Subject: {mail.subject}", err=True)
    typer.echo(mail.text if text else mail.html)
