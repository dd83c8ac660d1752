import os
import tomllib
from pathlib import Path

import pytest

from automations.definition.flow_checks import Surroundings
from automations.definition.flow_files import Now
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


def watching(file: Path) -> FlowWatch:
    made = FlowWatch([file.parent], Surroundings())
    made.begin({})
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "hello.toml", FLOW.format(title="One"))
    return tmp_path / "hello.toml"


def test_nothing_is_read_while_nothing_changes(file: Path) -> None:
    assert watching(file).look() is None


def test_a_sound_change_is_taken_by_all_who_hold_the_flows(file: Path) -> None:
    watch = watching(file)
    held = watch.running
    write(file, FLOW.format(title="Two"))
    found = watch.look()
    assert found is not None and [flow.title for flow in held] == ["One"]
    watch.taken()
    assert [flow.title for flow in held] == ["Two"] and held.definitions["hello"]["title"] == "Two"
    assert watch.look() is None


def test_what_could_not_be_published_comes_again(file: Path) -> None:
    watch = watching(file)
    write(file, FLOW.format(title="Two"))
    assert watch.look() is not None
    assert watch.look() is not None, "nobody said that it runs"
    watch.taken()
    assert watch.look() is None


def test_a_wrong_change_keeps_what_runs_and_says_what_is_wrong(file: Path) -> None:
    watch = watching(file)
    write(file, FLOW.format(title="Two").replace("send =", "sent ="))
    assert watch.look() is None
    assert [str(finding) for finding in watch.wrong] and "did you mean send" in str(watch.wrong[0])
    assert watch.look() is None and watch.wrong, "it is told once, and stays known"
    write(file, FLOW.format(title="Three"))
    assert watch.look() is not None and watch.wrong == ()


def test_a_file_that_goes_away_takes_its_flow_with_it(file: Path) -> None:
    watch = watching(file)
    file.unlink()
    found = watch.look()
    assert found is not None and list(found) == []


def test_one_wrong_file_holds_up_no_other(file: Path) -> None:
    watch = watching(file)
    write(file, FLOW.format(title="Two").replace("send =", "sent ="))
    write(file.with_name("other.toml"), FLOW.format(title="Other"))
    found = watch.look()
    assert found is not None and {flow.title for flow in found} == {"One", "Other"} and found.broken == {"hello"}


def test_a_wrong_change_leaves_the_flows_that_run_alone(file: Path) -> None:
    write(file.with_name("other.toml"), FLOW.format(title="Other"))
    watch = watching(file)
    running = dict(watch.running.by_name)
    write(file, FLOW.format(title="Two").replace("send =", "sent ="))
    assert watch.look() is None and watch.running.broken == {"hello"}
    assert all(watch.running.by_name[name] is flow for name, flow in running.items())
    write(file, FLOW.format(title="One"))
    assert watch.look() is None and not watch.running.broken


def test_a_start_with_a_wrong_file_runs_the_flow_as_it_was_published_or_not_at_all(file: Path) -> None:
    tree = tomllib.loads(FLOW.format(title="One"))
    write(file, "title = ")
    watch = FlowWatch([file.parent], Surroundings())
    watch.begin({"hello": tree, "gone": tree})
    assert [flow.title for flow in watch.running] == ["One"] and "hello.toml:1" in str(watch.wrong[0])
    watch = FlowWatch([file.parent], Surroundings())
    watch.begin({})
    assert list(watch.running) == [] and watch.running.broken == {"hello"}
    write(file, FLOW.format(title="Three"))
    found = watch.look()
    assert found is not None and [flow.title for flow in found] == ["Three"] and not found.broken


def test_what_a_flow_lacked_may_come_after_it(file: Path) -> None:
    templates = file.parent / "email"
    templates.mkdir()
    names = Now(lambda: [one.name for one in templates.iterdir()])
    watch = FlowWatch([file.parent], Surroundings(templates=names), [templates])
    watch.begin({})
    assert list(watch.running) == [] and "no mail template" in str(watch.wrong[0])
    (templates / "abandoned_cart").mkdir()
    (templates / "abandoned_cart" / "en.mjml").write_text("x")
    found = watch.look()
    assert found is not None and [flow.title for flow in found] == ["One"]
