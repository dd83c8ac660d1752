"""The guides for people, `templates/help/<language>/*.md`: they say what is so, in both languages alike."""

import re
from pathlib import Path

import pytest
from test_docs import commands

from automations.definition import flow_files
from bot.base import paths
from bot.base.config import Config
from bot.events import names
from bot.events.permissions import EVENTS
from bot.inbound.web import page_scripts

_HELP = paths.templates() / "help"
_LANGUAGES = ("en", "zh_CN")


def _guide(language: str) -> str:
    return (_HELP / language / "pages.md").read_text("utf-8")


def _rows(language: str) -> dict[str, str]:
    """The table of flows: what stands in the row of each."""
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", _guide(language), re.M)
    return dict(rows)


def test_both_languages_have_the_same_guides() -> None:
    files = [{file.name for file in (_HELP / language).glob("*.md")} for language in _LANGUAGES]
    assert files[0] == files[1]


def test_both_languages_name_the_same_code() -> None:
    english, chinese = (re.findall(r"`([^`\n]+)`", _guide(language)) for language in _LANGUAGES)
    assert set(english) == set(chinese)


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_flow_that_ships_says_what_it_needs_from_the_page(language: str) -> None:
    flows = flow_files.load(flow_files.folders(Config()))
    rows = _rows(language)
    assert set(rows) == set(flows.by_name)
    for name, flow in flows.by_name.items():
        of_a_page = [event for event in flow.trigger.events if EVENTS[event]["page"] == "allowed"]
        missing = [event for event in of_a_page if f"`{event}`" not in rows[name]]
        assert not missing, f"{name}: {missing}"


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_event_that_is_named_exists(language: str) -> None:
    for row in _rows(language).values():
        for event in re.findall(r"`([A-Z][a-z]+(?: [A-Z][a-z]+)*)`", row):
            assert event in names.EVENTS


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_attribute_and_call_of_the_script_is_named(language: str) -> None:
    source, guide = page_scripts.script().plain.decode(), _guide(language)
    (keys,) = re.findall(r"'(productId [a-zA-Z ]+)'\.split", source)
    attributes = [re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), key) for key in keys.split()]
    assert [one for one in attributes if f"`data-{one}`" not in guide] == []
    calls = re.findall(r"^(\w+): function", source.partition("var api = {")[2].partition("\n};")[0], re.M)
    assert len(calls) > 8
    assert [call for call in calls if call != "push" and f"`aftercart.{call}(" not in guide] == []


def test_commands_in_the_guides_exist() -> None:
    known = commands()
    for file in _HELP.rglob("*.md"):
        for words in re.findall(r"`aftercart ((?:[a-z]+ ?){1,2})", Path(file).read_text("utf-8")):
            assert words.strip() in known, f"{file.name}: aftercart {words}"
