"""Export files in their real layouts, and what must come of each: `exports/NAME.csv` and its entry in expected.json."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.files import csv_lines, taking
from bot.tables.people import Consent, Contact, Identity, Suppression
from bot.tables.shop import Order, Product

FOLDER = Path(__file__).parent / "exports"
EXPECTED = json.loads((FOLDER / "expected.json").read_text("utf-8"))
_COLUMNS = {
    "orders": (Order, ("number", "status", "parcel", "total", "revenue", "refunded", "currency", "contact_id")),
    "products": (
        Product,
        ("product_id", "variant_id", "sku", "name", "category", "price", "stock", "published", "image_url"),
    ),
}  # fmt: skip


async def found_in(database: Database, subject: str) -> list[list[Any]]:
    async with database.reading() as session:
        if subject in _COLUMNS:
            model, names = _COLUMNS[subject]
            rows = table(model)
            asked = sa.select(*(rows.c[name] for name in names)).order_by(rows.c.id)
            return [list(row) for row in await session.execute(asked)]
        if subject == "suppressions":
            stops = table(Suppression)
            asked = sa.select(stops.c.reason, stops.c.topic).order_by(stops.c.id)
            return [list(row) for row in await session.execute(asked)]
        people, known, ledger = table(Contact), table(Identity), table(Consent)
        found = []
        for one in (await session.execute(sa.select(people).order_by(people.c.id))).mappings().all():
            mine = sa.select(known.c.kind, known.c.value).where(known.c.contact_id == one["id"]).order_by(known.c.id)
            said = sa.select(ledger.c.action, ledger.c.source, ledger.c.at).where(ledger.c.contact_id == one["id"])
            found.append([
                one["first_name"], one["last_name"], one["country"], one["birthday"],
                [f"{kind} {value}" for kind, value in await session.execute(mine)],
                [f"{action} {at:%Y-%m-%d}" if source == "import dated" else action
                 for action, source, at in await session.execute(said.order_by(ledger.c.id))],
            ])  # fmt: skip
        return found


async def take(database: Database, texts: Texts, name: str, subject: str, **how: Any) -> taking.Report:
    return await taking.take(
        database, Ground(Config(), texts, "secret"), subject, csv_lines.look(FOLDER / f"{name}.csv"), **how
    )


@pytest.mark.parametrize("name", EXPECTED)
async def test_an_export_comes_out_as_what_it_means(
    database: Database, texts: Texts, name: str, tmp_path: Path
) -> None:
    wanted = EXPECTED[name]
    file = tmp_path / f"{name}.csv"
    file.write_bytes((FOLDER / f"{name}.csv").read_bytes())
    report = await taking.take(
        database, Ground(Config(), texts, "secret"), wanted["subject"], csv_lines.look(file)
    )  # fmt: skip
    assert await found_in(database, wanted["subject"]) == wanted["rows"]
    assert [report.taken, report.refused, report.consents] == [wanted["taken"], wanted["refused"], wanted["consents"]]
    assert sorted(one for seen in report.examples.values() for one in seen) == wanted["told"]
    assert report.left_out == wanted["left_out"]


def test_every_export_has_its_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(EXPECTED)
    assert len(EXPECTED) >= 100
