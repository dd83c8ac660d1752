"""Every mistake in the file of a broadcast names its file, line, key and the mend."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from automations.broadcasts import broadcast, broadcast_files
from bot import checks
from bot.__main__ import cli
from bot.base.config import Config
from bot.base.errors import FindingsError

GOOD = """title = "Summer sale"
segment = "subscribers"
send = "newsletter"
subject = "Summer at {{ shop.name }}"
when = "2026-12-01 10:00"
zone = "recipient"
late = "skip"
throttle = "5000 per 1h"
max_lateness = "6h"
holdout = 0.05
on_cap = "defer"

[test]
share = 0.2
wait = "4h"
metric = "click"

[[test.variants]]
name = "plain"

[[test.variants]]
name = "short"
subject = "Sale"
"""
# What is wrong, in which line, and what must be said: each replaces a line of the good file.
MISTAKES = [
    ('segment = "subscribers"', 'segment = "subscriber"', 2, "there is no segment 'subscriber'; did you mean"),
    ('segment = "subscribers"', "", 1, "segment: this is missing"),
    ('title = "Summer sale"', "", 1, "title: this is missing"),
    ('send = "newsletter"', 'send = "newsleter"', 3, "no mail template of this name; did you mean newsletter?"),
    ('send = "newsletter"', 'snd = "newsletter"', 3, "unknown key; did you mean send?"),
    ('when = "2026-12-01 10:00"', 'when = "2026-12-01"', 5, 'such as "2026-12-01 10:00"'),
    ('when = "2026-12-01 10:00"', 'when = "2026-13-01 10:00"', 5, 'such as "2026-12-01 10:00"'),
    ('when = "2026-12-01 10:00"', 'when = "2026-12-01 10:00+02:00"', 5, "such as"),
    ('when = "2026-12-01 10:00"', "when = 2026-12-01T10:00:00Z", 5, "without a zone"),
    ('when = "2026-12-01 10:00"', 'when = "2026-12-01 23:30"', 5, "lies in the quiet hours 21:00-08:00"),
    ('zone = "recipient"', 'zone = "Europe/Berlinn"', 6, "is no zone"),
    ('zone = "recipient"', 'zone = "shop"', 7, 'belongs to zone = "recipient"'),
    ('late = "skip"', 'late = "skp"', 7, "did you mean skip?"),
    ('throttle = "5000 per 1h"', 'throttle = "5000"', 8, 'such as "5000 per 1h"'),
    ('throttle = "5000 per 1h"', 'throttle = "0 per 1h"', 8, 'such as "5000 per 1h"'),
    ('throttle = "5000 per 1h"', 'throttle = "50 per hour"', 8, "not a duration"),
    ('max_lateness = "6h"', "max_lateness = 6", 9, "write a duration in quotes"),
    ("holdout = 0.05", "holdout = 5", 10, "less than 1"),
    ('on_cap = "defer"', 'on_cap = "wait"', 11, "is not one of them"),
    ('on_cap = "defer"', 'channels = ["sms"]', 11, "nothing is sent by sms yet"),
    ('on_cap = "defer"', 'channels = ["mail"]', 11, "is not one of them"),
    ('on_cap = "defer"', "channels = []", 1, "channels is empty"),
    ('on_cap = "defer"', 'channels = ["email", "email"]', 11, "stands there twice"),
    ('on_cap = "defer"', 'topic = "offer"', 11, "there is no topic 'offer'"),
    ('on_cap = "defer"', 'coupon = "summer"', 11, "there is no pool 'summer'"),
    ('on_cap = "defer"', 'quiet_hours = "on"', 11, "is not one of them"),
    ('on_cap = "defer"', 'name = "other"', 11, "named by its file"),
    ("share = 0.2", "share = 2", 14, "less than or equal to 0.9"),
    ("share = 0.2", "shares = 0.2", 14, "did you mean share?"),
    ('wait = "4h"', 'wait = "0h"', 15, "give people time to click"),
    ('wait = "4h"', "", 13, "this is missing"),
    ('metric = "click"', 'metric = "open"', 16, "'open' is not one of them"),
    ('name = "short"', 'name = "plain"', 13, "two variants have the same name"),
    ('subject = "Sale"', "", 13, "two variants say the same"),
    ('subject = "Sale"', 'send = "newsletr"', 23, "did you mean newsletter?"),
    ('subject = "Sale"', 'subjekt = "Sale"', 23, "did you mean subject?"),
    ('name = "short"', 'name = "Short!"', 22, "is no name here"),
]  # fmt: skip


def _config(tmp_path: Path, text: str = GOOD, name: str = "summer") -> Config:
    folder = tmp_path / "broadcasts"
    folder.mkdir()
    (folder / f"{name}.toml").write_text(text, "utf-8")
    return Config.model_validate({"automations": {"broadcasts_folder": str(folder)}})


def _found(config: Config) -> list[str]:
    try:
        broadcast_files.load(config, broadcast_files.around(config, ["newsletter", "welcome"]))
    except FindingsError as error:
        return [str(one) for one in error.findings]
    return []


def test_a_sound_file_has_no_findings_and_becomes_a_flow(tmp_path: Path) -> None:
    config = _config(tmp_path)
    found = broadcast_files.load(config, broadcast_files.around(config, ["newsletter"]))["summer"]
    flow = broadcast.as_flow(found.broadcast, found.tree)
    assert flow.name == "broadcast:summer" and flow.throttle is not None and flow.throttle.count == 5000
    assert [step.send for step in flow.steps] == ["newsletter"] and flow.steps[0].on_cap == "defer"
    assert flow.for_variant("short").steps[0].subject == "Sale"
    assert flow.for_variant("plain").steps[0].subject == "Summer at {{ shop.name }}" == flow.steps[0].subject


@pytest.mark.parametrize(
    ("line", "instead", "number", "words"), MISTAKES, ids=[one[1] or f"no {one[0]}" for one in MISTAKES]
)
def test_a_mistake_names_file_line_and_mend(tmp_path: Path, line: str, instead: str, number: int, words: str) -> None:
    assert GOOD.count(line) >= 1
    before, _, after = GOOD.rpartition(line)
    found = _found(_config(tmp_path, before + instead + after))
    assert any(words in one and f"summer.toml:{number}:" in one for one in found), found


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("share = 0.2", "share = 2"), ('title = "Summer sale"', "title = 3"), ('name = "short"', 'name = "Short!"'),
        (GOOD[GOOD.index("[[test.variants]]") :], "[[test.variants]]\nname = 'plain'\n"),
    ],
)  # fmt: skip
def test_what_stands_there_and_is_wrong_is_not_called_missing(tmp_path: Path, line: str, instead: str) -> None:
    found = _found(_config(tmp_path, GOOD.replace(line, instead)))
    assert len(found) == 1 and "missing" not in found[0], found


def test_a_wrong_name_of_a_file_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "small letters" in _found(_config(tmp_path, name="Summer Sale"))[0]
    gone = Config.model_validate({"automations": {"broadcasts_folder": str(tmp_path / "gone")}})
    assert "does not exist" in _found(gone)[0]
    assert any("does not exist" in str(one) for one in checks.files(gone))


def test_the_check_of_the_program_finds_them(tmp_path: Path) -> None:
    config = _config(tmp_path, GOOD.replace("newsletter", "newsleter"))
    assert any("did you mean newsletter?" in str(one) for one in checks.files(config))


def _run(folder: Path, *words: str, says: str = "") -> Any:
    return CliRunner().invoke(cli, ["broadcast", *words, "--config", str(folder / "config.toml")], input=says)


def test_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "broadcasts").mkdir()
    plain = 'title = "Sale"\nsegment = "subscribers"\nsend = "newsletter"\n'
    (tmp_path / "broadcasts" / "sale.toml").write_text(plain, "utf-8")
    words = f'[automations]\nbroadcasts_folder = "broadcasts"\n[database]\nurl = "sqlite:///{tmp_path / "shop.db"}"\n'
    (tmp_path / "config.toml").write_text(words, "utf-8")
    assert "sale can be started" in _run(tmp_path, "check", "sale").output
    assert "did you mean sale?" in _run(tmp_path, "check", "sales").output
    (tmp_path / "broadcasts" / "winter.toml").write_text(f'{plain}when = "2021-12-01 10:00"\n', "utf-8")
    past = "winter.toml: when: 2021-12-01 10:00 is past; give another time with --at"
    assert past in _run(tmp_path, "check", "winter").output
    assert "is past" in _run(tmp_path, "start", "winter", "--yes").output
    assert "sale can be started" in _run(tmp_path, "check", "sale").output
    assert "0 in subscribers; goes when it is started" in _run(tmp_path, "preview", "sale").output
    wrong = _run(tmp_path, "start", "sale", says="7\n")
    assert wrong.exit_code == 1 and "nothing was started" in wrong.output
    assert "sale (draft): Sale" in _run(tmp_path, "show", "sale").output
    assert "sale is on its way to 0" in _run(tmp_path, "start", "sale", says="0\n").output
    assert "started already" in _run(tmp_path, "start", "sale", "--yes").output
    assert "no broadcast 'x'; known here: sale, winter" in _run(tmp_path, "show", "x").output
    assert "rests until" in _run(tmp_path, "pause", "sale").output
    assert "paused" in _run(tmp_path, "list").output
    assert _run(tmp_path, "resume", "sale", "--late", "skip").output.startswith("sale goes on")
    assert "nothing more leaves" in _run(tmp_path, "cancel", "sale").output
    assert "cancelling" in _run(tmp_path, "show", "sale").output
