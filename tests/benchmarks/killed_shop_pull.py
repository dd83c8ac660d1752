"""The first pull of a large shop in a process that is killed (-9) three times at random points and taken up again.

python tests/benchmarks/killed_shop_pull.py [SCALE] [SECONDS] [SAMPLE]

SCALE of 50,000 products, 100,000 customers and 300,000 orders (default 0.01). Afterwards: all of it is there, once, the
orders of SAMPLE customers (300) are what webhooks make of them, nothing waits to be sent, standings are what a night
would count. After SECONDS (1,500) it gives up and says how far it was. Meanwhile somebody else asks for the database's
lock twice a second.
"""

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from figures import HERE, Figure, percentile, show

from automations.audiences import rfm, stats
from bot.base import clock
from bot.base.database import Database, table
from bot.demo import woocommerce_goods as goods
from bot.demo.woocommerce_api import WooCommerceSite
from bot.tables.events import Event, WebhookDelivery
from bot.tables.outbox import Message
from bot.tables.people import Contact, Identity
from bot.tables.shop import Order, Product

KILLS = 3
_CONFIG = """
[database]
url = "sqlite:///{file}"
[web]
secret = "a secret of the tests, for all of them"
[shops.woocommerce]
address = "{url}"
consumer_key = "{key}"
consumer_secret = "{secret}"
allow_private = true
secrets = ["a-secret-of-webhooks"]
"""


@dataclass
class Seen:
    """What was seen of the pulling processes."""

    seconds: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    killed_at: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    ended: bool = False


async def serve(products: int, customers: int, orders: int) -> None:
    async with WooCommerceSite(products=products, customers=customers, orders=orders) as site:
        site.things["orders"].make = partial(goods.order, people=customers)
        print(site.url, site.key, site.secret, flush=True)
        await asyncio.Event().wait()


