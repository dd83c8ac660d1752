"""`segment list`, `segment show` and `segment count`: who is meant, before anything is sent to them."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from automations.audiences.preview import Sample
    from automations.audiences.segment import Segment
    from automations.audiences.segment_files import Segments
    from bot.base.config import Config
    from bot.base.errors import Finding

cli = typer.Typer(help="Look at the segments of customers.", no_args_is_help=True)


@cli.command("list")
@in_words
def list_segments(config: ConfigFile = None) -> None:
    """Every segment, how many are in it, and its file."""
    from automations.audiences import preview, segment_files
    from automations.audiences.compiling import Compiler
    from bot import start
    from bot.base import clock, paths
    from bot.base import config as settings

    loaded = settings.load(config)
    known = segment_files.load(loaded)

    async def read() -> dict[str, int]:
        async with start.ready(loaded) as (database, _ground), database.reading() as session:
            compiler = Compiler(known, loaded, clock.now())
            return {name: await preview.count(session, compiler, known.by_name[name]) for name in known}

    counts = asyncio.run(read())
    rows = [
        (name, known.by_name[name].title, f"{counts[name]:,}", str(paths.shown(known.files[name])))
        for name in sorted(known)
    ]
    tables.show("Segments", ("segment", "title", "contacts", "file"), rows)


@cli.command("show")
@in_words
def show(name: Annotated[str, typer.Argument(metavar="NAME")], config: ConfigFile = None) -> None:
    """A segment: its file, how many are in it, and ten of them with the reasons why."""
    from automations.audiences import segment_files
    from bot.base import config as settings
    from bot.base import paths
    from bot.base.errors import Finding, FindingsError

    loaded = settings.load(config)
    known, wrong = segment_files.sound(loaded)
    if name not in known.files:
        there = ", ".join(sorted(known.files)) or "none"
        raise FindingsError(Finding(f"no segment named {name!r}; there are {there}"))
    if name not in known.by_name:  # its own mistakes, or those of the one it names
        own = [one for one in wrong if one.file == paths.shown(known.files[name])]
        raise FindingsError(*(own or wrong))
    typer.echo(f"# {known.files[name]}\n{known.files[name].read_text('utf-8').rstrip()}\n")
    _preview(loaded, known, known.by_name[name], name)
    _others(wrong)


@cli.command("count")
@in_words
def count(file: Annotated[Path, typer.Argument(metavar="FILE")], config: ConfigFile = None) -> None:
    """How many a file of yours would mean, and ten of them: it need not be in use."""
    from automations.audiences import segment_files
    from bot.base import config as settings
    from bot.base import paths

    loaded = settings.load(config)
    known, wrong = segment_files.sound(loaded)
    _preview(loaded, known, segment_files.load_file(file, loaded, known), file.stem)
    _others([one for one in wrong if one.file != paths.shown(file)])


def _others(wrong: "list[Finding]") -> None:
    """Below what was asked for: nothing new starts while these stand there."""
    sys.stdout.flush()
    for one in wrong:
        typer.echo(str(one), err=True)


def _preview(loaded: "Config", known: "Segments", segment: "Segment", name: str) -> None:
    from automations.audiences import preview
    from automations.audiences.compiling import Compiler
    from bot import start
    from bot.base import clock

    async def read() -> "tuple[int, int, list[Sample]]":
        async with start.ready(loaded) as (database, _ground), database.reading() as session:
            compiler = Compiler(known, loaded, clock.now())
            found = await preview.count(session, compiler, segment)
            return found, await preview.everybody(session), await preview.sample(session, compiler, segment)

    found, everybody, shown = asyncio.run(read())
    share = f", {found / everybody:.1%}" if everybody else ""
    title = f"{segment.title or name}: {found:,} of {everybody:,} contacts{share}"
    rows = [(one.contact_id, one.name or "-", one.address or "-", "; ".join(one.why)) for one in shown]
    tables.show(title, ("contact", "name", "mail", "why"), rows)
