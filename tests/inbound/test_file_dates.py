"""Dates that may be two days, in files: other dates of their column say which, or whoever imports."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.day_orders import DayOrder
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.files import csv_lines, taking
from bot.tables.people import Contact
from bot.tables.shop import Order

DAY, MONTH, YEAR = DayOrder.DAY_FIRST, DayOrder.MONTH_FIRST, DayOrder.YEAR_FIRST


async def _take(database: Database, texts: Texts, file: Path, subject: str, **how: Any) -> taking.Report:
    return await taking.take(database, Ground(Config(), texts, "secret"), subject, csv_lines.look(file), **how)


async def _days(database: Database, column: Any) -> list[str]:
    async with database.reading() as session:
        return [str(day)[:10] for day in await session.scalars(sa.select(column).order_by(sa.text("id")))]


@pytest.mark.parametrize(
    ("dates", "said", "found"),
    [
        (["03/04/2025", "25/12/2024"], None, ["2025-04-03", "2024-12-25"]),
        (["03/04/2025", "12/25/2024"], None, ["2025-03-04", "2024-12-25"]),
        (["03/04/2025 10:00", "25/12/2024 10:00"], None, ["2025-04-03", "2024-12-25"]),
        (["03-04-2025", "12-25-2024"], None, ["2025-03-04", "2024-12-25"]),
        (["03-04-2025", "25-12-2024"], None, ["2025-04-03", "2024-12-25"]),
        (["03/04/2025", "25/12/2024", "12/25/2024"], None, ["2024-12-25", "2024-12-25"]),
        (["03/04/2025", "25/12/2024", "12/25/2024"], DAY, ["2025-04-03", "2024-12-25", "2024-12-25"]),
        (["03/04/2025", "05/05/2024"], None, ["2024-05-05"]),
        (["03/04/2025", "05/05/2024"], MONTH, ["2025-03-04", "2024-05-05"]),
        (["03/04/2025", "12/25/2024"], DAY, ["2025-03-04", "2024-12-25"]),  # the column shows that it is not so
        (["03.04.2025", "12/25/2024"], None, ["2025-04-03", "2024-12-25"]),
    ],
)
async def test_the_column_settles_which_day_of_two_an_order_is_of(
    database: Database, texts: Texts, tmp_path: Path, dates: list[str], said: DayOrder | None, found: list[str]
) -> None:
    file = tmp_path / "orders.csv"
    rows = [f"{at},{day},1.00" for at, day in enumerate(dates, 1)]
    file.write_text("\n".join(["order number,order date,total", *rows, ""]))
    report = await _take(database, texts, file, "orders", dates=said)
    assert await _days(database, table(Order).c.ordered_at) == found
    assert report.refused == len(dates) - len(found)
    assert all("--dates" in reason for reason in report.reasons)


@pytest.mark.parametrize(
    ("dates", "said", "found"),
    [
        (["03/04/1990", "25/12/1980"], None, ["1990-04-03", "1980-12-25"]),
        (["03/04", "12/31"], None, ["--03-04", "--12-31"]),
        (["03/04", "31/12", "12/31"], None, ["None", "--12-31", "--12-31"]),
        (["03-04-1990", "12-31-1980"], None, ["1990-03-04", "1980-12-31"]),
        (["03/04/1990", ""], None, ["None", "None"]),
        (["03/04/1990", ""], DAY, ["1990-04-03", "None"]),
    ],
)
async def test_the_column_settles_which_day_of_two_a_birthday_is(
    database: Database, texts: Texts, tmp_path: Path, dates: list[str], said: DayOrder | None, found: list[str]
) -> None:
    file = tmp_path / "people.csv"
    rows = [f"p{at}@example.org,{day}" for at, day in enumerate(dates)]
    file.write_text("\n".join(["email,birthday", *rows, ""]))
    report = await _take(database, texts, file, "customers", dates=said)
    assert await _days(database, table(Contact).c.birthday) == found
    assert report.refused == 0
    left = [day for day, kept in zip(dates, found, strict=True) if day and kept == "None"]
    assert sum(report.notes.values()) == len(left)


@pytest.mark.parametrize(
    ("dates", "said", "found"),
    [
        (["02/03/24", "15/11/23"], None, ["2024-03-02", "2023-11-15"]),
        (["02/03/24", "11/15/23"], None, ["2024-02-03", "2023-11-15"]),
        (["02/03/24", "03/04/24"], None, []),
        (["02/03/24", "03/04/24"], DAY, ["2024-03-02", "2024-04-03"]),
        (["02/03/24 14:05", "13/04/2024 10:00"], None, ["2024-03-02", "2024-04-13"]),
        (["02.03.24", "03.04.24"], None, ["2024-03-02", "2024-04-03"]),  # nobody writes the month first with points
        (["24/12/31", "24/02/01"], None, ["2024-12-31", "2024-02-01"]),  # nothing was ordered in 2031
        (["24/03/05"], None, []),  # 2005 would be old; the first number may be the year
        (["24/02/31", "24/02/01"], YEAR, ["2024-02-01"]),
        (["24/03/05", "24/03/17", "24/04/30"], None, ["2024-03-05", "2024-03-17", "2024-04-30"]),
        (["24-03-05"], None, []),
        (["24-03-05"], YEAR, ["2024-03-05"]),
        (["05/03/85", "06/03/24"], DAY, ["2024-03-06"]),  # no order of 1985, and none of 2085
        (["2024-03-05", "2204-03-05"], None, ["2024-03-05"]),
        (["民國113年3月5日", "113/03/06", "99/12/31"], None, ["2024-03-05", "2024-03-06", "2010-12-31"]),
        (["民國113年2月30日", "113.12.01 10:00"], None, ["2024-12-01"]),
        (["45356", "45357.5", "45358,25"], None, ["2024-03-05", "2024-03-06", "2024-03-07"]),
        (["1709648530", "1709648530000"], None, ["2024-03-05", "2024-03-05"]),
        (["2024年3月5日 下午2:05"], None, ["2024-03-05"]),
    ],
)
async def test_years_of_two_digits_and_of_the_republic_are_settled_by_the_column_or_refused(
    database: Database, texts: Texts, tmp_path: Path, dates: list[str], said: DayOrder | None, found: list[str]
) -> None:
    file = tmp_path / "orders.csv"
    rows = [f'{at};"{day}";1.00' for at, day in enumerate(dates, 1)]
    file.write_text("\n".join(["order number;order date;total", *rows, ""]))
    report = await _take(database, texts, file, "orders", dates=said)
    assert await _days(database, table(Order).c.ordered_at) == found
    assert report.refused == len(dates) - len(found)


@pytest.mark.parametrize(
    ("header", "dates", "found"),
    [
        ("email,birthday", ["03/05/85", "28/02/61", "02/12/20"], ["1985-05-03", "1961-02-28", "2020-12-02"]),
        ("email,birthday", ["30851"], ["1984-06-18"]),
        ("邮箱,姓名,生日", ["85/03/05", "01/12/11"], ["1985-03-05", "2001-12-11"]),
        ("電子郵件,會員姓名,生日", ["75/12/31", "77/07/21"], ["None", "None"]),  # 1975, or 1986 of the Republic
        ("電子郵件,會員姓名,生日", ["75/12/31", "民國77年7月21日"], ["1986-12-31", "1988-07-21"]),
    ],
)
async def test_birthdays_with_short_years_are_of_the_last_hundred(
    database: Database, texts: Texts, tmp_path: Path, header: str, dates: list[str], found: list[str]
) -> None:
    file = tmp_path / "people.csv"
    beside = "," * (header.count(",") - 1)
    rows = [f"p{at}@example.org{beside},{day}" for at, day in enumerate(dates)]
    file.write_text("\n".join([header, *rows, ""]))
    await _take(database, texts, file, "customers")
    assert await _days(database, table(Contact).c.birthday) == found


async def test_a_date_far_down_in_the_file_settles_those_before_it(
    database: Database, texts: Texts, tmp_path: Path
) -> None:
    file = tmp_path / "orders.csv"
    rows = [f"{at},03/04/2025,1.00" for at in range(1, 1200)]
    file.write_text("\n".join(["order number,order date,total", *rows, "1200,25/12/2024,1.00", ""]))
    report = await _take(database, texts, file, "orders")
    assert (report.taken, report.refused) == (1200, 0)
    (column,) = report.dates
    assert (column.name, column.unclear, column.order, list(column.shown)) == ("order date", 1199, DAY, [DAY])
    assert set(await _days(database, table(Order).c.ordered_at)) == {"2025-04-03", "2024-12-25"}


async def test_each_column_speaks_for_itself(database: Database, texts: Texts, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "order number,order date,paid at,total\n1,03/04/2025,03/04/2025,1.00\n2,25/12/2024,12/26/2024,1.00\n"
    )
    await _take(database, texts, file, "orders")
    assert await _days(database, table(Order).c.ordered_at) == ["2025-04-03", "2024-12-25"]
    assert await _days(database, table(Order).c.paid_at) == ["2025-03-04", "2024-12-26"]
