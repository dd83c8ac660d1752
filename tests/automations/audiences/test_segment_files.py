import asyncio
from pathlib import Path

import pytest

from automations.asking import conditions
from automations.audiences import segment_files, segment_watch
from automations.audiences.segment_watch import SegmentWatch
from automations.definition import flow_files, uses
from automations.definition.flow_files import Flows
from bot import schedule
from bot.base.config import Config
from bot.base.errors import FindingsError

TIERS = [{"name": "silver", "from": 100}, {"name": "gold", "from": 500}]
MISTAKES = [
    ('title = "x"\n', 1, "no condition: write all"),
    ("all = []\n", 1, "all: "),
    ("titel = 'x'\n[[all]]\ntag = 'a'\n", 1, "titel: unknown key; did you mean title?"),
    ("[[all]]\ntag = 'a'\n[[all]]\nlangauge = 'en'\n", 4, "all[2].langauge: unknown condition; did you mean language?"),
    ("[[all]]\ntag = 'a'\nlanguage = 'en'\n", 1, "all[1]: a condition says one thing"),
    ("[[all]]\nevent = {name = 'x', atleast = 2}\n", 2, "all[1].event.atleast: unknown key; did you mean at_least?"),
    ("[[all]]\nevent = {at_least = 3}\n", 2, "all[1].event.name: this is missing"),
    ("[[all]]\nevent = {name = 'Product Viewd'}\n", 2, "did you mean 'Product Viewed'?"),
    ("[[all]]\nevent = {name = 'Placed Order'}\n", 2, "is kept under the name 'Order Completed'"),
    ("[[all]]\nevent = {name = 'x', within = 30}\n", 2, "within: write a duration in quotes"),
    ("[[all]]\nevent = {name = 'x', within = '0d'}\n", 2, "longer than nothing"),
    ("[[all]]\nevent = {name = 'x', at_least = 3, at_most = 2}\n", 2, "at least more than at most"),
    ("[[all]]\nevent = {name = 'x', at_least = -1}\n", 2, "at_least: "),
    ("[[all]]\norders = {at_lest = 2}\n", 2, "orders.at_lest: unknown key; did you mean at_least?"),
    ("[[all]]\nlast_order = {}\n", 2, "write before"),
    ("[[all]]\nlast_order = {before = 'soon'}\n", 2, "is not a duration"),
    ("[[all]]\nlast_order = {before = '2026-13-01'}\n", 2, "is not a date"),
    ("[[all]]\nbought = {product = 'a', category = 'b'}\n", 2, "one of them"),
    ("[[all]]\nrfm = 'champion'\n", 2, "no RFM group 'champion'; did you mean champions?"),
    ("[[all]]\ntier = ['gold', 'sliver']\n", 2, "no tier 'sliver'; did you mean silver?"),
    ("[[all]]\ntier_at_least = 'golf'\n", 2, "no tier 'golf'; did you mean gold?"),
    ("[[all]]\nsegment = 'vipp'\n", 2, "no segment 'vipp'; did you mean vip?"),
    ("[[all]]\nsegment = 'mine'\n", 1, "goes in a circle: mine → mine"),
    ("[[all]]\nlanguage = 'de'\n", 2, "no language 'de'"),
    ("[[all]]\ncountry = 'Germany'\n", 2, "two capital letters"),
    ("[[all]]\nreachable = 'mail'\n", 2, "'mail' is not one of them; did you mean email?"),
    ("[[all]]\nconsent = {chanel = 'email'}\n", 2, "consent.chanel: unknown key; did you mean channel?"),
    ("[[all]]\nclicked = {}\n", 2, "clicked.within: this is missing"),
    ("[[all]]\ntrait = {name = 'a\"b'}\n", 2, "trait.name: "),
    ("[not]\nany = [{tag = 'a'}, {rfm = 'best'}]\n", 2, "no RFM group 'best'"),
    ("[[all]]\ntag = 'a'\n[[all]\n", 3, "not valid TOML"),
]


