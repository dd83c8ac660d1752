"""Ready answers: what is found, what is refused, what is wrong in a shop's own file, and how well it does."""

import time
from pathlib import Path

import pytest

from bot.base import paths
from bot.base.errors import FindingsError
from bot.support import answers
from bot.support.answers import guards, mentions


@pytest.fixture(scope="module")
def index() -> answers.Index:
    return answers.load([paths.templates()])


@pytest.mark.parametrize(
    ("text", "language", "entry"),
    [
        ("Where is my order?", "en", "order_status"),
        ("hi, wher is my ordr", "en", "order_status"),
        ("Hello! Could you please tell me how much does shipping cost?", "en", "shipping_fee"),
        ("HOW MUCH is shipping", "en", "shipping_fee"),
        ("do you gift wrap?", "en", "gift_wrap"),
        ("您好，请问什么时候发货", "zh_CN", "ship_time"),
        ("ＷＨＥＲＥ is my order", "en", "order_status"),
        ("thanks!", "en", "thanks_bye"),
        ("可以开发票吗？", "zh_CN", "invoice"),
    ],
)
def test_a_common_question_is_answered(index: answers.Index, text: str, language: str, entry: str) -> None:
    match = index.match(text, language)
    assert match.kind == "answer" and match.entry is not None and match.entry.id == entry


@pytest.mark.parametrize(
    "text",
    ["let me talk to a real person", "agent", "转人工", "I will call my lawyer", "你们是骗子", "WHERE IS MY PARCEL NOW",
     "where is my order!!!", "this is ridiculous, how do i get a refund"],
)  # fmt: skip
def test_who_asks_for_a_person_or_is_angry_gets_one_at_once(index: answers.Index, text: str) -> None:
    assert index.match(text, "en").kind == "hand_over"


@pytest.mark.parametrize(
    "text",
    ["My order is cancelled", "No cancellation", "i got refund thankyou", "please do not cancel my order",
     "不要取消订单", "订单已经取消了", "已经被取消订单"],
)  # fmt: skip
def test_a_state_or_a_negation_is_no_request(index: answers.Index, text: str) -> None:
    match = index.match(text, "zh_CN" if not text.isascii() else "en")
    requests = {entry.id for entry in [match.entry, *match.suggestions] if entry and entry.request}
    assert match.kind != "answer" and not requests


def test_a_question_about_changing_is_still_a_request() -> None:
    assert not guards.only_sounds_like_a_request("can i cancel my order")
    assert not guards.only_sounds_like_a_request("can the address be changed")


@pytest.mark.parametrize("text", ["", "🙂", "。。。", "x" * 4000, "\x00", "1"])
def test_nothing_that_somebody_may_write_breaks_the_matcher(index: answers.Index, text: str) -> None:
    assert index.match(text, "en").kind in ("hand_over", "suggest", "answer")


def test_one_shared_word_is_not_an_answer(index: answers.Index) -> None:
    """WRatio gives 85.5 to nearly every entry as soon as one word such as "card" or "my" is shared."""
    assert index.match("my birthday card for my brother got wet in the rain on my way", "en").kind != "answer"


def test_an_entry_without_words_in_the_language_is_not_used(tmp_path: Path) -> None:
    shop = _shop(
        tmp_path, '[[answer]]\nid = "parking"\nphrasings = ["where can i park"]\nanswer = "Behind the house."\n'
    )
    index = answers.load([paths.templates(), shop])
    assert index.match("where can i park", "en").kind == "answer"
    assert index.match("where can i park", "zh_CN").kind != "answer"


def test_the_shops_own_entry_stands_over_ours_and_off_takes_one_away(tmp_path: Path) -> None:
    own = (
        '[[answer]]\nid = "shipping_fee"\nphrasings = ["how much is shipping"]\nanswer = "Always 3.90 €."\n'
        '[[answer]]\nid = "abroad"\noff = true\n'
    )
    index = answers.load([paths.templates(), _shop(tmp_path, own)])
    assert answers.say(index.by_id["shipping_fee"], "en", {}) == "Always 3.90 €."
    assert "abroad" not in index.by_id


