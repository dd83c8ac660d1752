"""`import`: history from CSV files."""

import asyncio
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.base.day_orders import DayOrder
from bot.base.errors import Finding, FindingsError
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from bot.inbound.files import first_look

_APART = (
    "ids count as the file's own, not as a connected shop's; "
    "if they are the shop's, add --store NAME (of [[shops.stores]])"
)


class Subject(StrEnum):
    customers = "customers"
    products = "products"
    orders = "orders"
    suppressions = "suppressions"


class DateOrder(StrEnum):
    day_first = DayOrder.DAY_FIRST.value
    month_first = DayOrder.MONTH_FIRST.value
    year_first = DayOrder.YEAR_FIRST.value
    republic_years = DayOrder.REPUBLIC.value


@in_words
def import_file(
    subject: Annotated[Subject, typer.Argument(help="What the file holds.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="As Shopify or WooCommerce export it, or your own.")],
    config: ConfigFile = None,
    encoding: Annotated[str | None, typer.Option(help="If it cannot be guessed, such as cp1252.")] = None,
    store: Annotated[str, typer.Option(help="Whose the ids are: a name of [[shops.stores]].")] = "",
    mapped: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="What a column holds; - for nothing.")
    ] = None,
    dates: Annotated[
        DateOrder | None, typer.Option(help="What 03/04/2025 or 03/04/05 means, in columns that do not show it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and keep nothing.")] = False,
) -> None:
    """Take customers, products, orders or suppressions from a CSV file. Run it again as you like; it sends nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from bot import start
    from bot.base import config as settings
    from bot.base import paths
    from bot.inbound.files import csv_lines, taking

    sheet = csv_lines.look(file, encoding)
    loaded = settings.load(config)
    if store and store not in {one.name for one in loaded.shops.stores}:
        words = f"no [[shops.stores]] declares the store {store!r}; write it there, with its shopify or woocommerce"
        raise FindingsError(Finding(words, loaded.source, key="shops.stores"))
    whose = loaded.shops.store(store) if store else ""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())

    async def take() -> taking.Report:
        async with start.ready(loaded) as (database, ground):
            with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(f"{subject}", total=sheet.size)
                return await taking.take(
                    database, ground, subject.value, sheet, lambda done: bar.update(task, completed=done), dry=dry_run,
                    store=whose, mapped=mapped or (), dates=DayOrder(dates) if dates else None,
                )  # fmt: skip

    report = asyncio.run(take())
    done = "would be taken" if dry_run else "taken"
    typer.echo(f"{report.taken} of {report.lines} lines {done} ({sheet.encoding}, delimiter {sheet.delimiter!r})")
    if sheet.titles:
        typer.echo(f"line {sheet.begins} names the columns; {sheet.titles} above it with words are titles")
    if sheet.sample:
        typer.echo(f"read as {sheet.encoding}{'' if encoding else ' by what its words look like'}: {sheet.sample}")
    for other, words in sheet.others:
        typer.echo(f"or is it {other}? Then it says: {words}. If that is right, run it again with --encoding {other}")
    if subject is not Subject.suppressions:
        typer.echo(_APART if report.store == "import" else f"ids count as those of the store {report.store}")
    typer.echo("columns used: " + ", ".join(_as(column, field) for column, field in report.used))
    typer.echo("columns left out: " + (", ".join(report.left_out) or "none"))
    for column in report.dates:
        for words in _dates(column, dates):
            typer.echo(words)
    if subject is Subject.customers:
        said = ", ".join(f"{count} x {answer}" for answer, count in sorted(report.consents.items(), reverse=True))
        typer.echo(f"marketing consents: {said or 'the file says nothing'}")
    if report.refused_file is not None:
        typer.echo(f"{report.refused} refused, with their reasons in {paths.shown(report.refused_file)}:")
        for reason, count in sorted(report.reasons.items(), key=lambda one: -one[1])[:10]:
            typer.echo(f"  {count} x {reason}")
        for words in report.first_refused:
            typer.echo(f"  {words}")
    if report.notes:
        typer.echo("of lines that are taken:")
        for note, count in sorted(report.notes.items(), key=lambda one: -one[1])[:10]:
            seen = report.examples.get(note)
            typer.echo(f"  {count} x {note}{' (' + ', '.join(seen) + ')' if seen else ''}")
    if dry_run:
        typer.echo("nothing was kept; run it again without --dry-run to take them")


def _dates(column: "first_look.DateColumn", said: DateOrder | None) -> Iterator[str]:
    if column.serial:
        yield f"dates in {column.name}: plain numbers are days as a spreadsheet counts them ({column.serial})"
    if column.unclear:
        yield f"dates in {column.name}: {column.unclear} may be several days; {_read_as(column, said)}"


def _read_as(column: "first_look.DateColumn", said: DateOrder | None) -> str:
    seen = " and ".join(f"{order} ({where})" for order, where in column.shown.items())
    if column.order.is_settled:
        return f"they are read {seen}, as the others of the column show"
    if said is not None:
        return f"they are read {said}, as you say"
    why = f"others are {seen}" if seen else "no other date of the column shows which day is meant"
    ways = " or ".join(f"--dates {order.value}" for order in DateOrder)
    return f"they are not taken, {why}; run it again with {ways}"


def _as(column: str, field: str) -> str:
    return column if column.lower().replace(" ", "_") == field else f"{column} as {field}"
