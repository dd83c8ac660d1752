"""`broadcast …`: one mail to everybody in a segment, from a look at it to its figures."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from automations.audiences.segment_files import Segments
    from automations.broadcasts.broadcast_files import Around
    from automations.broadcasts.control import Standing
    from automations.broadcasts.preview import Preview
    from bot.base.config import Config
    from bot.outbound.email.templates import MailTemplates

cli = typer.Typer(help="Write to everybody in a segment.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The broadcast: the name of its file.")]


@cli.command("list")
@in_words
def list_broadcasts(config: ConfigFile = None) -> None:
    """Every broadcast, how it stands, and how many have got it (as of its last count)."""
    from automations.broadcasts import control

    loaded, _, _ = _read(config)

    async def read(session: "AsyncSession") -> "dict[str, Standing | None]":
        return await control.every(session, loaded)

    rows = []
    for name, one in sorted(asyncio.run(_inside(loaded, read, writes=False)).items()):
        if one is None:
            rows.append((name, "", "draft", "", "", ""))
            continue
        counts = one.counts or {}
        sent = f"{counts['sent']:,} of {counts['enrolled']:,}" if counts else ""
        rows.append((name, one.broadcast.title, one.status, one.broadcast.segment, control.when(one, loaded), sent))
    tables.show("Broadcasts", ("broadcast", "title", "status", "segment", "when", "sent"), rows)


@cli.command("check")
@in_words
def check(name: Name, config: ConfigFile = None) -> None:
    """Everything wrong with its file, one line each, and whether its time is past."""
    from automations.broadcasts import broadcast_files, control
    from bot.base import clock, paths
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    loaded, around, _ = _read(config)
    found = broadcast_files.load_one(loaded, name, around)
    if found is None:
        known = broadcast_files.names(loaded)
        more = f"; {near(name, known)}" if known else " in automations.broadcasts_folder"
        raise FindingsError(Finding(f"there is no file {name}.toml{more}"))
    if wrong := control.untimely(found.broadcast, loaded, clock.now()):
        raise FindingsError(replace(wrong, file=found.file and paths.shown(found.file)))
    typer.echo(f"{name} can be started")


@cli.command("preview")
@in_words
def preview(name: Name, config: ConfigFile = None) -> None:
    """How many are in its segment now, five of them, and the mail as the first would get it. Nothing is sent."""
    from automations.broadcasts import control
    from automations.broadcasts import preview as looking
    from bot import start
    from bot.base import clock
    from bot.outbound.previews import Previews

    loaded, around, mails = _read(config)
    known = _segments(loaded)

    async def look() -> "tuple[Standing, Preview]":
        with Previews() as previews:
            async with start.ready(loaded) as (database, ground), database.reading() as session:
                standing = await control.find(session, loaded, name, around)
                return standing, await looking.look(session, ground, known, mails, standing, clock.now(), previews)

    standing, found = asyncio.run(look())
    typer.echo(f"{found.people:,} in {standing.broadcast.segment}; goes {control.when(standing, loaded)}")
    typer.echo("Who of them allows mail, is awake and has had enough of it is asked when each mail leaves.")
    rows = [(one.contact_id, one.name, one.address, ", ".join(one.why)) for one in found.samples]
    tables.show("Some of them", ("contact", "name", "email", "because"), rows)
    for arm, mail in found.mails.items():
        typer.echo(f"\n{f'{arm}: ' if arm else ''}{mail.subject}   (to {found.reader})\n\n{mail.text.rstrip()}")


@cli.command("start")
@in_words
def start_it(
    name: Name,
    at: Annotated[str | None, typer.Option(help='A local time instead of its `when`: "2026-12-01 10:00".')] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Let it go, if its mail can be written. It asks for the number of people, so that no slip starts the wrong one."""
    from automations.broadcasts import broadcast, control
    from automations.broadcasts import preview as looking
    from bot import start
    from bot.base import clock
    from bot.base.errors import Finding, FindingsError
    from bot.outbound.previews import Previews

    loaded, around, mails = _read(config)
    known = _segments(loaded)
    try:
        local = broadcast.local_time(at) if at else None
    except ValueError as error:
        raise FindingsError(Finding(str(error), "--at")) from None

    async def count() -> "tuple[Standing, int]":
        with Previews() as previews:
            async with start.ready(loaded) as (database, ground), database.reading() as session:
                standing = await control.find(session, loaded, name, around)
                seen = await looking.look(session, ground, known, mails, standing, clock.now(), previews)
                return standing, seen.people

    async def go(session: "AsyncSession") -> str:
        standing = await control.find(session, loaded, name, around)
        return control.of_utc(await control.start(session, loaded, standing, clock.now(), local))

    standing, people = asyncio.run(count())
    if not yes:
        typer.echo(f"{standing.broadcast.title}: {people:,} in {standing.broadcast.segment}")
        if typer.prompt("Type that number to start").strip().replace(",", "") != str(people):
            raise FindingsError(Finding("that is not the number; nothing was started"))
    typer.echo(f"{name} is on its way to {people:,}; the first mail may leave at {asyncio.run(_inside(loaded, go))}")


