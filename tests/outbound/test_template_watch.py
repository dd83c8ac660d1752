"""A changed template is taken only if all of lint passes; else the last good one stays, over restarts too."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.base import paths
from bot.base.errors import Finding, FindingsError
from bot.outbound.email.source import Source
from bot.outbound.email.templates import Key, MailTemplates
from bot.outbound.template_watch import TemplateWatch

BODY = "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"
WAY_OUT = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'
MAIL = "own", "en"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "templates"


def save(folder: Path, words: str, subject: str = "Hello", name: str = "own/en.mjml") -> Path:
    """As an editor does: another time of change, whatever the clock of the file system says."""
    file = folder / "email" / name
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'+++\nsubject = "{subject}"\npreheader = "News"\n+++\n{BODY.format(words + WAY_OUT)}\n')
    os.utime(file, ns=(before + 1_000_000_000, before + 1_000_000_000))
    return file


def watching(folder: Path, kept: dict[Key, Any] | None = None, **more: Any) -> TemplateWatch:
    watch = TemplateWatch(MailTemplates([paths.templates(), folder]), **more)
    watch.begin(kept or {})
    return watch


def shown(watch: TemplateWatch, name: str = "own", language: str = "en") -> str:
    template = watch.mails.find(name, language)
    values = {
        "customer": {"first_name": "Ada"}, "unsubscribe_url": "https://shop.example/u/1", "preferences_url": "",
        "shop": {"name": "Shop", "url": "https://shop.example"}, "coupon": {},
    }  # fmt: skip
    return template.render(values, None).text


def test_a_right_change_is_taken(folder: Path) -> None:
    save(folder, "One ")
    watch = watching(folder)
    assert "One" in shown(watch) and watch.look() == []
    save(folder, "Two ")
    assert "One" in shown(watch), "not before it was looked at"
    assert watch.look() == [MAIL] and "Two" in shown(watch) and not watch.wrong


@pytest.mark.parametrize(
    ("words", "subject"),
    [("Hi {{ customer.frist_name }} ", "Hello"), ("{% if customer %}", "Hello"), ("x", "{{ customer.nick }}"),
     ("<mj-txt>", "Hello"), ("{{ 1 // 0 }}", "Hello")],
)  # fmt: skip
def test_a_wrong_change_leaves_the_last_good_one(folder: Path, words: str, subject: str) -> None:
    file = save(folder, "One ")
    watch = watching(folder)
    save(folder, words, subject)
    assert watch.look() == [] and "One" in shown(watch)
    [finding, *_] = watch.wrong[MAIL]
    assert str(finding.file).endswith("en.mjml") and (finding.line or 0) >= 2
    save(folder, "Three ")
    assert watch.look() == [MAIL] and "Three" in shown(watch) and not watch.wrong
    file.unlink()


def test_what_was_right_before_a_restart_is_sent_after_it(folder: Path) -> None:
    save(folder, "One ")
    kept = watching(folder).stored()
    save(folder, "{{ customer.frist_name }} ")
    plain = {tuple(name.split("/")): tree for name, tree in json.loads(json.dumps(
        {"/".join(key): tree for key, tree in kept.items()})).items()}  # fmt: skip
    watch = watching(folder, plain)  # type: ignore[arg-type]
    assert "One" in shown(watch) and MAIL in watch.wrong and watch.stored() == kept
    never = watching(folder)
    with pytest.raises(FindingsError, match="frist_name"):
        never.mails.find("own", "en")
    save(folder, "Two ")
    assert never.look() == [MAIL] and "Two" in shown(never)


def test_a_language_that_is_wrong_is_not_replaced_by_another(folder: Path) -> None:
    save(folder, "One ")
    save(folder, "{{ nobody }}", name="own/zh_CN.mjml")
    watch = watching(folder)
    assert "One" in shown(watch)
    with pytest.raises(FindingsError):
        watch.mails.find("own", "zh_CN")


def test_a_part_that_breaks_others_changes_none_of_them(folder: Path) -> None:
    save(folder, "One ")
    part = folder / "email" / "_foot.en.mjml"
    watch = watching(folder)
    before = watch.mails.find("welcome", "en").revision
    part.write_text("<mj-section><mj-column><mj-text>{{ shop.nmae }}</mj-text></mj-column></mj-section>")
    assert watch.look() == [] and watch.mails.find("welcome", "en").revision == before
    assert all(str(one[0].file).endswith("_foot.en.mjml") for one in watch.wrong.values()) and len(watch.wrong) > 20
    part.unlink()
    assert watch.look() == [] and not watch.wrong


def test_what_its_senders_would_miss_keeps_it_back_until_they_are_right(folder: Path) -> None:
    missing = [Finding("nobody gives it")]

    def fits(one: Source) -> Iterator[Finding]:
        yield from missing if "{{ order.number }}" in one.mjml else ()

    save(folder, "One ")
    watch = watching(folder, fits=fits)
    file = save(folder, "Order {{ order.number }} ")
    file.write_text(file.read_text().replace("+++\n<", '[sample.order]\nnumber = "7"\n+++\n<'))
    assert watch.look() == [] and watch.wrong[MAIL] == tuple(missing)
    missing.clear()
    assert watch.look() == []
    watch.look_again()
    assert watch.look() == [MAIL]


def test_a_file_that_goes_away_is_missed_only_where_it_is_sent(folder: Path) -> None:
    sent = True
    file = save(folder, "One ")
    watch = watching(folder, needed=lambda _name: sent)
    file.unlink()
    watch.look()
    assert "One" in shown(watch) and "put it back" in str(watch.wrong[MAIL][0])
    sent = False
    watch.look_again()
    watch.look()
    assert not watch.wrong
    with pytest.raises(LookupError):
        watch.mails.find("own", "en")


def test_a_new_one_over_ours_is_taken_though_there_was_no_folder_before(folder: Path) -> None:
    watch = watching(folder)
    assert not folder.exists() and watch.look() == []
    save(folder, "Mine ", name="welcome/en.mjml")
    assert watch.look() == [("welcome", "en")] and "Mine" in shown(watch, "welcome") and not watch.wrong


def test_a_copy_of_ours_is_kept_as_theirs(folder: Path) -> None:
    ours = paths.templates() / "email" / "welcome" / "en.mjml"
    watch = watching(folder)
    file = folder / "email" / "welcome" / "en.mjml"
    file.parent.mkdir(parents=True)
    file.write_bytes(ours.read_bytes())
    assert watch.look() == []
    kept = json.loads(json.dumps(watch.stored()["welcome", "en"]))
    save(folder, "{{ customer.frist_name }} ", name="welcome/en.mjml")
    again = watching(folder, {("welcome", "en"): kept})
    assert ("welcome", "en") in again.wrong and again.mails.find("welcome", "en").source.file == file
