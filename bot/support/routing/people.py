"""Colleagues by what others call them."""

from collections.abc import Sequence

from rapidfuzz import fuzz, process, utils
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbound import staff_group
from bot.support.desk import Desk
from bot.support.routing import departments, presence
from bot.tables.chat import StaffMember

_ALIKE = 70.0
_AHEAD = 12.0  # so much more alike than the next: surely meant


async def who(session: AsyncSession, desk: Desk, department: str) -> list[StaffMember]:
    """Everybody who answers for the department, here or not, by id."""
    config = desk.ground.config
    groups = await staff_group.of(session, config, department) if config.support.departments else ()
    return [
        one for one in await presence.everybody(session) if departments.belongs(desk, department, one, groups)
    ]  # fmt: skip


def find(among: Sequence[StaffMember], asked: str) -> list[StaffMember]:
    """Whom `@username`, a name or a part of one may mean: one when it is clear, several when not, none."""
    words = asked.strip().removeprefix("@").casefold()
    if not words:
        return []
    exact = [one for one in among if words in ((one.username or "").casefold(), one.name.casefold())]
    if exact:
        return exact
    if asked.strip().startswith("@"):
        return []  # a username is exact, or somebody else's
    names = {index: one.name for index, one in enumerate(among)}
    near = process.extract(words, names, scorer=_score, processor=utils.default_process, score_cutoff=_ALIKE, limit=5)
    if len(near) > 1 and near[0][1] - near[1][1] >= _AHEAD:
        near = near[:1]
    return [among[index] for _name, _score_, index in near]


def _score(asked: str, name: str, **_more: object) -> float:
    """Most for a part of the name, such as the first name; typing errors cost."""
    return max(fuzz.ratio(asked, part) for part in (name, *name.split()))
