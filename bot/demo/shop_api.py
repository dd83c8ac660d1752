"""The stand-in of a shop's API: what it has, what was asked of it, and the server that it answers from."""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, Self

from aiohttp import web

from bot.demo.shop_things import Things
from bot.demo.shop_trouble import Trouble


class ShopApi:
    """`goods` makes products, customers and orders. `meanwhile` is called before each list is answered, with its name:
    there the shop may change. `asked` are the lists that were asked for, `hooks` the webhooks. A hook whose topic is in
    `refuses` is not made. One that `forgets` knows no id that it is asked for."""

    def __init__(
        self, goods: ModuleType, *, products: int, customers: int, orders: int, trouble: Trouble | None
    ) -> None:
        people = max(1, min(customers, goods.PEOPLE) if customers < 1000 else customers)
        self.things = {
            "products": Things(goods.product, products),
            "customers": Things(goods.customer, customers),
            "orders": Things(partial(goods.order, people=people), orders),
        }
        self.hooks: list[dict[str, Any]] = []
        self.trouble = trouble or Trouble()
        self.meanwhile: Callable[[str], None] = lambda _name: None
        self.asked: list[str] = []
        self.refuses: set[str] = set()
        self.forgets = False
        self.url = ""
        self._runner: web.AppRunner | None = None

    def routes(self, app: web.Application) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        app = web.Application()
        self.routes(app)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