def _config(folder: Path) -> Config:
    return Config.model_validate({"automations": {"segments_folder": folder, "tiers": TIERS}})


def _refused(folder: Path) -> list[str]:
    with pytest.raises(FindingsError) as refused:
        segment_files.load(_config(folder))
    return [str(one) for one in refused.value.findings]


@pytest.mark.parametrize(("text", "line", "words"), MISTAKES, ids=[words for _, _, words in MISTAKES])
def test_a_mistake_is_told_with_file_line_key_and_the_mend(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    told = _refused(tmp_path)
    assert len(told) == 1, told
    assert told[0].startswith(f"{tmp_path / 'mine.toml'}:{line}: ")
    assert words in told[0]


def test_all_mistakes_of_all_files_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("[[all]]\nrfm = 'best'\n[[all]]\ntier = 'best'\n", "utf-8")
    (tmp_path / "Two.toml").write_text("[[all]]\ntag = 'a'\n", "utf-8")
    assert len(_refused(tmp_path)) == 3


def test_segments_that_name_each_other_go_in_a_circle(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.toml").write_text(f"[not]\nsegment = '{other}'\n", "utf-8")
    assert any("goes in a circle: a → b → c → a" in one for one in _refused(tmp_path))


def test_a_file_of_the_shop_replaces_ours(tmp_path: Path) -> None:
    (tmp_path / "vip.toml").write_text("title = 'Mine'\n[[all]]\ntag = 'vip'\n", "utf-8")
    found = segment_files.load(_config(tmp_path))
    assert found.by_name["vip"].title == "Mine"
    assert "lapsed" in found.by_name


def test_a_definition_as_json_is_told_its_mistakes_too() -> None:
    with pytest.raises(FindingsError, match=r"any\[1\]\.rfm: there is no RFM group 'best'"):
        segment_files.of_tree({"any": [{"rfm": "best"}]}, Config(), segment_files.Segments())
    with pytest.raises(FindingsError):
        segment_files.of_tree(["no", "tree"], Config(), segment_files.Segments())


FLOW = """
title = "Mine"
about = "win_back"
priority = "win_back"
filters = [{questions}]
[trigger]
segment = "{segment}"
[enrol]
key = "mine:{{contact}}"
[[steps]]
id = "tell"
tag = {{add = ["told"]}}
"""


def _flows(folder: Path, segment: str, *questions: str) -> Flows:
    asked = ", ".join(f'"{one}"' for one in questions)
    (folder / "mine.toml").write_text(FLOW.format(segment=segment, questions=asked), "utf-8")
    config = Config.model_validate({"automations": {"tiers": TIERS}})
    return flow_files.load([folder], flow_files.around(config))


def test_flows_say_which_segments_must_be_kept(tmp_path: Path) -> None:
    flows = _flows(tmp_path, "vip", "not_in_segment(sunset)", "tier_at_least(silver)", "rfm_not_in(lost)")
    assert uses.segments(flows) == {"vip", "sunset"}


@pytest.mark.parametrize(
    ("segment", "question", "words"),
    [
        ("vipp", "rfm_in(lost)", "there is no segment 'vipp'; did you mean vip?"),
        ("vip", "in_segment(lapst)", "there is no segment 'lapst'; did you mean lapsed?"),
        ("vip", "tier_is(golden)", "there is no tier 'golden'; did you mean gold?"),
        ("vip", "rfm_in(loosers)", "no RFM group 'loosers'"),
        ("vip", "spent_more(lots)", "is not an amount"),
        ("vip", "orders_at_least(two)", "is not a number of orders"),
    ],
)
def test_a_flow_that_names_what_is_not_there_is_refused(
    tmp_path: Path, segment: str, question: str, words: str
) -> None:
    with pytest.raises(FindingsError, match=r"mine\.toml") as refused:
        _flows(tmp_path, segment, question)
    assert words in str(refused.value)


def test_every_question_about_standing_is_known() -> None:
    for text in ("rfm_in(champions)", "tier_is(gold)", "tier_at_least(gold)", "spent_more(200)", "orders_at_least(2)",
                 "in_segment(vip)", "not_in_segment(vip)"):  # fmt: skip
        assert conditions.parse(text).condition.needs <= {"standing", "segments"}


def test_changed_files_are_taken_and_wrong_ones_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[[all]]\ntag = 'a'\n", "utf-8")
    watch = SegmentWatch(_config(tmp_path))
    segments = watch.segments
    names = segment_files.Names(_config(tmp_path))
    assert watch.look() is None
    file.write_text("title = 'Mine'\n[[all]]\ntag = 'b'\n", "utf-8")
    (tmp_path / "other.toml").write_text("[[all]]\nsegment = 'mine'\n", "utf-8")
    found = watch.look()
    assert found is not None
    segments.take(found)
    assert segments.by_name["mine"].title == "Mine" and "other" in segments.by_name and "other" in names
    file.write_text("[[all]]\nrfm = 'best of all'\n", "utf-8")
    assert watch.look() is None
    assert watch.look() is None and "mine.toml:2" in str(watch.wrong[0])
    assert segments.by_name["mine"].title == "Mine" and "other" in segments
    (tmp_path / "third.toml").write_text("[[all]]\ntag = 'c'\n", "utf-8")
    found = watch.look()
    assert found is not None and {"mine", "other", "third"} <= set(found), "one wrong file holds up no other"
    segments.take(found)
    file.unlink()
    (tmp_path / "other.toml").unlink()
    assert "mine" not in (watch.look() or {"mine"})
    assert "mine" not in names and len(names) == len(list(names))


def test_a_start_with_a_wrong_file_uses_the_segment_as_it_was_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[[all]]\nrfm = 'best of all'\n", "utf-8")
    (tmp_path / "above.toml").write_text("[[all]]\nsegment = 'mine'\n", "utf-8")
    kept = {"mine": {"title": "Mine", "all": [{"tag": "a"}]}}
    watch = SegmentWatch(_config(tmp_path), kept)
    assert watch.segments.by_name["mine"].title == "Mine" and "above" in watch.segments and len(watch.wrong) == 1
    assert not {"mine", "above"} & set(SegmentWatch(_config(tmp_path)).segments)


def test_one_wrong_file_leaves_the_others_to_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[[all]]\nrfm = 'best of all'\n", "utf-8")
    (tmp_path / "above.toml").write_text("[[all]]\nsegment = 'wrong'\n", "utf-8")
    (tmp_path / "round.toml").write_text("[[all]]\nsegment = 'about'\n", "utf-8")
    (tmp_path / "about.toml").write_text("[[all]]\nsegment = 'round'\n", "utf-8")
    (tmp_path / "mine.toml").write_text("[[all]]\nsegment = 'vip'\n", "utf-8")
    found, wrong = segment_files.sound(_config(tmp_path))
    assert {"vip", "mine"} <= set(found) and not {"wrong", "above", "round", "about"} & set(found)
    assert [Path(str(one.file)).stem for one in wrong] == ["wrong", "about", "round"]
    with pytest.raises(FindingsError) as refused:
        segment_files.load(_config(tmp_path))
    assert list(refused.value.findings) == wrong


async def test_a_process_without_a_metronome_looks_until_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_watch, "EVERY", 0.01)
    watch, stop = SegmentWatch(_config(tmp_path)), asyncio.Event()
    following = asyncio.create_task(watch.follow(stop))
    (tmp_path / "mine.toml").write_text("[[all]]\ntag = 'a'\n", "utf-8")
    async with asyncio.timeout(10):
        while "mine" not in watch.segments.by_name:
            await asyncio.sleep(0.01)
        stop.set()
        await following
    assert "mine" in watch.segments.by_name


def test_segment_files_are_looked_at_as_often_as_flow_files() -> None:
    crons = {line.name: line.cron for line in schedule.TABLE}
    assert crons["segment files"] == crons["flow files"] and crons["segments"] == "*/3 * * * *"
