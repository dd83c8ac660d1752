import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from conftest import NOON

from bot import contacts
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.base.ground import Ground
from bot.base.texts import Texts
from bot.inbound.files import csv_lines, taking
from bot.inbound.files import values as cell_values
from bot.tables.automations import Enrolment
from bot.tables.events import Event
from bot.tables.outbox import Message
from bot.tables.people import Consent, Contact, Identity
from bot.tables.shop import Order, Product

SHOPIFY_CUSTOMERS = """Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Country Code,Phone
'7001,Anna,Berg,Anna@Example.com,yes,DE,+49 170 1234567
'7002,Bo,Li,bo@example.com,no,CN,
"""
SHOPIFY_ORDERS = """Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Total,Created at,\
Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Id,Refunded Amount
#1001,anna@example.com,paid,2026-01-05 10:12:13 +0100,fulfilled,EUR,36.00,41.90,2026-01-05 10:10:00 +0100,\
2,Stoneware mug,18.00,MUG,5551,0.00
#1001,,,,,,,,,1,Desk lamp,89.00,LAMP,,
#1002,bo@example.com,refunded,,,EUR,89.00,89.00,2026-01-06 09:00:00 +0100,1,Desk lamp,89.00,LAMP,5552,89.00
"""


@pytest.fixture
def ground(texts: Texts) -> Ground:
    return Ground(Config(), texts, "secret")


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(content: str | bytes) -> Path:
        file = tmp_path / "file.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


async def _take(database: Database, ground: Ground, subject: str, file: Path) -> taking.Report:
    return await taking.take(database, ground, subject, csv_lines.look(file))


async def _rows(database: Database, model: type[Any], *columns: str) -> list[Sequence[Any]]:
    rows = table(model)
    async with database.reading() as session:
        found = await session.execute(sa.select(*(rows.c[name] for name in columns)).order_by(*rows.primary_key))
        return [tuple(row) for row in found]


async def test_customers_of_shopify_become_contacts_with_their_consent(
    database: Database, ground: Ground, write: Any
) -> None:
    report = await _take(database, ground, "customers", write(SHOPIFY_CUSTOMERS))

    assert (report.taken, report.refused, report.refused_file) == (2, 0, None)
    assert await _rows(database, Contact, "first_name", "last_name", "country") == [
        ("Anna", "Berg", "DE"),
        ("Bo", "Li", "CN"),
    ]
    assert set(await _rows(database, Identity, "kind", "value")) == {
        ("shopify", "import:customer:7001"),
        ("email", "anna@example.com"),
        ("phone", "491701234567"),
        ("shopify", "import:customer:7002"),
        ("email", "bo@example.com"),
    }
    assert await _rows(database, Consent, "action", "topic", "source") == [("granted", "marketing", "import")]


@pytest.mark.parametrize(
    ("subject", "content", "models"),
    [
        ("customers", SHOPIFY_CUSTOMERS, (Contact, Identity, Consent)),
        ("orders", SHOPIFY_ORDERS, (Contact, Identity, Order)),
        ("products", "ID,Title,Price\n1,Mug,18.00\n2,Lamp,89\n", (Product,)),
    ],
)
async def test_the_same_file_again_adds_nothing(
    database: Database, ground: Ground, write: Any, subject: str, content: str, models: tuple[type[Any], ...]
) -> None:
    await _take(database, ground, subject, write(content))
    before = [len(await _rows(database, model, "id")) for model in models]
    report = await _take(database, ground, subject, write(content))
    assert report.refused == 0
    assert [len(await _rows(database, model, "id")) for model in models] == before


async def test_orders_of_several_lines_are_one_order_of_the_right_person(
    database: Database, ground: Ground, write: Any
) -> None:
    await _take(database, ground, "customers", write(SHOPIFY_CUSTOMERS))
    await _take(database, ground, "orders", write(SHOPIFY_ORDERS))

    found = await _rows(
        database, Order, "order_id", "number", "status", "parcel", "revenue", "total", "refunded", "contact_id"
    )
    assert found == [
        ("5551", "#1001", "paid", "shipped", 3600, 4190, 0, 1),
        ("5552", "#1002", "refunded", "none", 8900, 8900, 8900, 2),
    ]
    items = (await _rows(database, Order, "items"))[0][0]
    assert [(item["sku"], item["quantity"], item["price"]) for item in items] == [("MUG", 2, 1800), ("LAMP", 1, 8900)]


