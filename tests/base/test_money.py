"""Amounts of money as programs and people write them."""

import time

import pytest

from bot.base import money


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("9.50", 950), ("9,50", 950), ("1.234,50", 123450), ("1,234.50", 123450), ("12,50 €", 1250), ("€12.50", 1250),
        ("EUR 12,5", 1250), ("12,50\u00a0€", 1250), ("-12,50 €", -1250), ("€ -12.50", -1250), ("−3,20", -320),
        ("1,234", 123400), ("1,234 €", 123400), ("1,234,567", 123456700), ("1.234.567,89", 123456789),
        ("1\u202f234,50 €", 123450), ("CHF 1’234.50", 123450), ("12,-", 1200), ("12.– €", 1200), ("Rs. 500", 50000),
        ("12 kr.", 1200), ("１，２８０元", 128000), ("R$ 12", 1200),
        ("12 SFr.", 1200), ("¥88", 8800), ("88元", 8800), ("US$1,299.00", 129900), ("12,34,567.50", 123456750),
        # No thousands: nothing is grouped there, or a program wrote it.
        ("0,234", 23), ("1234,567", 123457), ("1.234", 123), (",5", 50), (".5", 50), ("7.", 700), ("1e2", 10000),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_people_write_it(text: str, minor: int) -> None:
    assert money.to_minor(text, "EUR") == minor


@pytest.mark.parametrize(
    "text",
    ["", " ", "€", "free", "on request", "12 or 13", "1.2.3", "1,23,4", "1,234,56", "12,5,", "10 %", "12€50", "1_000",
     "99 ct", "12 kg", "1.5百", "2 lakh", "3 St.", "5.00 CR",
     "nan", "Infinity", "1e999999", "--5", "-€-5", "1,,5", "3 for 10"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount of money"):
        money.to_minor(text, "EUR")


def test_a_point_before_three_digits_is_for_thousands_only_where_no_program_wrote_it() -> None:
    assert money.to_minor("1.299", "EUR", by_people=True) == 129900
    assert money.to_minor("1.299 €", "EUR", by_people=True) == 129900
    assert money.to_minor("0.299", "EUR", by_people=True) == 30


def test_what_is_less_than_nothing_stands_in_brackets_in_sheets() -> None:
    assert money.to_minor("($5.00)", "EUR", by_people=True) == -500


def test_a_currency_has_its_own_smallest_unit() -> None:
    assert money.to_minor("1,234", "JPY") == 1234
    assert money.to_minor("12,5", "KWD") == 12500


def test_blanks_between_change_nothing_and_long_words_cost_nothing() -> None:
    assert money.to_minor("  EUR" + " " * 5000 + "12,50  ", "EUR") == 1250
    started = time.process_time()
    for words in ("-" + " " * 5000 + "x", "x- " * 5000, "1 " * 5000 + "x", "1,22" * 5000, "9" * 32_000):
        assert money.named_currency(words) is None
        with pytest.raises(ValueError, match="is not an amount of money") as told:
            money.to_minor(words, "EUR")
        assert len(str(told.value)) < 400
    assert time.process_time() - started < 1