@cli.command("pause")
@in_words
def pause(name: Name, config: ConfigFile = None) -> None:
    """Nothing leaves until it is resumed; mails that were queued wait as well."""
    from automations.broadcasts import control
    from bot.base import clock

    loaded, _, _ = _read(config)
    asyncio.run(_inside(loaded, lambda session: control.pause(session, name, clock.now())))
    typer.echo(f"{name} rests until `aftercart broadcast resume {name}`")


@cli.command("resume")
@in_words
def resume(
    name: Name,
    late: Annotated[
        str | None,
        typer.Option(metavar="skip|send", help="Mails that fell due meanwhile: none, or all. Else by max_lateness."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Let a paused one go on."""
    from automations.broadcasts import control
    from bot.base import clock
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    if late not in (None, "skip", "send"):
        raise FindingsError(Finding(f"{late!r} is not one of them; {near(late or '', ('skip', 'send'))}", "--late"))
    loaded, _, _ = _read(config)
    how: Any = late
    asyncio.run(_inside(loaded, lambda session: control.resume(session, name, clock.now(), how)))
    typer.echo(f"{name} goes on")


@cli.command("cancel")
@in_words
def cancel(name: Name, config: ConfigFile = None) -> None:
    """Whoever has not got it will not."""
    from automations.broadcasts import control
    from bot.base import clock

    loaded, _, _ = _read(config)
    asyncio.run(_inside(loaded, lambda session: control.cancel(session, name, clock.now())))
    typer.echo(f"{name} is cancelled: nothing more leaves")


@cli.command("show")
@in_words
def show(name: Name, config: ConfigFile = None) -> None:
    """How far it is, counted now, and what came of it."""
    from automations.broadcasts import control
    from bot.base import clock

    loaded, around, _ = _read(config)

    async def read(session: "AsyncSession") -> "Standing":
        return await control.counted(session, await control.find(session, loaded, name, around), clock.now())

    for line in _told(asyncio.run(_inside(loaded, read, writes=False)), loaded):
        typer.echo(line)


def _told(one: "Standing", config: "Config") -> list[str]:
    from automations.broadcasts import control
    from automations.reports import reasons
    from bot.base import clock, money, texts
    from bot.base.texts import Texts

    made, row, counts = one.broadcast, one.row or {}, one.counts
    lines = [f"{made.name} ({one.status}): {made.title}", f"to {made.segment}, {control.when(one, config)}"]
    if row.get("error"):
        lines.append(f"it cannot go on: {row['error']}")
    if row.get("status") == "preparing":
        lines.append(f"{row['enrolled']:,} of about {row['expected']:,} people are made ready")
    if counts:
        counted = [f"{counts[key]:,} {key}" for key in ("sent", "withheld", "failed", "unknown") if counts[key]]
        skipped = sorted(counts["skipped"].items(), key=lambda one: -one[1])
        counted += [f"{sum(counts['skipped'].values()):,} not sent"] if skipped else []
        lines.append(f"{counts['enrolled']:,} people: {', '.join(counted) or 'nobody has got it yet'}")
        say = partial(reasons.of_count, Texts(texts.folders(config.templates.folder)), config.shop.language)
        lines += [f"    {n:,} × {say(reason)}" for reason, n in skipped]
        if waiting := counts["waiting"] + counts["leaving"]:
            rest = f", {counts['resting']:,} of them for the test" if counts["resting"] else ""
            end = f"; through at about {control.of_utc(clock.parse(counts['finish']))}" if counts["finish"] else ""
            lines.append(f"{waiting:,} wait{rest}{end}")
        spent = ", ".join(money.shown(amount, currency, "en") for currency, amount in counts["revenue"].items())
        lines.append(
            f"{counts['clicks']:,} clicked, {counts['orders']:,} orders credited{f': {spent}' if spent else ''}"
        )
    return lines + _decided(row.get("decision") or {})


_WHY = {
    "best": "did best so far",
    "tie": "goes because the best did equally well: it is the first of them in the file",
    "too_little": "goes because too little was seen to choose: it is the first in the file",
}


def _decided(decision: dict[str, Any]) -> list[str]:
    if not decision:
        return []
    arms = [f"  {name}: {arm['did']:,} of {arm['people']:,}" for name, arm in decision["arms"].items()]
    words = f"test by {decision['metric']}: {decision['arm']} {_WHY[decision['why']]}"
    return [words, *arms, "This makes the most of one mail; it does not prove that one is better."]


def _read(config: ConfigFile) -> "tuple[Config, Around, MailTemplates]":
    from automations.broadcasts import broadcast_files
    from automations.subjects.wordings import Wordings
    from bot.base import config as settings
    from bot.base import texts
    from bot.outbound.email.templates import MailTemplates

    loaded = settings.load(config)
    mails = MailTemplates(texts.folders(loaded.templates.folder), loaded.shop.language)
    return loaded, broadcast_files.around(loaded, mails.names(), Wordings(mails.folders)), mails


def _segments(config: "Config") -> "Segments":
    from automations.audiences import segment_files

    return segment_files.load(config)


async def _inside(config: "Config", act: "Callable[[AsyncSession], Awaitable[Any]]", *, writes: bool = True) -> Any:
    from bot import start

    async with start.ready(config) as (database, _):
        opened = database.transaction() if writes else database.reading()
        async with opened as session:
            return await act(session)