async def test_history_makes_no_event_and_sends_nothing(database: Database, ground: Ground, write: Any) -> None:
    await _take(database, ground, "orders", write(SHOPIFY_ORDERS))
    for model in (Event, Enrolment, Message):
        assert await _rows(database, model, "id") == []


async def test_what_the_shop_told_later_stands_over_the_file(database: Database, ground: Ground, write: Any) -> None:
    await _take(database, ground, "orders", write(SHOPIFY_ORDERS))
    async with database.transaction() as session:
        await session.execute(sa.update(table(Order)).values(status="cancelled", changed_at=NOON))
    await _take(database, ground, "orders", write(SHOPIFY_ORDERS))
    assert {status for (status,) in await _rows(database, Order, "status")} == {"cancelled"}


async def test_refused_lines_are_reported_with_number_and_reason_and_the_rest_is_taken(
    database: Database, ground: Ground, write: Any
) -> None:
    file = write(
        "email;first name;birthday\n"
        "anna@example.com;Anna;1990-12-31\n"
        "not an address;Bo;\n"
        "carl@example.com;Carl;32.13.2000\n"
        "dora@example.com;Dora;;;too;many\n"
        ";Nobody;\n"
        'eva@example.com;"Eva "";\n'
        "finn@example.com;Finn;\n"
    )
    report = await _take(database, ground, "customers", file)

    assert report.taken == 3
    assert set(await _rows(database, Contact, "first_name", "birthday")) == {
        ("Anna", "1990-12-31"), ("Carl", None), ("Finn", None)
    }  # fmt: skip
    assert list(report.examples.values()) == [["line 4: '32.13.2000'"]]
    assert report.refused_file is not None
    with report.refused_file.open(encoding="utf-8-sig", newline="") as stream:
        refused = {int(row["refused_line"]): row["refused_because"] for row in csv.DictReader(stream)}
    assert set(refused) == {3, 5, 6, 7}
    assert "not an e-mail address" in refused[3]
    assert "6 values, but the header names 3 columns" in refused[5]
    assert "no e-mail" in refused[6]
    assert "never ends" in refused[7]


@pytest.mark.parametrize(
    ("subject", "header", "line"),
    [
        ("customers", "line,email,reason", "7,nobody,moved"),
        ("products", "Title,Price,SKU", "Mug,18,"),
        ("orders", "Name,Created at,Total", "#1,,5"),
        ("suppressions", "address,reason,topic,until", "nobody,complaint,,"),
    ],
)
async def test_a_refused_file_that_is_refused_again_keeps_its_columns(
    database: Database, ground: Ground, write: Any, subject: str, header: str, line: str
) -> None:
    first = await _take(database, ground, subject, write(f"{header}\n{line}\n"))
    assert first.refused_file is not None
    again = await _take(database, ground, subject, first.refused_file)
    assert again.refused_file is not None and again.refused_file != first.refused_file
    assert again.refused_file.read_text("utf-8-sig") == first.refused_file.read_text("utf-8-sig")
    with again.refused_file.open(encoding="utf-8-sig", newline="") as stream:
        head, (number, why, *cells) = csv.reader(stream)
    assert head == ["refused_line", "refused_because", *header.split(",")]
    assert (number, cells) == ("2", line.split(",")) and why


async def test_a_value_that_the_database_cannot_hold_costs_its_line_only(
    database: Database, ground: Ground, write: Any
) -> None:
    huge = "9" * 40
    report = await _take(database, ground, "products", write(f"ID,Title,Price\n1,Mug,18\n2,Gold,{huge}\n3,Lamp,89\n"))
    assert report.refused == 1
    assert [name for (name,) in await _rows(database, Product, "name")] == ["Mug", "Lamp"]