@pytest.mark.parametrize(
    ("own", "line", "words"),
    [
        ('[[answer]]\nid = "a"\nphrasings = ["x y"]\nanswer = "{{ first_nam }}"', 1, "uses first_nam"),
        ('[[answer]]\nid = "a"\nphrasings = ["x y"]\nanswer = "{% if %}"', 1, "template of a is not right"),
        ('\n\n[[answer]]\nid = "a"\nphrasings = ["where is my order"]\nanswer = "A"', 3, "stands in order_status too"),
        ('[[answer]]\nid = "a"\nphrasings = []\nanswer = "A"', 1, "list of example phrasings"),
        ('[[answer]]\nid = "a"\nphrasings = ["x y"]', 1, "needs an answer or an action"),
        ('[[answer]]\nid = "a"\nphrasings = ["x y"]\naction = "fly"', 1, "unknown action 'fly'"),
        ('[[answer]]\nid = "A!"\nphrasings = ["x y"]\nanswer = "A"', 1, "needs an id"),
        ('[[answer]]\nid = "a"\nphrasings = ["x y"]\nanswer = "A"\ntone = 1', 1, "unknown key"),
        ('[[answer]]\nid = "a"\ntitle = 5\nphrasings = ["x y"]\nanswer = "A"', 1, "title is a text"),
        ('[[answer]]\nid = "a"\nrequest = "no"\nphrasings = ["x y"]\nanswer = "A"', 1, "true or false"),
        ('[[answer]]\nid = "a"\nphrasings = [', 3, "not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(tmp_path: Path, own: str, line: int, words: str) -> None:
    with pytest.raises(FindingsError) as caught:
        answers.load([paths.templates(), _shop(tmp_path, own)])
    (finding,) = caught.value.findings
    assert words in finding.message
    assert str(finding.file).endswith("en.toml") and abs((finding.line or 0) - line) <= 1


def test_a_missing_language_is_a_warning_only(tmp_path: Path) -> None:
    shop = _shop(
        tmp_path, '[[answer]]\nid = "parking"\nphrasings = ["where can i park"]\nanswer = "Behind the house."\n'
    )
    (finding,) = answers.lint([paths.templates(), shop])
    assert finding.warning and "zh_CN" in finding.message


def test_what_we_ship_has_no_finding_and_renders_for_somebody_without_a_name(index: answers.Index) -> None:
    assert answers.lint([paths.templates()]) == []
    values = {"first_name": "", "shop": {"name": "S", "url": "https://s.example"}, "orders": [], "hours": ["Mon"],
              "language": "en", "timezone": "UTC", "product": "", "ask": "answer", "Ask": "Answer"}  # fmt: skip
    for entry in index.entries:
        for language in ("en", "zh_CN"):
            assert entry.action or answers.say(entry, language, values)


def test_order_numbers_are_found_and_slips_are_only_near() -> None:
    assert mentions.numbers("where is #1001 and AB-20013?") == ["1001", "AB20013"]
    assert mentions.numbers("size 42, 19.90, in 2 days") == []
    assert mentions.nearest_number("48218", ["#48213", "#51000"]) == "#48213"
    assert mentions.nearest_number("48218", ["#48213", "#48219"]) is None


def test_a_product_is_found_by_part_of_its_name_with_typos() -> None:
    names = mentions.ProductNames(["Merino Sweater Navy", "Linen Shirt White", "Oak Desk Lamp", "橡木台灯"])
    found = names.find("is the marino sweter in navy in stock")
    assert found is not None and found.name == "Merino Sweater Navy"
    assert mentions.without("is the marino sweter in navy in stock", found).startswith("is the this item")
    assert names.find("where is my order") is None


def test_a_match_is_fast(index: answers.Index) -> None:
    started = time.process_time()
    for _ in range(50):
        index.match("could you please tell me when my parcel will arrive in berlin", "en")
    assert (time.process_time() - started) / 50 < 0.02


def _shop(folder: Path, text: str) -> Path:
    (folder / "answers").mkdir()
    (folder / "answers" / "en.toml").write_text(text, "utf-8")
    return folder


def test_a_message_made_to_be_slow_is_read_in_no_time(index: answers.Index) -> None:
    started = time.process_time()
    for words in ("!", "? ", ". ", "( ", "[ ", "😀", "\ufdfa", "@", "a. ", "qwzx "):
        index.match((words * 12_000)[:12_000], "en")
    assert time.process_time() - started < 4


def test_many_marks_between_hide_no_wish() -> None:
    assert guards.wants_human("!" * 400 + " can I talk to a human " + "?" * 400)
    assert guards.wants_human("转" + "。" * 50 + "人工")
