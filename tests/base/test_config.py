import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.base import config, paths
from bot.base.config import Cap, Config
from bot.base.config.types import WorkingDays
from bot.base.errors import FindingsError

EXAMPLE = paths.example_config().read_text("utf-8")


def _leaves(model: Any = Config, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every key that takes a value: its path, and which parts of the path are lists of sections."""
    for key, annotation in config.keys(model).items():
        section, many = config.section_of(annotation)
        if section is None or section is Cap:
            yield (*path, key), ()
            continue
        for leaf, lists in _leaves(section, (*path, key)):
            yield leaf, (*lists, ".".join((*path, key))) if many else lists


LEAVES = dict(_leaves())


def _with(path: tuple[str, ...], value: str) -> str:
    """A file that sets one key; sections that are lists get what they cannot be without."""
    lists = LEAVES[path]
    section = ".".join(path[:-1])
    header = f"[[{section}]]" if section in lists else f"[{section}]"
    needed = {
        "support.sla": {"name": '"x"'},
        "automations.topics": {"name": '"x"'},
        "support.departments": {"name": '"x"'},
        "support.ladder": {"when": '"warn"', "action": '"ping_assignee"'},
        "support.goals": {"channel": '"chat"', "within": '"30s"', "share": "0.9"},
        "support.hours.special": {"date": "2026-12-24"},
        "support.calendars": {"name": '"x"'},
        "automations.tiers": {"name": '"x"', "from": "1"},
        "automations.webhooks": {"name": '"x"', "url": '"https://x.example"', "secret": '"sixteen-letters-and-more"'},
        "events.keys": {"name": '"x"', "key": '"x"', "kind": '"page"'},
        "support.calendars.special": {"date": "2026-12-24"},
    }.get(section, {})
    lines = [f"{key} = {given}" for key, given in needed.items() if key != path[-1]]
    outer = ".".join(path[:-2])
    if outer in lists:  # a list inside of a list
        lines = [f"[[{outer}]]", 'name = "x"', header, *lines]
        return "\n".join([*lines, f"{path[-1]} = {value}", ""])
    return "\n".join([header, *lines, f"{path[-1]} = {value}", ""])


def _all_on(text: str) -> str:
    """The example with every key that is off switched on."""
    return re.sub(r"^# (?=[a-z_]+ = |\[\[)", "", text, flags=re.MULTILINE)


def _paths_in(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _paths_in(value, (*path, key))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for part in value:
                yield from _paths_in(part, (*path, key))
        else:
            yield (*path, key)


def test_the_example_has_every_key_and_no_other() -> None:
    assert set(_paths_in(tomllib.loads(_all_on(EXAMPLE)))) == set(LEAVES)


def test_every_key_of_the_example_has_a_comment_above_it() -> None:
    lines = EXAMPLE.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"(# )?[a-z_]+ = ", line):
            above = lines[number - 1]
            assert above.startswith("# "), line
            assert not re.match(r"# [a-z_]+ = ", above), line


@pytest.mark.parametrize("text", [EXAMPLE, _all_on(EXAMPLE)], ids=["as it is", "all on"])
def test_the_example_loads(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    assert config.load(file, {}).shop.name == "My shop"


def test_the_example_as_it_is_changes_no_default(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(EXAMPLE, "utf-8")
    loaded, plain = config.load(file, {}).model_dump(), Config().model_dump()
    loaded["shop"]["timezone"] = plain["shop"]["timezone"]
    loaded["mail"]["sender"] = plain["mail"]["sender"]
    assert loaded["database"]["url"] == f"sqlite:///{tmp_path / 'aftercart.db'}"  # beside its file, wherever we start
    loaded["database"] = plain["database"]
    for name in ("sla", "goals"):  # the example shows one of each
        loaded["support"][name] = plain["support"][name]
    assert loaded == plain


@pytest.mark.parametrize("path", list(LEAVES), ids=".".join)
def test_a_value_of_the_wrong_type_is_named_with_file_line_and_key(path: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = _with(path, "{ wrong = [1979-05-27] }")
    file.write_text(text, "utf-8")
    with pytest.raises(FindingsError) as refused:
        config.load(file, {})
    line = text.splitlines().index(f"{path[-1]} = {{ wrong = [1979-05-27] }}") + 1
    found = [one for one in refused.value.findings if one.key == ".".join(path)]
    assert [one.line for one in found] == [line] * len(found)
    assert found, refused.value
    assert str(found[0]).startswith(f"{file}:{line}: {'.'.join(path)}: ")


@pytest.mark.parametrize("value", ['"x"', "[1]", "-1", "true"], ids=["text", "list", "number", "boolean"])
@pytest.mark.parametrize("path", list(LEAVES), ids=".".join)
def test_any_value_is_taken_or_refused_in_words(path: tuple[str, ...], value: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(_with(path, value), "utf-8")
    try:
        config.load(file, {})
    except FindingsError as refused:
        assert all(one.key and one.line and one.message for one in refused.findings), refused


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[shop]\nname = 5\n", "in quotes"),
        ('[web]\nport = "eighty"\n', "whole number"),
        ('[shop]\ncountry = "Germany"\n', "DE"),
        ('[shops.shopify]\nallow_private = "perhaps"\n', "true or false"),
    ],
)
def test_a_value_of_the_wrong_type_is_said_with_what_to_write_instead(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(FindingsError) as told:
        config.load(file, {})
    (finding,) = told.value.findings
    assert finding.line == 2 and words in finding.message and "Input should" not in finding.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[telegram]\ntokn = 'x'\n", ":2: telegram.tokn: unknown key; did you mean token?"),
        ("[[support.sla]]\nname = 'x'\nfirst_respons = '4h'\n", ":3: support.sla.first_respons: unknown key; did you"),
        ("[telegramm]\n", ":1: telegramm: unknown key; did you mean telegram?"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(FindingsError) as refused:
        config.load(file, {})
    assert words in str(refused.value)


_NAMES = """
[[support.calendars]]
name = "nights"
[[support.departments]]
name = "returns"
[[support.departments]]
name = "money"
calendar = "nights"
[[support.sla]]
name = "chat"
department = "returns"
calendar = "nights"
[[support.sla]]
name = "rest"
department = ""
[[support.ladder]]
when = "warn"
action = "ping_assignee"
policy = "chat"
department = "money"
"""


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('calendar = "nights"\n[[support.sla]]\nname = "chat"', 'calendar = "night"\n[[support.sla]]\nname = "chat"', (
            ":8: support.departments.calendar: no [[support.calendars]] is named 'night'; did you mean nights?")),
        ('calendar = "nights"\n[[support.sla]]\nname = "rest"', 'calendar = "x"\n[[support.sla]]\nname = "rest"', (
            ":12: support.sla.calendar: no [[support.calendars]] is named 'x'; known here: nights")),
        ('department = ""', 'department = "main"', (
            ":15: support.sla.department: no [[support.departments]] is named 'main' (the main desk is \"\"); "
            "known here: returns, money")),
        ('policy = "chat"', 'policy = "chta"', (
            ":19: support.ladder.policy: no [[support.sla]] is named 'chta'; did you mean chat?")),
        ('department = "money"', 'department = "Money"', (
            ":20: support.ladder.department: no [[support.departments]] is named 'Money' (the main desk is \"\"); "
            "did you mean money?")),
        ('[[support.calendars]]\nname = "nights"', "\n", (
            ":8: support.departments.calendar: no [[support.calendars]] is named 'nights'; add a [[support.calendars]]"
        )),
    ],
)  # fmt: skip
def test_a_name_that_the_file_does_not_give_is_refused(right: str, wrong: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(_NAMES, "utf-8")
    config.load(file, {})
    assert _NAMES.count(right) == 1
    file.write_text(_NAMES.replace(right, wrong), "utf-8")
    with pytest.raises(FindingsError) as refused:
        config.load(file, {})
    assert words in str(refused.value)


def test_a_name_in_the_environment_is_looked_at_too(tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match=r"AFTERCART_SUPPORT__SLA: .*no \[\[support.calendars\]\] is named 'x'"):
        config.load(None, {"AFTERCART_SUPPORT__SLA": '[{"name": "one", "calendar": "x"}]'})


def test_the_environment_stands_over_the_file_and_may_name_files(tmp_path: Path) -> None:
    file, secret = tmp_path / "config.toml", tmp_path / "token"
    file.write_text("[shop]\nname = 'Old'\n[telegram]\ntoken = '1:a'\n", "utf-8")
    secret.write_text("123456:ABC\n", "utf-8")
    loaded = config.load(
        file,
        {
            "AFTERCART_SHOP__NAME": "New",
            "AFTERCART_TELEGRAM__TOKEN_FILE": str(secret),
            "AFTERCART_EVENTS__WRITE_KEYS": "one, two",
            "AFTERCART_TELEGRAM__STAFF_CHAT_ID": "-100123",
        },
    )
    assert loaded.shop.name == "New"
    assert loaded.telegram.token is not None
    assert loaded.telegram.token.get_secret_value() == "123456:ABC"
    assert [key.get_secret_value() for key in loaded.events.write_keys] == ["one", "two"]
    assert loaded.telegram.staff_chat_id == -100123


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AFTERCART_WEB__PORT": "many"}, "AFTERCART_WEB__PORT: web.port: "),
        ({"AFTERCART_WEB__PROT": "1"}, "AFTERCART_WEB__PROT: unknown variable"),
        ({"AFTERCART_WEB__SECRET_FILE": "/nowhere"}, "AFTERCART_WEB__SECRET_FILE: cannot read"),
    ],
)
def test_a_wrong_variable_is_named(variables: dict[str, str], words: str) -> None:
    with pytest.raises(FindingsError) as refused:
        config.load(None, variables)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "key", ["telegram.token", "telegram.webhook_secret", "mail.smtp_url", "web.secret", "web.public_url"]
)
def test_an_empty_text_for_a_secret_means_not_set(key: str, tmp_path: Path) -> None:
    section, name = key.split(".")
    file = tmp_path / "config.toml"
    file.write_text(f'[{section}]\n{name} = ""\n', "utf-8")
    assert getattr(getattr(config.load(file, {}), section), name) is None


def test_a_webhook_without_its_secret_is_refused_even_when_the_secret_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[telegram]\nmode = "webhook"\nwebhook_secret = ""\n', "utf-8")
    with pytest.raises(FindingsError, match="needs webhook_secret"):
        config.load(file, {})


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"[shop\n", "not valid TOML"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_one_line(content: bytes | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FindingsError, match=words):
        config.load(file, {})


def test_secrets_do_not_show_in_the_configuration() -> None:
    loaded = config.load(None, {"AFTERCART_MAIL__SMTP_URL": "smtp://me:hunter2@relay.example"})
    assert "hunter2" not in repr(loaded)


def test_a_promise_in_days_means_working_days() -> None:
    support = {"sla": [{"name": "slow", "first_response": "24h", "resolution": "1.5d"}]}
    (policy,) = Config.model_validate({"support": support}).support.sla
    assert policy.first_response == timedelta(hours=24) and not isinstance(policy.first_response, WorkingDays)
    assert policy.resolution == timedelta(hours=36) and isinstance(policy.resolution, WorkingDays)


@pytest.mark.parametrize("written", ["1d 4h", "2w", "1w 1d"])
def test_a_promise_that_mixes_days_and_hours_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="working days, such as"):
        Config.model_validate({"support": {"sla": [{"name": "slow", "resolution": written}]}})


def test_without_any_file_everything_has_a_default_and_says_what_is_off() -> None:
    assert config.load(None, {}).off() == ["telegram.token", "mail.smtp_url", "mailbox.imap_url", "events.keys"]


def _keys(*keys: str, old: str = "[]") -> Config:
    return config.load(None, {}) if not keys else Config.model_validate(tomllib.loads(
        f"[events]\nwrite_keys = {old}\n" + "".join(f"[[events.keys]]\n{key}\n" for key in keys)
    ))  # fmt: skip


def test_keys_have_names_and_kinds_and_old_ones_are_page_keys() -> None:
    loaded = _keys('name = "web"\nkey = "a"\nkind = "page"', 'name = "erp"\nkey = "b"\nkind = "server"', old='["c"]')
    assert [(one.name, one.rank) for one in loaded.events.known_keys] == [
        ("key-2e7d2c03", "page"), ("web", "page"), ("erp", "shop"),
    ]  # fmt: skip
    assert "events.keys" not in loaded.off()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (('name = "Shopify"\nkey = "a"\nkind = "server"',), "a source of our own"),
        (('name = "web"\nkey = "a"\nkind = "page"', 'name = "WEB"\nkey = "b"\nkind = "page"'), "two keys"),
        (('name = "web"\nkey = "a"\nkind = "page"', 'name = "erp"\nkey = "a"\nkind = "server"'), "same key"),
        (('name = "web"\nkey = ""\nkind = "page"',), "empty"),
        (('name = "web"\nkey = "a"',), "kind"),
    ],
    ids=["our name", "one name twice", "one key twice", "no key", "no kind"],
)
def test_keys_that_could_be_taken_for_others_are_refused(keys: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _keys(*keys)


def test_a_key_names_only_a_store_that_is_declared(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    declared = '[[shops.stores]]\nname = "main"\nshopify = "x.myshopify.com"\n'
    key = '[[events.keys]]\nname = "erp"\nkey = "k"\nkind = "server"\nstore = "{}"\n'
    file.write_text(declared + key.format("mian"), "utf-8")
    with pytest.raises(
        FindingsError, match=r":8: events.keys.*no \[\[shops.stores\]\] is named 'mian'; did you mean main"
    ):
        config.load(file, {})
    file.write_text(declared + key.format("main"), "utf-8")
    assert config.load(file, {}).event_keys[0].store == "shopify:x.myshopify.com"


def test_a_store_is_declared_once(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    twice = '[[shops.stores]]\nname = "{}"\nwoocommerce = "https://shop.example/"\n'
    file.write_text(twice.format("one") + twice.format("two"), "utf-8")
    with pytest.raises(FindingsError, match=r"woocommerce:shop.example stands there twice"):
        config.load(file, {})
