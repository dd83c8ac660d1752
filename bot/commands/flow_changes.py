"""`flow pause`, `flow resume` and `flow publish`: what becomes of the people who are in a flow."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from automations.definition.flow import Flow
    from automations.definition.flow_files import Flows
    from automations.running.entering import Entering
    from bot.base.config import Config

Name = Annotated[str, typer.Argument(metavar="NAME", help="The flow: the name of its file.")]
_HOW, _LATE = ("drain", "move", "stop"), ("skip", "send")


@in_words
def pause(name: Name, config: ConfigFile = None) -> None:
    """Let a flow rest: nobody enters it, nobody moves on, and its mails wait. It also rests after a restart."""
    from automations.running import pausing
    from bot import start
    from bot.base import clock

    loaded, _ = _loaded(config, name)

    async def work() -> bool:
        async with start.ready(loaded) as (database, _), database.transaction() as session:
            return await pausing.pause(session, name, clock.now())

    rests = f"{name} rests until `aftercart flow resume {name}`; who would enter meanwhile is not taken in later"
    typer.echo(rests if asyncio.run(work()) else f"{name} rested already")


@in_words
def resume(
    name: Name,
    late: Annotated[
        str | None,
        typer.Option(metavar="skip|send", help="Mails that fell due meanwhile: none, or all. Else by max_lateness."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Let a paused flow go on."""
    from automations.running import pausing
    from bot import start
    from bot.base import clock

    _among("--late", late, _LATE)
    loaded, flows = _loaded(config, name)

    async def work() -> bool:
        async with start.ready(loaded) as (database, _), database.transaction() as session:
            return await pausing.resume(session, name, clock.now(), late)  # type: ignore[arg-type]

    went_on = asyncio.run(work())
    typer.echo(f"{name} goes on" if went_on else f"{name} was not paused")
    if not flows.by_name[name].enabled:
        typer.echo(f"but its file says enabled = false: {flows.files[name]}")


@in_words
def publish(
    name: Name,
    how: Annotated[
        str | None,
        typer.Option(
            metavar="drain|move|stop",
            help="People of older versions: go through theirs, go on in the new one, or leave. Else its on_change.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: for scripts.")] = False,
    config: ConfigFile = None,
) -> None:
    """Say how many people would enter at once, ask, and make the file of a flow the version that people enter."""
    from collections import Counter

    from automations import care
    from automations.audiences import segment_files
    from automations.audiences.members import Members
    from automations.running import entering, publishing
    from bot import start
    from bot.base import clock, texts

    _among("--how", how, _HOW)
    loaded, flows = _loaded(config, name)
    flow = flows.by_name[name]
    segments = segment_files.sound(loaded)[0]

    async def look() -> entering.Entering:
        async with start.ready(loaded) as (database, ground):
            known = care.sound(texts.folders(loaded.templates.folder))[0]
            return await entering.count(database, ground, known, flow, segments, clock.now())

    async def work() -> dict[str, Counter[str]]:
        async with start.ready(loaded) as (database, ground):
            if flow.enabled and flow.trigger.segment:
                await Members(loaded, segments, lambda: []).first_look(database, [flow.trigger.segment])
            async with database.transaction() as session:
                return await publishing.publish(
                    session, ground, flows, clock.now(), only=name, how=how  # type: ignore[arg-type]
                )  # fmt: skip

    if flow.enabled:
        _ask(flow, asyncio.run(look()), yes)
    told = asyncio.run(work()).get(name)
    typer.echo(f"{name} is published" if flows.by_name[name].enabled else f"{name} is off: enabled = false in its file")
    for what, count in sorted((told or {}).items()):
        typer.echo(f"  {count} {_WORDS[what]}")


def _ask(flow: "Flow", found: "Entering", yes: bool) -> None:
    """Raises FindingsError where nobody can be asked, and Abort for a no."""
    from automations.definition import drawing
    from automations.running.entering import DAYS
    from bot.base.errors import Finding, FindingsError

    said = f"{flow.name} starts on {drawing.starts(flow)}: "
    if found.lately is None:
        said += f"{found.now:,} people would enter within the next pass"
    else:
        said += (
            f"nobody would enter at once, whoever does that from now on may. People who did in the last {DAYS} days: "
            f"{found.lately.people:,}; who entered {flow.name} in them: {found.lately.entered:,}"
        )
    if found.inside:
        said += f"; {found.inside:,} are in the segment already and do not enter"
    typer.echo(said)
    if yes:
        return
    if not sys.stdin.isatty():
        words = "nothing is published: nobody can be asked here; say --yes if these people shall enter"
        raise FindingsError(Finding(words, "--yes"))
    typer.confirm(f"Publish {flow.name}?", abort=True)


_WORDS = {
    "moved": "go on in the new version",
    "step_removed": "left: their step is gone",
    "version_moved": "left: their step does something else now",
    "stopped": "left: the flow was stopped for them",
}


def _loaded(config: ConfigFile, name: str) -> "tuple[Config, Flows]":
    """The configuration, and every flow, this one among them."""
    from automations.definition import flow_files
    from bot.base import config as settings
    from bot.base import paths
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    loaded = settings.load(config)
    flows, wrong = flow_files.sound(flow_files.folders(loaded), flow_files.around(loaded))
    if name in flows.broken:
        raise FindingsError(*(one for one in wrong if one.file == paths.shown(flows.files[name])))
    if name not in flows.by_name:
        raise FindingsError(Finding(f"there is no flow {name!r}; {near(name, flows.by_name)}", "NAME"))
    return loaded, flows


def _among(option: str, given: str | None, known: tuple[str, ...]) -> None:
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    if given is not None and given not in known:
        raise FindingsError(Finding(f"{given!r} is not one of them; {near(given, known)}", option))
