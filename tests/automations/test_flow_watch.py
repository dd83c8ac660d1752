import os
from pathlib import Path

import pytest

from automations.definition import flow_files
from automations.definition.flow_checks import Surroundings
from automations.definition.flow_watch import FlowWatch

FLOW = """title = "{title}"
about = "cart"
priority = "cart"
[trigger]
events = ["Product Added"]
[enrol]
key = "cart:{{cart_id}}"
[[steps]]
id = "first"
send = "abandoned_cart"
"""


def write(file: Path, text: str) -> None:
    """As an editor does: another time of change, whatever the clock of the file system says."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000_000, before + 1_000_000_000))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "hello.toml", FLOW.format(title="One"))
    return tmp_path / "hello.toml"


def test_nothing_is_read_while_nothing_changes(file: Path) -> None:
    assert FlowWatch([file.parent], Surroundings()).look() is None


def test_a_sound_change_is_taken_by_all_who_hold_the_flows(file: Path) -> None:
    held = flow_files.load([file.parent])
    watch = FlowWatch([file.parent], Surroundings())
    write(file, FLOW.format(title="Two"))
    found = watch.look()
    assert found is not None
    held.take(found)
    watch.taken()
    assert [flow.title for flow in held] == ["Two"] and held.definitions["hello"]["title"] == "Two"
    assert watch.look() is None


def test_what_could_not_be_published_comes_again(file: Path) -> None:
    watch = FlowWatch([file.parent], Surroundings())
    write(file, FLOW.format(title="Two"))
    assert watch.look() is not None
    assert watch.look() is not None, "nobody said that it runs"
    watch.taken()
    assert watch.look() is None


def test_a_wrong_change_keeps_what_runs_and_says_what_is_wrong(file: Path) -> None:
    watch = FlowWatch([file.parent], Surroundings())
    write(file, FLOW.format(title="Two").replace("send =", "sent ="))
    assert watch.look() is None
    assert [str(finding) for finding in watch.wrong] and "did you mean send" in str(watch.wrong[0])
    assert watch.look() is None and watch.wrong, "it is told once, and stays known"
    write(file, FLOW.format(title="Three"))
    assert watch.look() is not None and watch.wrong == ()


def test_a_file_that_goes_away_takes_its_flow_with_it(file: Path) -> None:
    watch = FlowWatch([file.parent], Surroundings())
    file.unlink()
    found = watch.look()
    assert found is not None and list(found) == []
