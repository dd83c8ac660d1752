"""Words folded below others: HTML that Telegram takes, in one message, without an entity cut."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo import telegram_markup
from bot.outbound.telegram_sizes import TEXT, units, with_fold

REST = "The whole mail: aftercart mail show 7"


@pytest.mark.parametrize("below", ["> old\n> words", "1 < 2 & 3 > 2", "&amp;", "😀"])
def test_little_is_folded_whole(below: str) -> None:
    words, entities = telegram_markup.read(with_fold("Blue <b> & white", below, REST), "HTML")
    assert words == f"Blue <b> & white\n{below}"
    assert [one["type"] for one in entities] == ["expandable_blockquote"]
    assert entities[0]["offset"] == units("Blue <b> & white\n")


@pytest.mark.parametrize("one", ["word ", "a&b ", "<", "😀", "line\n", "x"])
def test_much_is_folded_as_far_as_one_message_goes_and_says_where_the_rest_is(one: str) -> None:
    made = with_fold("Blue.", one * 5000, REST)
    assert TEXT * 0.75 < units(made) <= TEXT
    words, entities = telegram_markup.read(made, "HTML")
    assert words.startswith(f"Blue.\n{one[0]}") and words.endswith(f"…\n{REST}")
    assert len(entities) == 1


def test_without_room_only_the_rest_is_told() -> None:
    text = "own words " * 400
    assert with_fold(text, "old words " * 200, REST) == f"{text}\n{REST}"


@given(text=st.text(max_size=4000), below=st.text(min_size=1, max_size=5000))
def test_it_is_always_html_that_telegram_takes(text: str, below: str) -> None:
    made = with_fold(text, below, REST)
    words, _ = telegram_markup.read(made, "HTML")
    assert words.startswith(html.unescape(html.escape(text, quote=False)))
    assert units(made) <= max(TEXT, units(html.escape(text, quote=False)) + units(REST) + 1)
