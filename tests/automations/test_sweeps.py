"""The hourly job as a whole: what one flow does not manage, the others do."""

import pytest
import shop_world
from shop_world import DAY, HOUR

from automations.running.sweeps import runner
from automations.running.sweeps.turn import Turn
from bot.base.database import Database
from bot.base.texts import Texts


async def test_a_sweep_that_fails_stops_no_other_and_is_made_up_for(
    database: Database, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await shop_world.opened(database, texts, shop_world.only("anniversary", "birthday"))
    await shop.sweeps.run(shop.now)
    await shop.person(birthday="--03-12")

    async def fails(turn: Turn) -> int:
        raise OSError("the disk is full")

    working = runner._SWEEPS["birthday"]
    monkeypatch.setitem(runner._SWEEPS, "birthday", fails)  # type: ignore[arg-type]
    seen: list[Turn] = []

    async def looks(turn: Turn) -> int:
        seen.append(turn)
        return 0

    monkeypatch.setitem(runner._SWEEPS, "first_order", looks)  # type: ignore[arg-type]
    shop.now += DAY
    assert await shop.sweeps.run(shop.now) == 0 and len(seen) == 1
    monkeypatch.setitem(runner._SWEEPS, "birthday", working)  # type: ignore[arg-type]
    shop.now += HOUR
    assert await shop.sweeps.run(shop.now) == 1
    assert [turn.last for turn in seen] == [shop_world.NOON, shop_world.NOON + DAY]