async def test_a_forgotten_person_stays_forgotten(database: Database, ground: Ground, write: Any) -> None:
    await _take(database, ground, "customers", write(SHOPIFY_CUSTOMERS))
    async with database.transaction() as session:
        await contacts.erase(session, ground.secret, 1, NOON)
    report = await _take(database, ground, "customers", write(SHOPIFY_CUSTOMERS))
    assert report.refused == 1
    assert ("email", "anna@example.com") not in await _rows(database, Identity, "kind", "value")


async def test_consent_in_a_file_does_not_undo_an_unsubscribe(database: Database, ground: Ground, write: Any) -> None:
    async with database.transaction() as session:
        await contacts.withdraw(session, ground.secret, None, "email", "anna@example.com", "marketing", "link", NOON)
    await _take(database, ground, "customers", write(SHOPIFY_CUSTOMERS))
    async with database.reading() as session:
        said = await contacts.allowed(session, ground.secret, "email", "anna@example.com", "marketing")
    assert said is not None
    assert said.action == "withdrawn"


async def test_two_lines_about_one_person_are_one_contact(database: Database, ground: Ground, write: Any) -> None:
    await _take(database, ground, "customers", write("email,name\na@example.com,Anna Berg\nA@EXAMPLE.COM,Anna\n"))
    assert await _rows(database, Contact, "first_name", "last_name") == [("Anna", "Berg")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_chinese_files_are_read_in_any_usual_form(write: Any, encoding: str, delimiter: str) -> None:
    text = delimiter.join(("邮箱", "姓名")) + "\r\n" + delimiter.join(("li@example.cn", "李 雷")) + "\r\n"
    sheet = csv_lines.look(write(text.encode(encoding)))
    assert sheet.header == ["邮箱", "姓名"]
    assert [line.values for line, _ in sheet.lines()] == [["li@example.cn", "李 雷"]]


async def test_a_quote_that_never_ends_costs_one_line_not_the_file(write: Any) -> None:
    lines = [f"{number}@example.com,x" for number in range(1000)]
    lines[10] = '10@example.com,"x'
    sheet = csv_lines.look(write("email,name\n" + "\n".join(lines)))
    found = [line for line, _ in sheet.lines()]
    assert [line.number for line in found if line.error] == [12]
    assert len(found) == 1000


async def test_values_over_several_lines_and_quotes_inside_are_kept(write: Any) -> None:
    sheet = csv_lines.look(write('id,title,price\n1,"Two\nlines, ""quoted""",3\n2,A 5" pipe,4\n'))
    assert [line.values for line, _ in sheet.lines()] == [["1", 'Two\nlines, "quoted"', "3"], ["2", 'A 5" pipe', "4"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"), ("\n", "is empty"), ("colour,size\nred,1\n", ":1: no column that we know by"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" * 40, "is no text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00", "is no text"),
        ('email,"name\nada@example.org,Ada\n', "must name the columns, but: a quote in this line never ends"),
    ],
)  # fmt: skip
async def test_a_file_without_our_columns_is_refused_in_words(
    database: Database, ground: Ground, write: Any, content: str | bytes, words: str
) -> None:
    with pytest.raises(FindingsError, match=words):
        await _take(database, ground, "customers", write(content))


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("19.90", 1990), ("1,299.00", 129900), ("1.299,00 €", 129900), ("¥88", 8800), ("12,5", 1250),
        ("1,299", 129900), ("1.234.567,89", 123456789), ("", None), ("5.9万", 5900000), ("RMB 59", 5900),
        ("118.00元", 11800), ("￥1,234.56", 123456), ("1.2亿元", 12000000000),
    ],
)  # fmt: skip
def test_money_is_read_as_people_write_it(text: str, minor: int | None) -> None:
    assert cell_values.amount(text, "EUR") == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.500", "KWD", 12500), ("19.9", "BHD", 19900), ("1,299.500", "KWD", 1299500), ("1200", "JPY", 1200),
        ("1,200", "JPY", 1200), ("1.200", "JPY", 1200), ("12.500", "EUR", 1250000),
    ],
)  # fmt: skip
def test_money_has_the_places_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert cell_values.amount(text, currency) == minor


