"""`check`: everything that would keep the program from doing its work, one line each."""

import asyncio

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile


@in_words
def check(config: ConfigFile = None) -> None:
    """Check config, flows, templates, answers and connections. Exit status 1 if something must be mended."""
    from bot import checks
    from bot.base import config as settings

    loaded = settings.load(config)
    findings = asyncio.run(checks.everything(loaded))
    for finding in findings:
        typer.echo(f"{finding}{' (warning)' if finding.warning else ''}")
    wrong = sum(not finding.warning for finding in findings)
    if wrong:
        typer.echo(f"{wrong} to mend", err=True)
        raise typer.Exit(1)
    off = loaded.off()
    typer.echo("all is well" + (f"; off until it is set: {', '.join(off)}" if off else ""))
