"""Telephone numbers as people write them, in the one form that names a line anywhere: the digits of E.164."""

import re
import unicodedata

import phonenumbers

_ROUNDED = re.compile(r"\d+([.,]\d+)?\s*e\s*\+?\d+", re.I)


def read(text: str, country: str | None, *, international: bool = False) -> str:
    """Digits with the country code, without a plus. Raises ValueError for what names no line.

    A number without a plus is one of `country`; `international` says that it has its country code nevertheless. One
    that can be both is refused: a wrong number is a stranger's.
    """
    bare = unicodedata.normalize("NFKC", text).strip().strip("'\"=").strip()
    if _ROUNDED.fullmatch(bare):
        raise ValueError("rounded by a spreadsheet, its last digits are lost; format the column as text")
    digits = re.sub(r"\D", "", bare)
    if bare.startswith(("+", "00")) or international:
        found = _valid("+" + digits.removeprefix("00"), None) or (_valid(bare, country) if country else None)
        if found is None:
            raise ValueError("not a telephone number that exists")
        return found
    if country is None:
        raise ValueError("no country code; write it like +49 30 123456, or set [shop] country")
    here, abroad = _valid(bare, country), _valid("+" + digits, None)
    code = str(phonenumbers.country_code_for_region(country))
    if abroad and abroad.startswith(code) and len(digits) > len(code) + 8:
        return abroad  # the country's own code stands there
    if here and abroad and here != abroad and _lacks_its_prefix(here, digits, country):
        raise ValueError(f"may be +{here} or +{abroad}; write it with a plus and the country code")
    if here is None:
        raise ValueError(f"not a telephone number of {country}; write one of another country with a plus and its code")
    return here


def _valid(text: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+")


def _lacks_its_prefix(found: str, digits: str, country: str) -> bool:
    """Whether people of that country would have written it with a digit before it (Germany's 0)."""
    prefix = phonenumbers.ndd_prefix_for_region(country, True)
    return bool(prefix and not digits.startswith(prefix)) and found.endswith(digits)
