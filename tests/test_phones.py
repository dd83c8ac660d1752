"""Telephone numbers: one line, one form; and nobody else's."""

import pytest

from bot.contacts import phones


@pytest.mark.parametrize(
    ("text", "country", "digits"),
    [
        ("+49 170 1234567", "DE", "491701234567"), ("0170 1234567", "DE", "491701234567"),
        ("0049 170 1234567", "DE", "491701234567"), ("+49 (0)170 1234567", "DE", "491701234567"),
        ("0170/123-45.67", "DE", "491701234567"), ("491701234567", "DE", "491701234567"),
        ("1701234567", "DE", "491701234567"), ("'+17755550154", "DE", "17755550154"),
        ("(775) 555-0154", "US", "17755550154"), ("1-415-555-0100", "US", "14155550100"),
        ("13800138000", "CN", "8613800138000"), ("8613800138000", "CN", "8613800138000"),
        ("０１７０ １２３４５６７", "DE", "491701234567"), ("8 912 345-67-89", "RU", "79123456789"),
        ("06 12 34 56 78", "FR", "33612345678"), ("090-1234-5678", "JP", "819012345678"),
        ("+14155550100", None, "14155550100"), ("+1 415 555 0100 ext. 5", "DE", "14155550100"),
    ],
)  # fmt: skip
def test_a_number_is_read_with_its_country(text: str, country: str | None, digits: str) -> None:
    assert phones.read(text, country) == digits


@pytest.mark.parametrize(
    ("text", "country", "words"),
    [
        ("4.91701E+11", "DE", "rounded by a spreadsheet"), ("4,91701E+11", "DE", "rounded by a spreadsheet"),
        ("0170 1234567", None, "no country code"), ("+49 151 1", "DE", "not a telephone number"),
        ("13800138000", "DE", "not a telephone number of DE"), ("33612345678", "DE", r"may be \+4933.* or \+336"),
        ("12345", "DE", "not a telephone number"),
        ("+49 170 1234567 / +49 171 7654321", "DE", "not a telephone number"),
    ],
)  # fmt: skip
def test_what_names_no_line_or_two_is_refused_in_words(text: str, country: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        phones.read(text, country)


def test_a_column_of_international_numbers_needs_no_plus() -> None:
    assert phones.read("33612345678", "DE", international=True) == "33612345678"
