"""`flow why`: why somebody did or did not get a mail, as it was decided then, and what is coming next."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.contacts import Whom, find
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile

if TYPE_CHECKING:
    from automations.reports.coming import Coming
    from automations.reports.why import Explained, Refused


@in_words
def why(
    who: Whom,
    flow: Annotated[str | None, typer.Argument(metavar="[FLOW]", help="Only this flow.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of words.")] = False,
    config: ConfigFile = None,
) -> None:
    """Every mail that somebody did or did not get, each answer of the gate, and what is coming."""
    from automations.definition import flow_files
    from automations.reports import coming, why
    from bot import start
    from bot.base import clock
    from bot.base import config as settings
    from bot.base.errors import Finding, FindingsError
    from bot.base.toml_source import near

    loaded = settings.load(config)
    known = flow_files.load(flow_files.folders(loaded)).by_name
    if flow is not None and flow not in known and not flow.startswith("broadcast"):
        raise FindingsError(Finding(f"there is no flow {flow!r}; {near(flow, known)}", "FLOW"))

    async def read() -> "tuple[list[Explained], list[Refused], list[Coming]]":
        async with start.ready(loaded) as (database, _), database.reading() as session:
            person = await find(session, who)
            assert person.id is not None
            ahead = await coming.coming(session, loaded, person.id, clock.now())
            told = await why.explain(session, person.id, flow)
            refused = await why.refused(session, person.id, flow)
            return told, refused, [one for one in ahead if flow in (None, one.flow)]

    told, refused, ahead = asyncio.run(read())
    if as_json:
        found = {
            "mails": [asdict(one) for one in told],
            "refused": [asdict(one) for one in refused],
            "coming": [asdict(one) for one in ahead],
        }
        typer.echo(json.dumps(found, default=str))
        return
    for line in [*_mails(told), *_refused(refused, told), *_coming(ahead)]:
        typer.echo(line)


def _mails(told: "list[Explained]") -> Iterator[str]:
    if not told:
        yield "No flow was entered."
    for number, one in enumerate(told):
        if number == 0 or told[number - 1].enrolment_id != one.enrolment_id:
            yield f"{one.flow}: entered {_moment(one.entered_at)}, {_end(one)}"
        if one.message_id is None:
            yield "    no mail yet"
            continue
        yield f"    {one.step} ({one.template or 'not written'}): {_status(one)}"
        for answer in one.answers:
            if answer.said is False:
                said = ", ".join(f"{name} {value}" for name, value in answer.detail.items() if name != "reason")
                yield f"        {answer.question}: no, {answer.detail.get('reason', '')}{f' ({said})' if said else ''}"
        passed = [answer.question for answer in one.answers if answer.said]
        if passed:
            yield f"        yes to {', '.join(passed)}"


def _end(one: "Explained") -> str:
    words = {"active": "still inside", "finished": "went through to the end", "failed": "given up after errors"}
    if one.enrolment_status == "exited":
        event = f", by event {one.exit_event_id}" if one.exit_event_id else ""
        return f"left: {one.exit_reason}{event}"
    return words.get(one.enrolment_status, one.enrolment_status)


def _status(one: "Explained") -> str:
    at = f" {_moment(one.settled_at)}" if one.settled_at else ""
    because = f": {one.reason}" if one.reason else ""
    return f"{one.status}{at}{because}"


def _refused(refused: "list[Refused]", told: "list[Explained]") -> Iterator[str]:
    inside = {one.flow for one in told}
    for one in refused:
        again = " again" if one.flow in inside else ""
        times = f", {one.times} times so far" if one.times > 1 else ""
        yield f"{one.flow}: not entered{again}: {one.reason} ({_moment(one.at)}{times})"


def _coming(ahead: "list[Coming]") -> Iterator[str]:
    yield "Coming:" if ahead else "Nothing is coming."
    for one in ahead:
        at = f"{_moment(one.at)}" if one.at else "not before it goes on"
        depends = f", depends on {one.depends}" if one.depends else ""
        yield f"    {at}  {one.flow}, {one.step}: {one.what}{depends}"


def _moment(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
