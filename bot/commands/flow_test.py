"""`flow test`: run a flow over what happened, and see who would have got what and when, and what stopped whom."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from automations.backtest.outcome import Line, Outcome
    from automations.definition.flow_files import Flows
    from bot.base.config import Config
    from bot.base.database import Database
    from bot.base.ground import Ground

_MOST = 200  # lines of one list; --json has them all


@in_words
def test(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    since: Annotated[str, typer.Option(help="How far back, such as 30d.")] = "30d",
    file: Annotated[Path | None, typer.Option(help="A file with another version of the flow, to run instead.")] = None,
    against: Annotated[Path | None, typer.Option(help="A file with a version to compare with.")] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Without the other flows and their mails.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of words.")] = False,
    config: ConfigFile = None,
) -> None:
    """Run a flow over the recorded events with a moving clock. Nothing is sent, and nothing here is changed."""
    from automations.backtest import outcome
    from automations.reports import reasons
    from bot import start
    from bot.base import clock, logs, texts
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.base.texts import Texts

    logs.set_up(level="CRITICAL")  # it would tell of the replay as if it were real
    loaded = settings.load(config)
    try:
        span = clock.duration(since)
    except ValueError as error:
        raise FindingsError(Finding(str(error), "--since")) from None

    async def run() -> "list[tuple[str, Outcome, dict[int, str]]]":
        found = []
        async with start.ready(loaded) as (database, ground):
            until = clock.now()
            for label, used in (("as it is", file), ("the other", against)):
                if label == "the other" and against is None:
                    continue
                flows = _flows(loaded, name, used, alone)
                told, people = await _replayed(database, ground, flows, name, until - span, until, not as_json)
                found.append((str(used) if used else label, told, people))
        return found

    found = asyncio.run(run())
    label, told, people = found[0]
    differences = outcome.compare(told, found[1][1]) if len(found) > 1 else []
    if as_json:
        rows = {one[0]: {**asdict(one[1]), "stopped": dict(one[1].stopped)} for one in found}
        typer.echo(json.dumps({"versions": rows, "differences": [asdict(one) for one in differences]}, default=str))
        return
    words = Texts(texts.folders(loaded.templates.folder))
    lines = list(_told(name, label, told, people, partial(reasons.of_count, words, loaded.shop.language)))
    if len(found) > 1:
        lines += list(_compared(found, differences))
    typer.echo("\n".join(lines))


def _flows(config: "Config", name: str, file: Path | None, alone: bool) -> "Flows":
    """The flows of the shop, with the named one taken from `file` if there is one. Raises FindingsError."""
    from automations.definition import flow_files
    from automations.definition.flow_files import Flows
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    around = flow_files.around(config)
    flows = flow_files.load(flow_files.folders(config), around)
    if file is not None:
        other = flow_files.load_one(file, name, around)
        if name in flows.by_name and other[0].about != flows.by_name[name].about:
            words = f"this is a flow about {other[0].about}, and {name} is about {flows.by_name[name].about}"
            raise FindingsError(Finding(words, file))
        flows = Flows({**flows.by_name, name: other[0]}, {**flows.definitions, name: other[1]}, flows.files)
    if name not in flows.by_name:
        raise FindingsError(Finding(f"there is no flow {name!r}; {near(name, flows.by_name)}", "NAME"))
    if alone:
        flows = Flows({name: flows.by_name[name]}, {name: flows.definitions[name]}, flows.files)
    return flows


async def _replayed(
    database: "Database", ground: "Ground", flows: "Flows", name: str, since: datetime, until: datetime, talk: bool
) -> "tuple[Outcome, dict[int, str]]":
    from automations import care
    from automations.backtest import outcome, past
    from automations.backtest.replay import Replay
    from bot.base import texts
    from bot.outbound.email.templates import MailTemplates

    folders = texts.folders(ground.config.templates.folder)
    mails = MailTemplates(folders, ground.config.shop.language)
    async with past.copied(database, since, until) as found:
        progress = _progress(since, until) if talk else lambda _: None
        replay = Replay(found, ground, flows, care.sound(folders)[0], mails, since, until, progress)
        await replay.run()
        async with found.database.reading() as session:
            told = await outcome.read(session, name, replay.taker.subjects)
            return told, await outcome.addresses(session, {line.contact_id for line in told.lines})


def _progress(since: datetime, until: datetime) -> Callable[[datetime], None]:
    """The day that the clock has come to, on a terminal."""
    shown: list[Any] = [None]

    def tell(at: datetime) -> None:
        if sys.stderr.isatty() and at.date() != shown[0]:
            shown[0] = at.date()
            part = max(0.0, (at - since) / (until - since))
            typer.echo(f"\r{at:%Y-%m-%d} {part:4.0%}", nl=False, err=True)

    return tell


def _told(name: str, label: str, told: "Outcome", people: dict[int, str], say: Callable[..., str]) -> Iterator[str]:
    yield f"{name} ({label}): {told.entered} entered, {len(told.sent)} messages would have left"
    for words, counted in (("stopped", told.stopped), ("ended", told.ended), ("did not enter", told.refused)):
        if counted:
            yield f"    {words}:"
        for reason, count in sorted(counted.items(), key=lambda one: -one[1]):
            yield f"        {count} × {say(reason, ended=words == 'ended')}"
    for line in told.lines[:_MOST]:
        yield f"    {line.at:%Y-%m-%d %H:%M} UTC  {people.get(line.contact_id, line.contact_id)}  {_line(line, say)}"
    if len(told.lines) > _MOST:
        yield f"    and {len(told.lines) - _MOST} more; --json has them all"


def _line(line: "Line", say: Callable[..., str]) -> str:
    if line.status == "sent":
        return f"{line.step}: {line.subject}"
    ahead = line.status in ("planned", "deferred")
    return f"{line.step}: {'still ahead' if ahead else f'not sent: {say(line.reason or line.status)}'}"


def _compared(found: "list[tuple[str, Outcome, dict[int, str]]]", differences: "list[Any]") -> Iterator[str]:
    (one, before, people), (other, after, more) = found
    yield ""
    yield f"{one}: {len(before.sent)} messages. {other}: {len(after.sent)}. Different for {len(differences)}:"
    names = {**more, **people}
    for change in differences[:_MOST]:
        who = names.get(change.contact_id, change.contact_id)
        if change.shift is not None:
            moved = f"{change.before.at:%Y-%m-%d %H:%M} → {change.after.at:%Y-%m-%d %H:%M} UTC"
            yield f"    {who}  {change.step}: {moved}"
        else:
            line = change.before or change.after
            only = one if change.before else other
            yield f"    {who}  {change.step}: only {only} sends it ({line.at:%Y-%m-%d %H:%M} UTC)"
