"""`run` and `demo`: the program itself."""

import asyncio
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile


class Part(StrEnum):
    web = "web"
    telegram = "telegram"
    mailbox = "mailbox"
    work = "work"


@in_words
def run(
    config: ConfigFile = None,
    only: Annotated[
        list[Part] | None, typer.Option("--only", help="Only this part; repeat it for several. Without it: all.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run the program until it is stopped (Ctrl-C, SIGTERM)."""
    from bot.app import App
    from bot.base import config as settings
    from bot.base import logs

    logs.set_up(level="DEBUG" if verbose else "INFO")
    loaded = settings.load(config)

    async def main() -> None:
        stop = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
        await App(loaded).run({part.value for part in only or ()}, stop)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


@in_words
def demo(
    serve: Annotated[bool, typer.Option("--serve", help="Keep it running afterwards.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where mails and the report go.")
    ] = None,
) -> None:
    """Play a day of a sample shop: no account, no network, about a minute."""
    from bot.demo import story

    sys.exit(story.play(folder=folder, serve=serve))
