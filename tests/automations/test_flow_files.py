from datetime import time
from pathlib import Path

import pytest

from automations.audiences.segment import Event
from automations.definition import drawing, flow_files
from automations.definition.flow_checks import Surroundings
from bot import checks
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


ARMS = """[experiment]
name = "shorter"
{plan}
[experiment.variants.now]
[experiment.variants.other.steps]
{change}

[exit]"""

AROUND = Surroundings(
    templates=["abandoned_cart", "birthday"],
    quiet=(time(21), time(8)),
    names={
        "department": ["care", "sales"],
        "topic": ["marketing", "care"],
        "pool": ["spring"],
        "webhook": ["crm"],
        "segment": ["vip"],
    },
)


def load(folder: Path, text: str, name: str = "hello") -> flow_files.Flows:
    (folder / f"{name}.toml").write_text(text)
    return flow_files.load([folder], AROUND)


def test_our_flows_are_sound_and_their_mails_exist() -> None:
    config = Config()
    mails = MailTemplates([paths.templates()]).names()
    found = flow_files.load(flow_files.folders(config), flow_files.around(config, mails))
    ours = {"abandoned_cart", "abandoned_checkout", "birthday", "browse_reminder", "care_tips"}
    assert set(found.by_name) >= ours


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
        ('wait = "1h"', 'wait = {weekday = "tusday", at = "10:00"}', r":17: .*did you mean tuesday"),
        ('wait = "1h"', 'wait = {weekday = "tuesday"}', r":17: .*a weekday needs a time of day"),
        ('wait = "1h"', 'wait = {weekday = "tuesday", at = "23:00"}', r":17: .*23:00 lies in the quiet hours"),
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
        ('priority = "cart"', 'priority = "cart"\ntopic = "marketting"', r":4: topic: there is no .*mean marketing"),
        ('priority = "cart"', 'priority = "cart"\nbasis = "checkout_reminder"', r":4: basis: only a flow about"),
        ('priority = "cart"', 'priority = "cart"\nholdout = 2', r":4: holdout: .*less than 1"),
        ('priority = "cart"', 'priority = "cart"\nquiet_hours = "none"', r":4: quiet_hours: 'none' is not one of them"),
        ('priority = "cart"', 'priority = "cart"\non_change = "drian"', r":4: on_change: .*did you mean drain"),
        ('about = "cart"', 'about = "carts"', r":2: about: 'carts' is not one of them; did you mean cart\?"),
        ('events = ["Product Added"]', 'segment = "vips"', r":6: trigger\.segment: there is no segment .*mean vip\?"),
        ('events = ["Product Added"]', 'sweep = "birthdays"', r":6: trigger\.sweep: .*did you mean birthday"),
        ('when = ["cart_not_empty"]', 'lead = "7d"', r":7: trigger\.lead: lead belongs to a sweep"),
        ('events = ["Product Added"]', 'sweep = "birthday"\nquiet = "90d"', r":7: trigger\.quiet: .*over win_back"),
        ('priority = "cart"', 'priority = "cart"\nsurvey = "nps"', r":4: survey: only mails about an order"),
        ('when = ["cart_not_empty"]', 'when = "cart_not_empty"', r":7: trigger\.when: write a list"),
        ('key = "cart:{cart_id}"', 'key = "cart:{cart_id}"\neach = "care_category"', r":11: enrol\.each: .*care"),
        ('key = "cart:{cart_id}"', 'key = "cart:{cart_id}"\nreentry_from = "mail"', r":11: .*without reentry"),
        ('key = "cart:{cart_id}"', 'key = "cart:{cart_id}"\nelse = "cart:{cart"', r":11: enrol\.else: braces"),
        ('key = "cart:{cart_id}"', 'key = "cart:{cart_id}"\nreentry = 7', r":11: enrol\.reentry: write a duration"),
        ('wait = "1h"', 'wait = "1h"\nreset_on_trigger = true', r":18: .*on_repeat"),
        ('wait = "1h"', 'wait = "1h"\nnext = "frist"', r":18: steps\[1\]\.next: .*did you mean first"),
        ('max_lateness = "6h"', 'next = "idle"', r":22: steps\[2\]\.next: 'idle' does not lie ahead"),
        ('wait = "1h"', 'exit = "over"', r":20: steps\[2\]\.id: no way leads to this step"),
        ('wait = "1h"', 'wait = "1h"\nthen = "first"', r"then and else belong to wait_for"),
        ('wait = "1h"', 'wait = "1h"\nsend = "birthday"', r"a step does one thing"),
        ('wait = "1h"', 'wait = "soon"', r":17: steps\[1\]\.wait: 'soon' is not a duration"),
        ('id = "first"', 'id = "First mail"', r":20: steps\[2\]\.id: 'First mail' is no name here"),
        ("cart_not_empty", "cart_worth(much)", r":7: .*'much' is not an amount"),
        ('max_lateness = "6h"', 'channels = ["email", "email"]', r":22: .*stands there twice"),
        ('max_lateness = "6h"', 'channels = ["sms"]', r":22: .*nothing is sent by sms"),
        ('max_lateness = "6h"', 'channels = ["mail"]', r":22: .*did you mean email"),
        ('max_lateness = "6h"', 'coupon = {pool = "sprng"}', r":22: .*there is no pool .*mean spring"),
        ('max_lateness = "6h"', 'coupon = {pool = "spring", empty = "with"}', r":22: .*did you mean without"),
        ('max_lateness = "6h"', 'merge_on = "order"', r":22: steps\[2\]\.merge_on: unknown; did you mean order_id"),
        ('wait = "1h"', 'tag = {}', r":17: .*name tags to add"),
        ('wait = "1h"', 'tag = {add = ["vip"], remove = ["vip"]}', r":17: .*both added and removed"),
        ('wait = "1h"', 'task = {text = "Call", department = "sale"}', r":17: .*there is no department .*mean sales"),
        ('wait = "1h"', 'task = {text = "Call about {order}"}', r":17: .*unknown {order}; did you mean order_id"),
        ('wait = "1h"', 'webhook = {name = "cmr"}', r":17: .*there is no webhook .*mean crm"),
        ('wait = "1h"', 'wait_for = {events = ["Order Payd"], timeout = "1d"}', r":17: .*did you mean 'Order Paid'"),
        ('wait = "1h"', 'wait_for = {events = ["Order Paid"]}', r":17: .*wait_for\.timeout: this is missing"),
        ('wait = "1h"', 'wait_for = {events = ["Order Paid"], timeout = "1d", match_on = "an"}', r":17: .*cannot fire"),
        ('wait = "1h"', 'branch = ["spent_moer(3)"]', r":17: steps\[1\]\.branch: unknown condition"),
        ('wait = "1h"', 'split = {arms = {a = 1, b = 1}, to = {c = "first"}}', r":17: .*there is no arm 'c'"),
        ('wait = "1h"', 'split = {arms = {a = 0, b = 0}}', r":17: .*every arm has the weight 0"),
        ('wait = "1h"', 'split = {arms = {a = 1, b = 1}, to = {a = "fist"}}', r":17: .*no step 'fist'; did you"),
        ('[exit]', ARMS.format(plan="size = 500", change='frist = {send = "birthday"}'), r"no step 'frist'; did you"),
        ('[exit]', ARMS.format(plan="size = 500", change='idle = {send = "birthday"}'), r"'idle' sends nothing"),
        ('[exit]', ARMS.format(plan="size = 500", change='first = {wait = "2h"}'), r"'first' is no wait"),
        ('[exit]', ARMS.format(plan="size = 500", change='first = {send = "birthdy"}'), r"did you mean birthday"),
        ('[exit]', ARMS.format(plan="size = 500", change='first = {sent = "x"}'), r"unknown key; did you mean send"),
        ('[exit]', ARMS.format(plan="lift = 0.2", change='first = {send = "birthday"}'), r"plan how many people"),
        ('[exit]', ARMS.format(plan="size = 500", change=""), r"all variants do the same"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_the_mend(tmp_path: Path, before: str, after: str, says: str) -> None:
    assert before in GOOD
    with pytest.raises(FindingsError, match=says):
        load(tmp_path, GOOD.replace(before, after, 1))


def test_t60_quiet_hours_that_leave_no_hour_are_refused(tmp_path: Path) -> None:
    (tmp_path / "hello.toml").write_text(GOOD)
    with pytest.raises(FindingsError, match="leave only"):
        flow_files.load([tmp_path], Surroundings(quiet=(time(8), time(7, 30))))


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


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    for before, after in (('priority = "cart"', 'priority = "carts"'), ('send = "', 'sent = "')):
        with pytest.raises(FindingsError) as error:
            load(tmp_path, GOOD.replace(before, after, 1))
        assert len(error.value.findings) == 1


def test_a_flow_can_be_drawn() -> None:
    found = flow_files.load(flow_files.folders(Config())).by_name["abandoned_cart"]
    text = "\n".join(drawing.lines(found, {"idle": 3}))
    assert "idle: wait 1h, again after each trigger   ← 3 here" in text and "third: send abandoned_cart_3" in text


MANY = """title = "Many ways"
about = "welcome"
priority = "cart"
[trigger]
segment = "vip"
[enrol]
key = "segment:{contact}"
[experiment]
name = "later"
baseline = 0.03
lift = 0.2
[experiment.variants.now]
weight = 3
[experiment.variants.later.steps]
first.wait = "2h"
[[steps]]
id = "first"
wait = "1h"
[[steps]]
id = "paid"
wait_for = {events = ["Order Paid"], timeout = "3d", match_on = "order_id"}
then = "thanks"
[[steps]]
id = "chance"
split = {arms = {mail = 3, call = 1}, to = {call = "call"}}
[[steps]]
id = "mail"
send = "abandoned_cart"
channels = ["telegram", "email"]
coupon = {pool = "spring", empty = "hold"}
next = "thanks"
[[steps]]
id = "call"
task = {text = "Call about {order_id}", department = "care"}
[[steps]]
id = "thanks"
tag = {add = ["asked"], remove = ["new"]}
[[steps]]
id = "told"
webhook = {name = "crm"}
"""


def test_every_kind_of_step_can_be_written_and_drawn(tmp_path: Path) -> None:
    found = load(tmp_path, MANY).by_name["hello"]
    assert [step.kind for step in found.steps] == ["wait", "wait_for", "split", "send", "task", "tag", "webhook"]
    text = "\n".join(drawing.lines(found))
    for line in (
        "starts on coming into the segment vip",
        "experiment later: now 75% (as it stands), later 25% (first wait)",
        "paid: wait for Order Paid of the same order_id, at most 3d",
        "when it comes → thanks",
        "else → the next step",
        "chance: by chance: mail 75%, call 25%",
        "call → call",
        "mail: send abandoned_cart by telegram or email",
        "with a code of spring; if there is none: hold",
        "call: task for care: Call about {order_id}",
        "thanks: tag +asked, -new",
        "told: webhook crm",
    ):
        assert line in text


def test_check_says_that_nobody_would_see_a_task(tmp_path: Path) -> None:
    text = GOOD.replace('wait = "1h"', 'task = {text = "Call them"}')
    (tmp_path / "hello.toml").write_text(text)
    found = checks.files(Config.model_validate({"automations": {"flows_folder": tmp_path}}))
    assert [str(one) for one in found if one.warning and "its step idle opens a ticket" in str(one)]


def test_events_are_read_as_they_are_kept(tmp_path: Path) -> None:
    odd = GOOD.replace("Product Added", "Quiz\u00a0Finished").replace("Order Completed", "Order\u3000Completed\u200b")
    flow = load(tmp_path, odd).by_name["hello"]
    assert (flow.trigger.events, flow.exit.events) == (("Quiz Finished",), ("Order Completed",))
    assert Event(name="Quiz\u00a0 Finished").name == "Quiz Finished"
