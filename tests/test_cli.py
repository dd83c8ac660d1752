import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import program
import pytest
from program import ROOT, Program, free_port


class Shell:
    """`aftercart …` as somebody types it in `folder`."""

    def __init__(self, folder: Path, said: Path) -> None:
        self.folder, self.said = folder, said

    def __call__(self, *words: str, status: int = 0, **environ: str) -> tuple[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
        said, told = self.said / f"{time.monotonic_ns()}.out", self.said / f"{time.monotonic_ns()}.err"
        process = program.begin(words, self.folder, {**kept, **environ}, said, told)
        process.join(60)
        shown, errors = said.read_text("utf-8"), told.read_text("utf-8")
        assert "Traceback" not in errors
        assert process.exitcode == status, shown + errors
        return shown, errors


@pytest.fixture
def aftercart(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path, tmp_path_factory.mktemp("said"))


def test_help_comes_at_once() -> None:
    """What takes long to import is imported by the commands that need it."""
    heavy = "aiogram", "fastapi", "sqlalchemy", "pydantic", "aiohttp", "jinja2", "babel", "mrml"
    look = f"import sys, bot.__main__; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", look], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"
    help_ = [sys.executable, "-m", "bot", "--help"]
    shown = subprocess.run(help_, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for command in ("init", "demo", "run", "check", "migrate", "import", "flow", "template", "report"):
        assert f"  {command} " in shown


def test_init_writes_what_check_accepts_and_never_writes_over_it(aftercart: Shell) -> None:
    shown, _ = aftercart("init", "shop")
    folder = aftercart.folder / "shop"
    written = (folder / "config.toml").read_text("utf-8")
    config = tomllib.loads(written)
    assert len(config["web"]["secret"]) > 30
    assert [key["kind"] for key in config["events"]["keys"]] == ["page", "server"]
    assert all(key["key"] in shown for key in config["events"]["keys"])
    assert (folder / "config.toml").stat().st_mode & 0o077 == 0
    ours = {"flows_folder": "flows", "segments_folder": "segments", "broadcasts_folder": "broadcasts"}
    assert ours.items() <= config["automations"].items() and config["templates"]["folder"] == "templates"
    for name in ("templates", *ours.values()):
        assert (folder / name).is_dir() and f"shop/{name}" in shown

    assert "all is well" in aftercart("check", "--config", "shop/config.toml")[0]
    (folder / "segments" / "tea_fans.toml").write_text("[[all]]\ntag = 'tea'\n", "utf-8")
    broadcast = 'title = "Tea"\nsegment = "tea_fans"\nsend = "newsletter"\n'
    (folder / "broadcasts" / "tea.toml").write_text(broadcast, "utf-8")
    assert "tea can be started" in aftercart("broadcast", "check", "tea", "--config", "shop/config.toml")[0]
    _, refused = aftercart("init", "shop", status=1)
    assert "stays as it is" in refused
    assert (folder / "config.toml").read_text("utf-8") == written


def test_check_tells_every_mistake_with_file_and_line_and_fails(aftercart: Shell) -> None:
    (aftercart.folder / "config.toml").write_text("[web]\nport = 'many'\n[mail]\nsmtp = 1\n", "utf-8")
    _, told = aftercart("check", status=1)
    lines = told.splitlines()
    assert any(line.startswith("config.toml:2: web.port: ") for line in lines)
    assert any(line.startswith("config.toml:4: mail.smtp: unknown key; did you mean smtp_url?") for line in lines)


def test_check_looks_into_flows_templates_and_connections(aftercart: Shell) -> None:
    (aftercart.folder / "flows").mkdir()
    (aftercart.folder / "flows" / "mine.toml").write_text('title = "Mine"\nabuot = "cart"\n', "utf-8")
    mail = aftercart.folder / "templates" / "email" / "abandoned_cart"
    mail.mkdir(parents=True)
    (mail / "en.mjml").write_text('+++\nsubject = "x"\n+++\n<mjml><mj-body>{{ oops</mj-body></mjml>', "utf-8")
    (aftercart.folder / "config.toml").write_text(
        f'[automations]\nflows_folder = "flows"\n[templates]\nfolder = "templates"\n'
        f'[mail]\nsmtp_url = "smtp://127.0.0.1:{free_port()}?tls=none"\n',
        "utf-8",
    )
    told, _ = aftercart("check", status=1)
    assert "flows/mine.toml:2: " in told
    assert "abandoned_cart/en.mjml" in told
    assert "mail.smtp_url: the mail relay does not take us" in told


def test_flows_and_templates_can_be_looked_at(aftercart: Shell) -> None:
    assert "abandoned_cart" in aftercart("flow", "list")[0]
    assert "[[steps]]" in aftercart("flow", "show", "abandoned_cart")[0]
    assert "no flow named 'nope'" in aftercart("flow", "show", "nope", status=1)[1]
    assert "zh_CN" in aftercart("template", "list")[0]
    html, subject = aftercart("template", "render", "abandoned_cart", "--lang", "zh_CN")
    assert "<html" in html
    assert subject.startswith("Subject: ")
    assert "no mail template named 'nope'" in aftercart("template", "render", "nope", status=1)[1]


def _unread(folder: Path, *words: str) -> tuple[int, str]:
    """Exit status and errors of a command whose reader goes away before it has said anything."""
    reader, writer = os.pipe()
    os.close(reader)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
    command = [sys.executable, "-m", "bot", *words]
    ended = subprocess.run(
        command, cwd=folder, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60, text=True,
        env={**environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(writer)
    return ended.returncode, ended.stderr.strip()  # the bar of an import ends its line


def test_a_reader_that_goes_away_ends_a_command_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\nada@example.org\nnobody\n", "utf-8")
    assert _unread(tmp_path, "flow", "show", "win_back") == (141, "")
    assert _unread(tmp_path, "import", "customers", "people.csv") == (141, "")
    assert _unread(tmp_path, "flow", "list") == (1, "")  # a table: Rich ends by itself
    # What went wrong is still told.
    status, errors = _unread(tmp_path, "flow", "show", "nope")
    assert status == 1 and "no flow named 'nope'" in errors


def test_segments_can_be_looked_at_before_they_are_used(aftercart: Shell) -> None:
    assert "Lapsed customers" in aftercart("segment", "list")[0]
    shown, _ = aftercart("segment", "show", "vip")
    assert "rfm = [" in shown and "VIP customers: 0 of 0 contacts" in shown
    assert "no segment named 'nope'" in aftercart("segment", "show", "nope", status=1)[1]
    (aftercart.folder / "people.csv").write_text("email,name\nanna@example.com,Anna\n", "utf-8")
    aftercart("import", "customers", "people.csv")
    (aftercart.folder / "mine.toml").write_text("[[all]]\norders = {at_most = 0}\n", "utf-8")
    shown, _ = aftercart("segment", "count", "mine.toml")
    assert "mine: 1 of 1 contacts, 100.0%" in shown and "anna@example.com" in shown and "orders at_most 0" in shown
    (aftercart.folder / "mine.toml").write_text("[[all]]\nrfm = 'champion'\n", "utf-8")
    _, told = aftercart("segment", "count", "mine.toml", status=1)
    assert told.startswith("mine.toml:2: all[1].rfm: there is no RFM group 'champion'; did you mean champions?")
    assert len(json.loads(aftercart("report", "rfm", "--json")[0])["groups"]) == 11


def test_one_wrong_segment_does_not_hide_the_others(aftercart: Shell) -> None:
    own = aftercart.folder / "segments"
    own.mkdir()
    (aftercart.folder / "config.toml").write_text('[automations]\nsegments_folder = "segments"\n', "utf-8")
    (own / "wrong.toml").write_text("[[all]]\nrfm = 'champion'\n", "utf-8")
    (own / "mine.toml").write_text("[[all]]\norders = {at_most = 0}\n", "utf-8")
    finding = "segments/wrong.toml:2: all[1].rfm: there is no RFM group 'champion'; did you mean champions?\n"
    shown, told = aftercart("segment", "show", "vip")
    assert "VIP customers: 0 of 0 contacts" in shown and told == finding
    shown, told = aftercart("segment", "count", "segments/mine.toml")
    assert "mine: 0 of 0 contacts" in shown and told == finding
    assert aftercart("segment", "show", "wrong", status=1) == ("", finding)
    assert aftercart("segment", "count", "segments/wrong.toml", status=1) == ("", finding)


def test_history_is_imported_and_reported(aftercart: Shell) -> None:
    (aftercart.folder / "people.csv").write_text(
        "email,name,birthday,Shoe size,Post\nanna@example.com,Anna,32.1.1990,38,yes\nbroken,Bo,,,\n", "utf-8"
    )
    for asked, done in ((("--dry-run",), "would be taken"), ((), "taken")):
        shown, _ = aftercart("import", "customers", "people.csv", "--map", "Post=consent", *asked)
        assert f"1 of 2 lines {done}" in shown
        assert "columns used: email, name, birthday, Post as consent\ncolumns left out: Shoe size\n" in shown
        assert "marketing consents: 1 x yes\n" in shown
        assert "line 3: 'broken' is not an e-mail address: broken,Bo" in shown
        assert "1 x birthday: " in shown and "(line 2: '32.1.1990')" in shown
    assert "people.refused.csv" in shown
    assert "not an e-mail address" in (aftercart.folder / "people.refused.csv").read_text("utf-8-sig")
    assert "cannot be read: No such file" in aftercart("import", "orders", "nowhere.csv", status=1)[1]

    assert json.loads(aftercart("report", "sla", "--json")[0])["slices"] == {"channel": []}
    assert "flows" in json.loads(aftercart("report", "flows", "--json")[0])


def test_a_database_that_is_away_is_one_line(aftercart: Shell) -> None:
    url = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/shop"
    for words in (("migrate",), ("run",), ("report", "sla")):
        _, told = aftercart(*words, status=1, AFTERCART_DATABASE__URL=url)
        told = "\n".join(line for line in told.splitlines() if "off until" not in line)
        assert "database.url: the database does not answer" in told
        assert len(told.splitlines()) == 1
        assert "hunter2" not in told


def test_a_port_in_use_is_one_line(aftercart: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, told = aftercart("run", "--only", "web", status=1, AFTERCART_WEB__PORT=str(port))
    assert f"web.port: cannot listen on 127.0.0.1:{port}: Address already in use" in told


def test_a_mailbox_that_is_not_set_is_asked_for(aftercart: Shell) -> None:
    assert "mailbox.imap_url: not set" in aftercart("run", "--only", "mailbox", status=1)[1]


def test_a_mailbox_without_a_relay_to_answer_by_is_refused(aftercart: Shell) -> None:
    url = "imap://me:hunter2@127.0.0.1?tls=none"
    _, told = aftercart("run", status=1, AFTERCART_MAILBOX__IMAP_URL=url)
    assert "mail.smtp_url: not set, and mail that comes in could not be answered" in told
    assert "hunter2" not in told


def test_run_serves_and_stops_cleanly_when_asked(tmp_path: Path) -> None:
    with Program(tmp_path, {"events": program.taking("key")}) as running:
        assert running.stop() == 0
        assert "stopped" in running.output()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_on_postgresql_run_asks_for_migrate_first(database_url: str, aftercart: Shell) -> None:
    _, told = aftercart("run", status=1, AFTERCART_DATABASE__URL=database_url)
    assert "run `aftercart migrate` first" in told


def test_what_had_no_effect_is_listed_and_retried_and_cannot_steer_the_terminal(aftercart: Shell) -> None:
    assert "no event was refused, rejected or failed" in aftercart("events", "list")[0]
    assert "no webhook was ignored or failed" in aftercart("webhooks", "list", "--since", "3d")[0]
    database = sqlite3.connect(aftercart.folder / "aftercart.db")
    kept = "INSERT INTO event (source, message_id, kind, name, ts, received_at, body, status, error, rank, attempts)"
    moment = "2026-11-30 12:00:00.000000"
    body = json.dumps({"userId": "u1", "properties": {"title": "\x1b[2Jgone\x9b31m"}})
    row = ("shop", "m1", "track", "Order \x1b]0;x\x07Completed", moment, moment, body, "refused", "rank", "page", 1)
    database.execute(f"{kept} VALUES ({','.join('?' * len(row))})", row)
    database.commit()
    database.close()
    shown = aftercart("events", "list")[0] + aftercart("events", "show", "1")[0]
    assert "refused" in shown and '"userId": "u1"' in shown
    assert not {"\x1b", "\x9b", "\x07"} & set(shown)
    assert "as soon as the program runs" in aftercart("events", "retry", "1", "--as-shop", "we sent it")[0]
    assert "only failed and refused" in aftercart("events", "retry", "1", status=1)[1]
    assert "none with this id" in aftercart("webhooks", "show", "7", status=1)[1]
    assert "neither a while" in aftercart("webhooks", "list", "--since", "soon", status=1)[1]
