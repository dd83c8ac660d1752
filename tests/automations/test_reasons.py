"""Every reason that is kept has words of its own, in each language, and none reads as its opposite."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.asking import conditions
from automations.reports import reasons
from bot.base import paths, texts
from bot.base.texts import Texts
from bot.inbound.mailbox import bounces

ROOT = Path(__file__).parents[2]
SAYS = Texts(texts.folders(None))
_SAYING = {"No", "Skip", "Defer", "_later", "Outcome", "Move", "leave", "_leave"}
_NO_REASONS = {
    "active", "exited", "sent", "failed", "unknown", "skipped", "withheld", "finished", "render_error", "deferred",
}  # fmt: skip


def _written() -> Iterator[str]:
    """The words that the code gives as reasons: plain ones at the calls that keep them."""
    for folder in ("automations/gate", "automations/running", "bot/outbound"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                given = [one for one in node.args if isinstance(one, ast.Constant)] if called in _SAYING else []
                named = [one.value for one in node.keywords if one.arg in ("exit_reason", "reason")]
                for one in (*given, *(one for one in named if isinstance(one, ast.Constant))):
                    if isinstance(one.value, str) and re.fullmatch(r"[a-z][a-z_0-9]*", one.value):
                        yield one.value


def _every() -> set[str]:
    asked = {one.reason for one in conditions.KNOWN.values()}
    gated = {word for word in _written() if word not in _NO_REASONS}
    left = {"goal", "goal_reached", "higher_flow", "re_entry", "no_address", "higher_intent", "superseded", "resting",
            "unsubscribed", "complaint", "no_consent", "step_removed", "version_moved", "stopped", "late"}  # fmt: skip
    return asked | gated | left | set(bounces.REASONS.values())


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_reason_has_words(language: str) -> None:
    missing = {word for word in _every() if f"reason.{word}" not in SAYS.names(language)}
    assert missing == set()


def test_a_question_without_a_word_for_its_no_is_kept_as_not() -> None:
    plain = {name for name, one in conditions.KNOWN.items() if one.reason == f"not_{name}"}
    assert {"just_signed_up", "ordered", "bought_again"} <= plain
    assert not any(one.reason == name for name, one in conditions.KNOWN.items()), "a no is kept as the name of its yes"


def test_who_did_not_just_sign_up_reads_so_also_in_rows_of_before() -> None:
    for word in ("just_signed_up", "not_just_signed_up"):
        assert "did not just sign up" in reasons.in_words(SAYS, "en", {"reason": word})
        assert "不是" in reasons.in_words(SAYS, "zh_CN", {"reason": word})


def test_what_is_known_of_a_reason_is_said_with_it() -> None:
    late = {"reason": "stale", "late_seconds": 93_660}
    assert reasons.in_words(SAYS, "en", late).endswith("(1d 2h 1m late)")
    assert reasons.in_words(SAYS, "en", {"reason": "goal", "because": "ordered"}).endswith("(they have ordered since)")
    assert "sunny_day" in reasons.in_words(SAYS, "zh_CN", {"reason": "sunny_day"})


def test_one_word_says_what_it_means_where_it_stands() -> None:
    spam, open_one = ({"reason": one, "because": "complaint"} for one in ("suppressed", "held_by_service"))
    assert "spam" in reasons.in_words(SAYS, "en", spam) and "spam" not in reasons.in_words(SAYS, "en", open_one)
    joined = {"reason": "merged"}
    assert reasons.in_words(SAYS, "en", joined) != reasons.in_words(SAYS, "en", joined, ended=True)


def test_numbers_and_marks_of_the_program_stay_out_of_the_sentence() -> None:
    drawn = {"reason": "withheld", "bucket": 12, "of": "flow"}
    assert "(" not in reasons.in_words(SAYS, "en", drawn)
    lacking = {"reason": "no_channel", "channels": {"telegram": "no_sender", "email": "no_template"}}
    for language in ("en", "zh_CN"):
        said = reasons.in_words(SAYS, language, lacking)
        assert "telegram" in said and "no_" not in said and "{" not in said


def test_what_is_counted_is_said_in_words_as_well() -> None:
    for word in ("no_consent", "left", "finished", "active", "failed", "withheld", "late"):
        for language in ("en", "zh_CN"):
            said = reasons.of_count(SAYS, language, word, ended=True)
            assert said and "_" not in said and "{" not in said and said != word


def test_both_languages_have_the_same_words() -> None:
    names = [{name for name in SAYS.names(one) if name.startswith(("reason.", "why."))} for one in ("en", "zh_CN")]
    assert names[0] == names[1] and len(names[0]) > 100
    assert (paths.templates() / "locale" / "zh_CN.po").is_file()
