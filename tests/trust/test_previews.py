"""Looks at templates run in a process of their own: what breaks out of its budget is told, and costs us nothing."""

import os
import signal
import time
from pathlib import Path

import pytest
from jinja2 import TemplateError

from bot.base import paths
from bot.base.errors import FindingsError
from bot.outbound.email.templates import MailTemplates
from bot.outbound.previews import Previews

MAILS = MailTemplates([paths.templates()])


def _own(folder: Path, body: str) -> list[Path]:
    file = folder / "email" / "own" / "en.mjml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f'+++\nsubject = "Hi"\nshows = ["cart"]\n+++\n<mjml><mj-body><mj-section><mj-column>\n{body}\n'
        "</mj-column></mj-section></mj-body></mjml>\n",
        "utf-8",
    )
    return MailTemplates([paths.templates(), folder]).folders


def test_a_look_from_afar_sees_what_a_look_from_here_sees(tmp_path: Path) -> None:
    folders = _own(tmp_path, "<mj-text>{{ cart.totl }}</mj-text>")
    with Previews() as previews:
        for name in ("birthday", "newsletter"):
            assert previews.lint(MAILS.folders, name, "en") == []
            assert previews.render(MAILS.folders, name, "zh_CN") == MAILS.preview(name, "zh_CN")
        assert [str(one) for one in previews.lint(folders, "own", "en")] == [
            str(one) for one in MailTemplates([paths.templates(), tmp_path]).lint("own") if one.line and not one.warning
        ]
        assert previews.lint_chats([paths.templates()], "en") == []
        with pytest.raises(TemplateError, match="no mail template"):
            previews.render(MAILS.folders, "nothing", "en")


def test_it_takes_values_of_the_program_and_a_subject_of_its_own(tmp_path: Path) -> None:
    folders = _own(tmp_path, "<mj-text>{{ cart.total | money('EUR') }}</mj-text>")
    with Previews() as previews:
        mail = previews.render(folders, "own", "en", {"cart": {"total": 990}}, subject="For {{ cart.total }}")
        assert (mail.subject, "€9.90" in mail.text) == ("For 990", True)
        with pytest.raises(TemplateError, match=r"own/en\.mjml:6: cannot be written: "):
            previews.render(folders, "own", "en", {})


def test_what_the_process_does_not_survive_is_a_finding_and_the_next_look_works(tmp_path: Path) -> None:
    folders = _own(tmp_path, "<mj-text>hi</mj-text>")
    with Previews(wall=20) as previews:
        assert previews.lint(MAILS.folders, "birthday", "en") == []
        assert previews._process is not None
        os.kill(previews._process.pid, signal.SIGKILL)
        [told] = previews.lint(folders, "own", "en")
        assert "asks for more time or memory than a look at it may take" in str(told)
        assert str(told.file).endswith("own/en.mjml")
        assert previews.lint(MAILS.folders, "birthday", "en") == []


def test_a_look_that_does_not_end_is_ended() -> None:
    begun = time.monotonic()
    with Previews(wall=0.01) as previews:
        [told] = previews.lint(MAILS.folders, "birthday", "en")
        with pytest.raises(FindingsError, match="more time or memory"):
            previews.render(MAILS.folders, "birthday", "en")
    assert "more time or memory" in told.message
    assert time.monotonic() - begun < 20


def test_memory_and_time_of_the_process_are_limited_and_it_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_SECRET", "very secret")
    with Previews() as previews:
        previews.lint(MAILS.folders, "birthday", "en")
        assert previews._process is not None
        of = Path(f"/proc/{previews._process.pid}")
        limits = (of / "limits").read_text("ascii")
        assert "very secret" not in (of / "environ").read_text("utf-8")
    for name in ("Max address space", "Max cpu time"):
        assert (
            not next(line for line in limits.splitlines() if line.startswith(name)).split()[3].startswith("unlimited")
        )