@contextmanager
def served(*counts: int) -> Iterator[list[str]]:
    with subprocess.Popen([sys.executable, __file__, "serve", *map(str, counts)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().decode().split()
        finally:
            server.kill()


def pull(config: Path, file: Path, total: int, until: float) -> Seen:
    seen, began = Seen(), time.monotonic()
    at = sorted(random.sample(range(total // 50, total), KILLS))
    print(f"is killed after {', '.join(f'{one:,}' for one in at)} of {total:,}", flush=True)
    while not seen.ended and time.monotonic() < until:
        command = [sys.executable, "-m", "bot", "shop", "connect", "woocommerce", "--no-webhooks", "--config", config]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)}) as process:
            _watch(process, file, seen, at, until)
            seen.ended = process.poll() == 0
            if process.poll() not in (0, -9):
                break
    seen.seconds = time.monotonic() - began
    return seen


def _watch(process: "subprocess.Popen[bytes]", file: Path, seen: Seen, at: list[int], until: float) -> None:
    watched, cpu = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        time.sleep(0.5)
        try:
            seen.memory = max(seen.memory, watched.memory_info().rss)
            cpu = sum(watched.cpu_times()[:2])
        except psutil.Error:
            break
        taken = _taken(file, seen)
        if time.monotonic() > until or (at and taken >= at[0]):
            seen.killed_at += [taken]
            del at[:1]
            process.kill()
            process.wait()
    seen.cpu += cpu


def _taken(file: Path, seen: Seen) -> int:
    """How much is pulled; and how long somebody else waits for the lock meanwhile."""
    if not file.exists():
        return 0
    connection = sqlite3.connect(file, timeout=30, isolation_level=None)
    try:
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        seen.waits.append(time.perf_counter() - began)
        connection.execute("ROLLBACK")
        return connection.execute("SELECT coalesce(sum(taken), 0) FROM pulledresource").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # its tables are not made yet
    finally:
        connection.close()


async def check(database: Database, products: int, customers: int, orders: int) -> list[Figure]:
    more = 2 * (products // 7)
    now = clock.now()
    async with database.reading() as session:

        async def count(model: type[Any], *where: Any, of: Any = None) -> int:
            return await session.scalar(sa.select(sa.func.count(of)).select_from(table(model)).where(*where)) or 0

        def distinct(column: Any) -> Any:
            return sa.distinct(column)

        contacts = await count(Contact)
        found = [
            Figure("orders, of which with an id of their own", f"{await count(Order):,}, "
                   f"{await count(Order, of=distinct(table(Order).c.order_id)):,}", f"{orders:,}"),
            Figure("contacts, their ids of the shop", f"{contacts:,}, "
                   f"{await count(Identity, table(Identity).c.kind == 'woocommerce'):,}", f"{customers:,}"),
            Figure("products and variations", f"{await count(Product):,}", f"{products + more:,}"),
            Figure("orders of nobody", f"{await count(Order, table(Order).c.contact_id.is_(None)):,}", "0"),
            Figure("messages, events, webhooks that wait", f"{await count(Message)}, {await count(Event)}, "
                   f"{await count(WebhookDelivery)}", "0, 0, 0"),
        ]  # fmt: skip
        wrong = await stats.differing(session, range(1, contacts + 1), now)
        bounds = await rfm.kept(session)
        assert bounds is not None
        scored = await rfm.differing(session, bounds, range(1, contacts + 1), now)
        found.append(Figure("customers with a wrong count, a wrong score", f"{len(wrong)}, {len(scored)}", "0, 0"))
    return found


async def compare(database: Database, folder: Path, customers: int, orders: int, url: str, sample: int) -> Figure:
    """A sample of customers with all of their orders, as webhooks would have told of them."""
    from intake import Intake  # with pytest
    from pulled_shop import differences, told
    from sqlmodel import SQLModel

    chosen = sorted(random.sample(range(1, customers + 1), min(sample, customers)))
    numbers = [number for who in chosen for number in range(who - 1, orders + 1, customers) if number]
    other = Database(f"sqlite:///{folder / 'webhooks.db'}")
    async with other.engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    intake = Intake(other)
    for number in range(1, 51):
        await intake.deliver("woocommerce", "product.updated", goods.product(number), url)
    for who in chosen:
        await intake.deliver("woocommerce", "customer.updated", goods.customer(who), url)
    for number in numbers:
        await intake.deliver("woocommerce", "order.updated", goods.order(number, people=customers), url)
    ids, people = [str(one) for one in numbers], [f"%:customer:{one}" for one in chosen]
    known = table(Identity)
    mine = sa.select(known.c.contact_id).where(sa.or_(*(known.c.value.like(one) for one in people)))
    async with database.reading() as session:
        whose = set((await session.scalars(mine)).all())
    only = {
        "Product": table(Product).c.product_id.in_([str(one) for one in range(1, 51)]),
        "Order": table(Order).c.order_id.in_(ids),
        "Contact": table(Contact).c.id.in_(whose),
        "Identity": known.c.contact_id.in_(whose),
    }
    pulled, heard = await told(database, only), await told(other)
    await other.close()
    differ = differences(heard, pulled)
    for one in differ[:10]:
        print("  otherwise than webhooks:", one)
    what = f"fields otherwise than webhooks say, of {len(numbers):,} orders and {len(chosen):,} customers"
    return Figure(what, str(len(differ)), "0")


async def main(scale: float = 0.01, seconds: float = 1500, sample: float = 300) -> None:
    counts = [max(10, round(count * scale)) for count in (50_000, 100_000, 300_000)]
    total, until = sum(counts), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name, served(*counts) as (url, key, secret):
        folder = Path(name)
        file, config = folder / "pulled.db", folder / "config.toml"
        config.write_text(_CONFIG.format(file=file, url=url, key=key, secret=secret), "utf-8")
        seen = pull(config, file, total, until)
        waits, taken = sorted(seen.waits), _taken(file, Seen())
        show([
            Figure("ended" if seen.ended else "broken off", f"{taken:,}", f"{total:,}"),
            Figure("seconds, of processor", f"{seen.seconds:,.0f}, {seen.cpu:,.0f}"),
            Figure("things a second, of processor", f"{taken / seen.seconds:,.0f}, {taken / max(1, seen.cpu):,.0f}"),
            Figure("killed after", ", ".join(f"{one:,}" for one in seen.killed_at)),
            Figure("most memory, MB", f"{seen.memory / 1e6:,.0f}"),
            Figure("others wait for the lock, ms: half, 95 %, most",
                   ", ".join(f"{1000 * percentile(waits, share):.0f}" for share in (0.5, 0.95, 1))),
            Figure("size of the database, MB", f"{file.stat().st_size / 1e6:,.0f}"),
        ])  # fmt: skip
        if seen.ended:
            database = Database(f"sqlite:///{file}")
            show(await check(database, *counts))
            show([await compare(database, folder, counts[1], counts[2], url, int(sample))])
            await database.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(*map(int, sys.argv[2:5])))
    else:
        asyncio.run(main(*map(float, sys.argv[1:])))
