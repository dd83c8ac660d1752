"""`flow list` and `flow show`: the automations as they stand in their files."""

from typing import Annotated

import typer

from bot.commands import flow_changes, flow_test, flow_why
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

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
    table = Table("flow", "starts with", "steps", "mails", "file", box=None, pad_edge=False)
    for name, flow in sorted(flows.by_name.items()):
        mails = [step.send for step in flow.steps if step.send]
        table.add_row(
            name if flow.enabled else f"{name} (off)",
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
    typer.echo("\n".join(drawing.lines(flows.by_name[name])))
    typer.echo(f"\n# {flows.files[name]}\n{flows.files[name].read_text('utf-8').rstrip()}")