@pytest.mark.parametrize(
    ("column", "amount", "code"),
    [
        ("", "￥59.00", "CNY"), ("", "59元", "CNY"), ("", "5.9万元", "CNY"),
        ("", "19.90 USD", "USD"), ("rmb", "1", "CNY"),
        ("", "1.234,56 €", "EUR"), ("", "$5", "GBP"), ("usd", "5 €", "USD"), ("", "5", "GBP"), ("", "19,90 zł", "PLN"),
    ],
)  # fmt: skip
def test_the_currency_of_a_line_is_that_of_its_column_or_its_amounts(column: str, amount: str, code: str) -> None:
    assert cell_values.currency(column, [amount], "GBP") == code


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2025/11/11 0:03:21", "2025-11-10T23:03:21+00:00"), ("05-04-2023 10:11:12", "2023-04-05T08:11:12+00:00"),
        ("2023-04-05 06:07", "2023-04-05T04:07:00+00:00"), ("2025年11月11日 0:03", "2025-11-10T23:03:00+00:00"),
        ("11/13/2025 3:04 PM", "2025-11-13T14:04:00+00:00"), ("Apr 5, 2023", "2023-04-04T22:00:00+00:00"),
        ("5. Mai 2023", "2023-05-04T22:00:00+00:00"), ("2024-01-02 10:00:00 UTC", "2024-01-02T10:00:00+00:00"),
        ("31.12.2025 8:00", "2025-12-31T07:00:00+00:00"), ("20230405", "2023-04-04T22:00:00+00:00"),
    ],
)  # fmt: skip
def test_a_time_is_read_in_the_zone_of_the_shop(text: str, utc: str) -> None:
    found = cell_values.moment(text, ZoneInfo("Europe/Berlin"))
    assert found is not None and found.isoformat() == utc


@pytest.mark.parametrize("text", ["11/12/2025", "soon", "2023-13-45", "5. Foo 2023"])
def test_a_day_that_may_be_two_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a date|may be two days"):
        cell_values.moment(text, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("text", "read"), [("12", 12), ("12.0", 12), ("12,00", 12), ("12.0000", 12), ("2.5", 2), ("1.234.567", 1234567)]
)
def test_a_number_of_pieces_is_read_as_sheets_write_it(text: str, read: int) -> None:
    assert cell_values.number(text) == read


@pytest.mark.parametrize("text", ["1.234", "1,000", "2.500"])
def test_a_number_that_may_be_a_thousand_times_another_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match="may be"):
        cell_values.number(text)


async def test_what_programs_write_for_nothing_and_hidden_letters_are_nobodys_name(
    database: Database, ground: Ground, write: Any
) -> None:
    file = write(
        "email,first name,last name,phone,mobile\n"
        "'ada@example.org,NULL,Null,null,+49 151 23456789\n"
        "b***@example.org,王**,,n/a,+49 151 23456780\n",
    )
    report = await _take(database, ground, "customers", file)
    assert await _rows(database, Contact, "first_name", "last_name") == [("", "Null"), ("", "")]
    found = {tuple(row) for row in await _rows(database, Identity, "kind", "value")}
    assert found == {("email", "ada@example.org"), ("phone", "4915123456789"), ("phone", "4915123456780")}
    assert {words.partition(":")[0] for words in report.notes} == {"email", "name"}


@pytest.mark.parametrize("sep", [",", ";", "\t"])
async def test_titles_above_the_header_and_sums_below_are_no_lines(
    database: Database, ground: Ground, write: Any, sep: str
) -> None:
    rows = [
        ["Stock, as of March", "", "", ""], ["", "", "", ""], ["Article", "", "Numbers", ""],
        ["sku", "name", "price", "stock"],
        ["A1", "Mug", "1.50", "5"], ["A2", "Total", "2.50", "6"], ["Total", "", "4.00", "11"], ["", "", "", ""],
    ]  # fmt: skip
    text = "\n".join(sep.join(f'"{cell}"' if sep in cell else cell for cell in row) for row in rows)
    report = await _take(database, ground, "products", write(text))
    assert [tuple(row) for row in await _rows(database, Product, "sku", "price", "stock")] == [
        ("A1", 150, 5),
        ("A2", 250, 6),
    ]
    assert (report.taken, report.refused) == (2, 1)


