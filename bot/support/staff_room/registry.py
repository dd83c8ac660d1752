"""Every command and every button of the staff room: each feature brings its own, here they come together."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from bot.support import typed
from bot.support.desk import Desk
from bot.support.escalation import today
from bot.support.feedback import board_room, complaints, noting, ratings
from bot.support.newcomers import room as newcomers
from bot.support.privacy import exporting, forgetting
from bot.support.routing import departments, transfer
from bot.support.staff_room import (
    attendance,
    close_room,
    drafts,
    helping,
    knowing,
    language,
    macro_room,
    menus,
    queues,
    suggesting,
)
from bot.support.tickets import (
    answering,
    blocking,
    claiming,
    closing,
    floods,
    links,
    marking,
    merge_room,
    snooze,
    splitting,
    taking_back,
)
from bot.support.training import drills

_FEATURES = (
    answering,
    claiming,
    closing,
    transfer,
    attendance,
    close_room,
    queues,
    today,
    snooze,
    marking,
    links,
    merge_room,
    splitting,
    taking_back,
    blocking,
    floods,
    drafts,
    knowing,
    language,
    macro_room,
    menus,
    suggesting,
    ratings,
    complaints,
    noting,
    board_room,
    exporting,
    forgetting,
    drills,
    newcomers,
)


async def _help(session: AsyncSession, said: typed.Typed) -> str:
    return helping.told(said.desk, COMMANDS.values(), said.ticket is not None)


def _commands() -> dict[str, typed.Command]:
    brought = {command.name: command for feature in _FEATURES for command in getattr(feature, "COMMANDS", ())}
    return {**brought, "help": typed.Command("help", _help, "anywhere")}


def _buttons() -> dict[str, typed.Button]:
    return {verb: run for feature in _FEATURES for verb, run in getattr(feature, "BUTTONS", {}).items()}


COMMANDS: Mapping[str, typed.Command] = _commands()
BUTTONS: typed.Buttons = _buttons()


async def run(session: AsyncSession, name: str, said: typed.Typed) -> str | None:
    """Do the command; returns words to answer with. One that does not fit the place says so."""
    command = COMMANDS.get(name)
    if command is None:
        return _unknown(said.desk, name)
    if command.where == "topic" and said.ticket is None:
        return said.desk.staff("group.topic_only", command=f"/{name}")
    if command.lead and not departments.is_lead(said.desk, said.staff):
        return said.desk.staff("group.leads_only", command=f"/{name}")
    return await command.run(session, said)


def _unknown(desk: Desk, name: str) -> str:
    near = helping.nearest(name, COMMANDS)
    if near is None:
        return desk.staff("group.unknown_command", command=f"/{name[:40]}")
    return desk.staff("group.did_you_mean", command=f"/{name[:40]}", other=f"/{near}")


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
    ours = version == "1" and typed.is_id(number) and (typed.is_id(extra) or not extra.isdecimal())
    return (verb, int(number), extra) if ours else None
