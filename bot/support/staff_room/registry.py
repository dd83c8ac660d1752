"""Every command and every button of the staff room: each feature brings its own, here they come together."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import typed
from bot.support.sla import clocks
from bot.support.tickets import answering, claiming, closing

_FEATURES = (answering, claiming, closing, clocks)


def _commands() -> dict[str, typed.Command]:
    return {command.name: command for feature in _FEATURES for command in getattr(feature, "COMMANDS", ())}


def _buttons() -> dict[str, typed.Button]:
    return {verb: run for feature in _FEATURES for verb, run in getattr(feature, "BUTTONS", {}).items()}


COMMANDS: Mapping[str, typed.Command] = _commands()
BUTTONS: typed.Buttons = _buttons()


async def run(session: AsyncSession, name: str, said: typed.Typed) -> str | None:
    """Do the command; returns words to answer with. One that does not fit the place says so."""
    command = COMMANDS.get(name)
    if command is None:
        return said.desk.staff("group.unknown_command", command=f"/{name}")
    if command.where == "topic" and said.ticket is None:
        return said.desk.staff("group.topic_only", command=f"/{name}")
    return await command.run(session, said)


async def press(session: AsyncSession, data: str, pressed: typed.Pressed) -> str | None:
    """Do what the button says; returns words to show in passing. `pressed` brings who and where."""
    parsed = parse(data)
    if parsed is None or parsed[0] not in BUTTONS:
        return pressed.desk.staff("pressed.gone")
    verb, number, extra = parsed
    return await BUTTONS[verb](session, replace(pressed, verb=verb, id=number, extra=extra))


def parse(data: str) -> tuple[str, int, str] | None:
    """`1:verb:id[:extra]` in parts; None for what is no button of ours."""
    version, _, rest = data.partition(":")
    verb, _, rest = rest.partition(":")
    number, _, extra = rest.partition(":")
    return (verb, int(number), extra) if version == "1" and number.isdecimal() else None
