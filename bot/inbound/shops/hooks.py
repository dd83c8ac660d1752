"""The webhooks that the shop sends us: what is missing is made, what was switched off is woken, others are left."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.base import logs
from bot.base.errors import Finding
from bot.inbound.shops.connection import ShopApiError
from bot.inbound.shops.shop import Hook, Shop

log = logs.get(__name__)

_TRIES = 3


@dataclass
class Hooks:
    """Topics, and how many webhooks of the shop are not ours."""

    present: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    asleep: list[Hook] = field(default_factory=list)
    foreign: int = 0
    failed: list[Finding] = field(default_factory=list)


async def look(shop: Shop, base: str) -> Hooks:
    """What there is of what we hear of. `base` is the address of this program."""
    return _sorted(shop, base, await shop.hooks())


def _sorted(shop: Shop, base: str, there: Sequence[Hook]) -> Hooks:
    found = Hooks()
    wanted = {topic: shop.url_of(topic, base) for topic in shop.topics}
    awake = {hook.topic for hook in there if hook.active and wanted.get(hook.topic) == hook.url}
    found.foreign = sum(wanted.get(hook.topic) != hook.url for hook in there)
    asleep = {hook.topic: hook for hook in there if not hook.active and wanted.get(hook.topic) == hook.url}
    for topic in wanted:
        if topic in awake:
            found.present.append(topic)
        elif topic in asleep:
            found.asleep.append(asleep[topic])
        else:
            found.missing.append(topic)
    return found


async def make(shop: Shop, base: str) -> Hooks:
    """Make and wake; returns what was missing and asleep, with what could not be made in `failed`."""
    before = await look(shop, base)
    for hook in before.asleep:
        await shop.wake_hook(hook)
    todo, failed = list(before.missing), dict[str, Finding]()
    for _ in range(_TRIES):
        for topic in todo:
            failed.pop(topic, None)
            try:
                await shop.make_hook(topic, shop.url_of(topic, base))
            except ShopApiError as error:
                if error.status in (401, 404):
                    raise
                failed[topic] = Finding(
                    f"no webhook of {topic}: {error.findings[0].message}", key=f"shops.{shop.system}"
                )
        # An answer may be lost of one that was made: what the shop has now counts.
        todo = [] if not failed else [topic for topic in (await look(shop, base)).missing if topic in failed]
        if not todo:
            failed = {}
            break
    before.failed = [failed[topic] for topic in todo]
    return before


def lacking(found: Hooks, system: str) -> list[Finding]:
    """A word about topics that the shop does not tell."""
    topics = [*found.missing, *(hook.topic for hook in found.asleep)]
    if not topics:
        return []
    words = f"the shop sends no webhook of {', '.join(topics)}: run `aftercart shop connect {system}`"
    return [Finding(words, key=f"shops.{system}", warning=True)]


async def warn_of_missing(shop: Shop, base: str) -> None:
    for finding in lacking(await look(shop, base), shop.system):
        log.warning(finding.message, system=shop.system)
