"""`contact export`, `contact consent`, `contact audit` and `contact forget`: what is kept of a person."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from bot.base.database import Database
    from bot.base.errors import FindingsError
    from bot.contacts import Browsers
    from bot.support.desk import Desk
    from bot.tables.people import Contact

cli = typer.Typer(help="What is kept of a person: a copy of it, or its end.", no_args_is_help=True)

Whom = Annotated[str, typer.Argument(metavar="WHO", help="A mail address, or KIND:VALUE such as telegram:12345.")]


@cli.command("export")
@in_words
def export(
    who: Whom,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The zip to write.")] = None,
    config: ConfigFile = None,
) -> None:
    """Write everything that is kept of a person into a zip."""
    from bot import start
    from bot.base import clock, private
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.contacts import audit
    from bot.contacts import export as copies

    async def make() -> tuple[int, bytes, int]:
        async with start.ready(settings.load(config)) as (database, ground), database.transaction() as session:
            contact, browsers = await everyone(session, who)
            if contact is None or contact.id is None:
                told = f"nobody is known by this; {len(browsers)} browsers are said to be theirs by a page only"
                raise FindingsError(Finding(f"{told}, and a copy could be of anybody", "WHO"))
            now = clock.now()
            await audit.write(session, "operator", "export", f"contact:{contact.id}", now)
            return contact.id, await copies.zipped(session, contact.id, ground.secret, now), len(browsers)

    number, data, others = asyncio.run(make())
    file = output or Path(f"contact-{number}.zip")
    private.write_bytes(file, data)
    typer.echo(f"{file} ({len(data):,} bytes)")
    if others:
        typer.echo(f"Left out: {others} browsers that are said to be theirs by a page only. They may be anybody's.")


@cli.command("consent")
@in_words
def consent(who: Whom, config: ConfigFile = None) -> None:
    """Show what an address allows, and everything that was ever said about it: when, how, from where."""
    from bot import contacts, start
    from bot.base import clock
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.contacts import audit, showing

    kind, _, value = who.partition(":") if ":" in who else ("email", "", who)
    address = contacts.normalise(kind, value)
    if address is None:
        raise FindingsError(Finding(f"{value!r} is no {kind}", "WHO"))

    async def run() -> None:
        async with start.ready(settings.load(config)) as (database, ground), database.transaction() as session:
            for line in await showing.consent_lines(session, ground, kind, address, clock.now()):
                typer.echo(line)
            found = await contacts.find(session, kind, address)
            about = f"contact:{found.id}" if found is not None else "an address of nobody we know"
            await audit.write(session, "operator", "consent", about, clock.now())

    asyncio.run(run())


@cli.command("audit")
@in_words
def noted(who: Whom, config: ConfigFile = None) -> None:
    """Show who looked into or changed what is kept of a person: orders shown and by which proof, copies, blocks."""
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.contacts import audit, showing

    async def run() -> None:
        async with start.ready(settings.load(config)) as (database, _), database.transaction() as session:
            contact, browsers = await everyone(session, who)
            if contact is not None and contact.id is not None:
                typer.echo("\n".join(await showing.audit_lines(session, contact.id) or ["Nothing is noted."]))
                await audit.write(session, "operator", "audit", f"contact:{contact.id}", clock.now())
            if browsers:
                typer.echo(f"{len(browsers)} browsers are said to be theirs by a page only. They may be anybody's.")
            for browser in browsers:
                if lines := await showing.audit_lines(session, browser):
                    typer.echo("\n".join([f"Noted of contact {browser}, such a browser:", *lines]))
                    await audit.write(session, "operator", "audit", f"contact:{browser}", clock.now())

    asyncio.run(run())


@cli.command("forget")
@in_words
def forget(
    who: Whom,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Erase what names a person, for good. A hash stays, so that nobody writes to them again."""
    from bot import contacts, start
    from bot.base import clock
    from bot.base import config as settings
    from bot.contacts import audit, belonging
    from bot.support.desk import Desk
    from bot.support.privacy import forgetting

    async def run() -> None:
        async with start.ready(settings.load(config)) as (database, ground):
            async with database.reading() as session:
                kind, value = named(who)
                known = await contacts.find(session, kind, value)
                browsers = 0 if known else await contacts.count_claimants(session, [(kind, value)])
            desk = Desk.build(ground)
            if browsers:  # nobody but pages ever named it
                told = f"{browsers} browsers that say they are of this {kind}"
                if not yes and not typer.confirm(f"Forget {told} for good?"):
                    raise typer.Exit(1)
                async with database.transaction() as session:
                    gone = await contacts.erase_claimed(session, ground.secret, kind, value, clock.now(), "operator")
                    counts = {"browsers": gone.erased, "browsers_left": gone.left}
                    await audit.write(session, "operator", "forget", f"claims of one {kind}", clock.now(), **counts)
                typer.echo(f"forgotten: {await _rest(database, desk, gone)}")
                return
            async with database.reading() as session:
                found = await find(session, who)
                assert found.id is not None
                whose = await belonging.person(session, found.id)
                browsers = await contacts.count_claimants(session, whose.known)
            told = f"contact {found.id}: {len(whose.tickets)} tickets with {len(whose.lines)} messages"
            more = f" and {browsers} browsers that only pages say are theirs" if browsers else ""
            if not yes and not typer.confirm(f"Forget {told}{more} for good?"):
                raise typer.Exit(1)
            async with database.transaction() as session:
                gone = await forgetting.forget(session, desk, found.id, "operator", clock.now())
            typer.echo(f"forgotten: {told}. Their topics in the staff group go as soon as the program runs.")
            if gone.erased or gone.left:
                typer.echo(f"forgotten: {await _rest(database, desk, gone)}")

    asyncio.run(run())


async def _rest(database: "Database", desk: "Desk", gone: "Browsers") -> str:
    """Strangers can invent any number of them: in parts, so that nobody waits. Broken off, the program goes on."""
    from bot.support.privacy import requested

    if gone.left:
        typer.echo(f"{gone.left} browsers that only pages say are theirs are being erased, part by part …")
    done = gone.erased + (await requested.finish_browsers(database, desk) if gone.left else 0)
    return f"{done} browsers that only pages said are theirs"


def named(who: str) -> tuple[str, str]:
    """Kind and normal form of what was typed."""
    from bot import contacts

    kind, _, value = who.partition(":") if ":" in who else ("email", "", who)
    return kind, contacts.normalise(kind, value) or value


async def find(session: "AsyncSession", who: str) -> "Contact":
    """Raises FindingsError when nobody is known by it."""
    from bot import contacts

    kind, value = named(who)
    found = await contacts.find(session, kind, value)
    if found is None or found.id is None:
        raise unknown(kind)
    return found


async def everyone(session: "AsyncSession", who: str) -> "tuple[Contact | None, list[int]]":
    """Who is known by it, and the browsers of which only a page said so. Raises FindingsError when there is neither."""
    from bot import contacts

    kind, value = named(who)
    known, browsers = await contacts.find_beside_claims(session, kind, value)
    if known is None and not browsers:
        raise unknown(kind)
    return known, browsers


def unknown(kind: str) -> "FindingsError":
    from bot.base.errors import Finding, FindingsError

    return FindingsError(Finding(f"nobody is known by this {kind}", "WHO"))
