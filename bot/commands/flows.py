"""`flow list` and `flow show`: the automations as they stand in their files."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import flow_changes, flow_test, flow_why
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from datetime import datetime

    from bot.base.config import Config

cli = typer.Typer(help="Look at the flows.", no_args_is_help=True)
cli.command("why")(flow_why.why)
cli.command("test")(flow_test.test)
cli.command("publish")(flow_changes.publish)
cli.command("pause")(flow_changes.pause)
cli.command("resume")(flow_changes.resume)


@cli.command("list")
@in_words
def list_flows(config: ConfigFile = None) -> None:
    """Every flow, what starts it, and what it sends."""
    from rich.console import Console
    from rich.table import Table

    from automations.definition import drawing, flow_files
    from bot.base import config as settings
    from bot.base import paths

    loaded = settings.load(config)
    flows = flow_files.load(flow_files.folders(loaded), flow_files.around(loaded))
    rests = _resting(loaded)
    table = Table("flow", "starts with", "steps", "mails", "file", box=None, pad_edge=False)
    for name, flow in sorted(flows.by_name.items()):
        mails = [step.send for step in flow.steps if step.send]
        table.add_row(
            f"{name}{'' if flow.enabled else ' (off)'}{' (paused)' if name in rests else ''}",
            drawing.starts(flow),
            str(len(flow.steps)),
            ", ".join(mails),
            str(paths.shown(flows.files[name])),
        )
    Console(width=None if Console().is_terminal else 160).print(table)


@cli.command("show")
@in_words
def show_flow(name: Annotated[str, typer.Argument(metavar="NAME")], config: ConfigFile = None) -> None:
    """A flow drawn step by step, and its file."""
    from automations.definition import drawing, flow_files
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError

    loaded = settings.load(config)
    flows = flow_files.load(flow_files.folders(loaded), flow_files.around(loaded))
    if name not in flows.files:
        raise FindingsError(Finding(f"no flow named {name!r}; there are {', '.join(sorted(flows.files)) or 'none'}"))
    if name in (rests := _resting(loaded)):
        typer.echo(f"paused since {rests[name]:%Y-%m-%d %H:%M} UTC: aftercart flow resume {name}")
    typer.echo("\n".join(drawing.lines(flows.by_name[name])))
    typer.echo(f"\n# {flows.files[name]}\n{flows.files[name].read_text('utf-8').rstrip()}")


def _resting(config: "Config") -> "dict[str, datetime]":
    """Which flows are paused and since when; none where there is no database yet to ask."""
    from automations.running import pausing
    from bot import migrations
    from bot.base.database import Database

    async def read() -> "dict[str, datetime]":
        database = Database(config.database.url)
        try:
            if await migrations.pending(database):
                return {}
            async with database.reading() as session:
                return await pausing.paused(session)
        except Exception:  # the files can be looked at while the database is away
            return {}
        finally:
            await database.close()

    return asyncio.run(read()) if _there(config.database.url) else {}


def _there(url: str) -> bool:
    """Looking at files must not make a database."""
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file()
