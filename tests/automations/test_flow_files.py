from datetime import time
from pathlib import Path

import pytest

from automations.definition import drawing, flow_files
from bot.base import paths
from bot.base.config import Config
from bot.base.errors import FindingsError
from bot.outbound.email.templates import MailTemplates

GOOD = """title = "Hello"
about = "cart"
priority = "cart"

[trigger]
events = ["Product Added"]
when = ["cart_not_empty"]

[enrol]
key = "cart:{cart_id}"

[exit]
events = ["Order Completed"]

[[steps]]
id = "idle"
wait = "1h"

[[steps]]
id = "first"
send = "abandoned_cart"
max_lateness = "6h"
"""


def load(folder: Path, text: str, name: str = "hello") -> flow_files.Flows:
    (folder / f"{name}.toml").write_text(text)
    return flow_files.load([folder], templates=["abandoned_cart", "birthday"], quiet=(time(21), time(8)))


def test_our_five_flows_are_sound_and_their_mails_exist() -> None:
    config = Config()
    mails = MailTemplates([paths.templates()]).names()
    found = flow_files.load(flow_files.folders(config), templates=mails, quiet=config.automations.quiet_hours)
    assert list(found.by_name) == ["abandoned_cart", "abandoned_checkout", "birthday", "browse_reminder", "care_tips"]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).by_name["hello"].steps[1].send == "abandoned_cart"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('title = "Hello"', 'titel = "Hello"', r"hello\.toml:1: titel: unknown key; did you mean title\?"),
        ('title = "Hello"\n', "", r"title: this is missing"),
        ('priority = "cart"', 'priority = "card"', r":3: priority: 'card' is not one of them; did you mean cart\?"),
        ('wait = "1h"', 'wait = "1 hr"', r":17: steps\[1\]\.wait.*not a duration"),
        ('wait = "1h"', 'wait = "0h"', r":17: steps\[1\]\.wait.*longer than nothing"),
        ('wait = "1h"', "wait = {days = 1}", r":17: .*days need a time of day"),
        ('wait = "1h"', 'wait = {days = 1, at = "23:00"}', r":17: .*23:00 lies in the quiet hours"),
        ('wait = "1h"', 'pause = "1h"', r":17: .*kind of step that does not exist"),
        ('id = "first"', 'id = "idle"', r":20: steps\[2\]\.id: the id 'idle' is used twice"),
        ('send = "abandoned_cart"', 'send = "abandoned_card"', r":21: .*no mail template.*did you mean abandoned_cart"),
        ("cart_not_empty", "cart_not_emtpy", r":7: trigger\.when: unknown condition .*did you mean cart_not_empty"),
        ("cart_not_empty", "no_recent_order", r":7: .*no_recent_order needs a value"),
        ("cart_not_empty", "no_recent_order(soon)", r":7: .*not a duration"),
        ("cart_not_empty", "cart_not_empty(3)", r":7: .*takes no value"),
        ("cart_not_empty", "cart > 3", r":7: .*is not a condition"),
        ('["Product Added"]', '["Product Aded"]', r":6: trigger\.events: unknown event .*did you mean 'Product Added'"),
        ('["Order Completed"]', '["Placed Order"]', r":13: exit\.events: .*kept under the name 'Order Completed'"),
        ('["Order Completed"]', '["Product Added"]', r":13: .*starts this flow, it cannot end it"),
        ('["Order Completed"]', '["Order Completed"]\nmatch_on = "colour"', r":14: .*cannot fire"),
        ('events = ["Order Completed"]', 'look = ["Order Refunded"]', r":13: .*cannot fire"),
        ('events = ["Product Added"]\n', "", r":5: trigger: a flow is started by"),
        ("cart:{cart_id}", "cart:{card_id}", r":10: enrol\.key: unknown {card_id}; did you mean cart_id\?"),
        ("cart:{cart_id}", "cart", r":10: .*would enrol one person once"),
        ('max_lateness = "6h"', 'max_lateness = "6h"\n[[steps]]\nid = "last"\nwait = "1h"', r"nothing comes after"),
        ('send = "abandoned_cart"', 'exit = "done"', r"belongs to a step that sends"),
        ('wait = "1h"', 'wait = "1h"\ncheck = ["cart_not_empty"]', r"stands alone or beside a send"),
        ('title = "Hello"', 'title = "Hello', r"hello\.toml:1: not valid TOML"),
        ('title = "Hello"', 'name = "x"\ntitle = "Hello"', r"the name of its file"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_the_mend(tmp_path: Path, before: str, after: str, says: str) -> None:
    assert before in GOOD
    with pytest.raises(FindingsError, match=says):
        load(tmp_path, GOOD.replace(before, after, 1))


def test_quiet_hours_that_leave_no_hour_are_refused(tmp_path: Path) -> None:
    (tmp_path / "hello.toml").write_text(GOOD)
    with pytest.raises(FindingsError, match="leave only"):
        flow_files.load([tmp_path], quiet=(time(8), time(7, 30)))


def test_a_shop_replaces_or_switches_off_a_flow_by_its_name(tmp_path: Path) -> None:
    config = Config.model_validate({"automations": {"flows_folder": tmp_path}})
    ours = (flow_files.folders(config)[0] / "birthday.toml").read_text()
    (tmp_path / "birthday.toml").write_text(ours.replace('title = "Birthday"', 'title = "Party"\nenabled = false'))
    found = flow_files.load(flow_files.folders(config)).by_name["birthday"]
    assert found.title == "Party" and not found.enabled


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD.replace("abandoned_cart", "nothing").replace("cart_not_empty", "nonsense"))
    with pytest.raises(FindingsError) as error:
        load(tmp_path, GOOD.replace("title", "tilte"), "b")
    assert len(error.value.findings) >= 3


def test_a_flow_can_be_drawn() -> None:
    found = flow_files.load(flow_files.folders(Config())).by_name["abandoned_cart"]
    text = "\n".join(drawing.lines(found, {"idle": 3}))
    assert "idle: wait 1h, again after each trigger   ← 3 here" in text and "third: send abandoned_cart_3" in text
