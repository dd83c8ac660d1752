from hypothesis import given
from hypothesis import strategies as st

from bot.base import ids


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_token_gives_its_number_back(number: int) -> None:
    assert ids.unsign("click", ids.sign("click", number, "secret"), "secret") == number


def test_a_token_is_good_for_one_purpose_one_key_and_one_extra() -> None:
    token = ids.sign("click", 7, "secret", b"https://a.example")
    assert ids.unsign("click", token, "secret", b"https://a.example") == 7
    assert ids.unsign("unsubscribe", token, "secret", b"https://a.example") is None
    assert ids.unsign("click", token, "other", b"https://a.example") is None
    assert ids.unsign("click", token, "secret", b"https://b.example") is None


@given(st.text())
def test_garbage_is_no_token(text: str) -> None:
    assert ids.unsign("click", text, "secret") is None


def test_stable_ids_are_the_same_for_ever() -> None:
    assert ids.stable(1, "mail_1") == "56ce6ec8-a01c-5f7a-947c-3865ec22a8b9"
    assert ids.stable(1, "a") != ids.stable(1, "b")
