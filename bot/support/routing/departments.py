"""The departments of the house: which one a ticket is for, who belongs to it, who leads it."""

from collections.abc import Collection

from rapidfuzz import fuzz, process, utils

from bot.base.config import Config, Department
from bot.support.desk import Desk
from bot.tables.chat import StaffMember
from bot.tables.support import Ticket

MAIN = ""
"""The desk in the main staff group: the only one without departments, else for what fits none of them."""

_ALIKE = 75


def named(desk: Desk, name: str) -> Department | None:
    """None for the main desk, and for a department that the configuration does not have any more."""
    return next((one for one in desk.ground.config.support.departments if one.name == name), None)


def choose(config: Config, ticket: Ticket) -> str:
    """The first department of the file that fits by language, tier, channel and kind; else the main desk.

    Without a main staff group the last department takes what fits none.
    """
    departments = config.support.departments
    for one in departments:
        if (
            _fits(ticket.language, one.languages)
            and _fits(ticket.tier.casefold(), [tier.casefold() for tier in one.tiers])
            and _fits(ticket.channel, one.channels)
            and _fits(ticket.kind, one.kinds)
        ):
            return one.name
    return departments[-1].name if departments and config.telegram.staff_chat_id is None else MAIN


def _fits(value: str, wanted: Collection[str]) -> bool:
    return not wanted or value in wanted


def names(desk: Desk) -> list[str]:
    """Every department that a ticket can be given to, in the order of the file, the main desk last."""
    config = desk.ground.config
    own = [one.name for one in config.support.departments]
    return [*own, MAIN] if config.telegram.staff_chat_id is not None or not own else own


def title(desk: Desk, name: str) -> str:
    """What staff call it; a department that is gone keeps its short name."""
    if name == MAIN:
        return desk.staff("department.main")
    found = named(desk, name)
    return (found.title if found else "") or name


def find(desk: Desk, words: str) -> list[str]:
    """The departments that these words may mean, likeliest first: one if they name it, several when it is unclear."""
    known = {name: title(desk, name) for name in names(desk)}
    asked = words.strip().casefold()
    exact = [name for name, shown in known.items() if asked in ((name or "main"), shown.casefold())]
    if exact:
        return exact[:1]
    spoken = {name: f"{name} {shown}" for name, shown in known.items()}
    near = process.extract(
        asked, spoken, scorer=fuzz.partial_ratio, processor=utils.default_process, score_cutoff=_ALIKE
    )
    return [name for _words, _score, name in near]


def belongs(desk: Desk, name: str, staff: StaffMember, groups: Collection[int]) -> bool:
    """Whether a colleague answers for the department: named as a member or lead, or seen in `groups`, its own.

    Without any department everybody does.
    """
    config, found = desk.ground.config.support, named(desk, name)
    if not config.departments:
        return True
    if found is not None and found.members:
        return staff.telegram_id in (*found.members, *found.leads)
    return any(group in groups for group in staff.groups)


def leads(desk: Desk, name: str) -> tuple[int, ...]:
    """Telegram ids of who leads the department; of every lead there is when it has none of its own."""
    found = named(desk, name)
    if found is not None and found.leads:
        return found.leads
    return tuple(dict.fromkeys(lead for one in desk.ground.config.support.departments for lead in one.leads))


def is_lead(desk: Desk, staff: StaffMember) -> bool:
    """A lead of any department. Where nobody leads anything, everybody may do what leads may."""
    every = {lead for one in desk.ground.config.support.departments for lead in one.leads}
    return not every or staff.telegram_id in every