async def test_a_file_that_was_cut_off_says_so_at_its_last_line(database: Database, ground: Ground, write: Any) -> None:
    whole = "email,first name,newsletter\na@example.org,Ada,no\nb@example.org,Bo,no\n"
    report = await _take(database, ground, "customers", write(whole + "c@example.or"))
    assert (report.taken, report.refused) == (2, 1)
    assert all("cut off" in reason for reason in report.reasons)
    assert (await _take(database, ground, "customers", write(whole + "c@example.org,Cy,yes"))).refused == 0
    uneven = "email,first name,newsletter\na@example.org,Ada\nb@example.org\nc@example.org"
    assert (await _take(database, ground, "customers", write(uneven))).refused == 0  # no line is as long as the header


async def test_of_two_columns_of_one_name_the_filled_one_counts(database: Database, ground: Ground, write: Any) -> None:
    await _take(database, ground, "customers", write("Email,Email,Phone,Phone\n,b@example.org,,+4915112345678\n"))
    found = {tuple(row) for row in await _rows(database, Identity, "kind", "value")}
    assert found == {("email", "b@example.org"), ("phone", "4915112345678")}


async def test_a_refunded_order_without_an_amount_was_paid_back_whole(
    database: Database, ground: Ground, write: Any
) -> None:
    text = (
        "order number,order date,total,status,refund\n"
        "1,2024-03-05,12.00,refunded,\n2,2024-03-05,12.00,paid,-3.00\n3,2024-03-05,12.00,refunded,(4.00)\n"
    )
    await _take(database, ground, "orders", write(text))
    rows = await _rows(database, Order, "number", "refunded")
    assert [tuple(row) for row in rows] == [("1", 1200), ("2", 300), ("3", 400)]


async def test_one_telephone_in_four_spellings_is_one_person(database: Database, texts: Texts, write: Any) -> None:
    ground = Ground(Config(shop={"country": "DE"}), texts, "secret")
    spelled = ("+49 170 1234567", "0170 1234567", "0049 170 1234567", "+49 (0)170 1234567", "'+491701234567")
    await _take(database, ground, "customers", write("phone,first_name\n" + "".join(f"{one},Eva\n" for one in spelled)))
    assert await _rows(database, Identity, "kind", "value") == [("phone", "491701234567")]


async def test_telephones_that_name_no_line_are_refused_or_left_out_with_their_reason(
    database: Database, ground: Ground, write: Any
) -> None:
    """No country is set here: only the person's own can help."""
    file = write(
        "phone,first_name,email,country\n4.91701E+11,Bert,,\n4.91701E+11,Cara,cara@example.com,\n0170 1234567,Dora,,\n"
        "0170 1234567,Emil,,Deutschland\n13800138000,李,,中国\n+49 151 1,Finn,,\n"
    )
    report = await _take(database, ground, "customers", file)
    assert set(await _rows(database, Identity, "kind", "value")) == {
        ("email", "cara@example.com"), ("phone", "491701234567"), ("phone", "8613800138000")
    }  # fmt: skip
    rounded, nowhere, none = sorted(report.reasons, key=len, reverse=True)
    assert (report.refused, "rounded by a spreadsheet" in rounded, "no country code" in nowhere) == (3, True, True)
    assert "not a telephone number" in none
    assert list(report.examples.values()) == [["line 3: '4.91701E+11'"]]


async def test_ids_that_a_spreadsheet_rounded_join_nothing(database: Database, ground: Ground, write: Any) -> None:
    header = "Id,Name,Created at,Total\n"
    report = await _take(database, ground, "orders", write(header + "3.41235E+18,,2026-01-05,1\n" * 2))
    assert (report.refused, await _rows(database, Order, "id")) == (2, [])
    await _take(database, ground, "orders", write(header + '"=""3412345678901234567""",,2026-01-05,1\n'))
    assert await _rows(database, Order, "order_id") == [("3412345678901234567",)]
