"""A command whose words nobody understands says so: silence would look as if it had been done."""

import pytest
from deskwork import GROUP, Stage, seconds

from bot.base.database import Database
from bot.base.texts import Texts

HUMAN = "I want to talk to a human"
HOUSE = {"departments": [{"name": "returns", "title": "Returns"}, {"name": "money", "title": "Payments"}]}
WORDS = {
    "en": {
        "dept": "No department is called “pizza”. Which one is meant?",
        "prio": "“asap” is no priority. How urgent is it?",
        "merge": "There is no ticket #9999. Write the number of the other ticket: /merge #1042.",
        "closed": "#1001 is closed. /reopen takes it up again.",
        "merged": "#1002 was merged into #1001: please go on there. Nothing was sent. /unmerge takes it apart.",
        "draft": "👁 The customer would read:",
    },
    "zh-CN": {
        "dept": "没有名为“pizza”的部门。要转到哪个部门？",
        "prio": "没有“asap”这个优先级。有多紧急？",
        "merge": "没有工单 #9999。请写另一张工单的编号：/merge #1042。",
        "closed": "工单 #1001 已关闭，可用 /reopen 重新打开。",
        "merged": "工单 #1002 已并入 #1001，请到那里继续。没有发出任何内容。/unmerge 可拆分。",
        "draft": "👁 顾客将看到：",
    },
}


@pytest.fixture(params=list(WORDS))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def stage(database: Database, texts: Texts, language: str) -> Stage:
    made = await Stage.set(
        database, texts, support=HOUSE, telegram={"staff_chat_id": GROUP}, shop={"language": language}
    )
    await made.customer_says(HUMAN)
    await made.staff_takes(seconds(1))
    return made


async def _asked(stage: Stage) -> str:
    return str((await stage.queued("notice"))[-1]["payload"]["text"])


async def test_a_department_that_there_is_not_is_named_and_the_others_are_offered(stage: Stage, language: str) -> None:
    assert await stage.staff_writes("/dept pizza", seconds(2)) is None
    asked = (await stage.queued("notice"))[-1]["payload"]
    assert asked["text"] == WORDS[language]["dept"]
    assert [one["data"] for row in asked["buttons"] for one in row] == ["1:dept:1:money", "1:dept:1:-"]
    assert (await stage.ticket()).department == "returns"


async def test_a_word_that_is_no_priority_is_named(stage: Stage, language: str) -> None:
    assert await stage.staff_writes("/prio asap", seconds(2)) is None
    assert await _asked(stage) == WORDS[language]["prio"]
    assert (await stage.ticket()).priority == "normal"


async def test_a_ticket_that_there_is_not_cannot_be_merged(stage: Stage, language: str) -> None:
    assert await stage.staff_writes("/merge #9999", seconds(2)) == WORDS[language]["merge"]
    assert await stage.staff_writes("/merge the other one", seconds(3)) == stage.desk.staff("staff.merge.how")


async def test_words_behind_close_are_shown_under_a_title(stage: Stage, language: str) -> None:
    assert await stage.staff_writes("/close Thank you for waiting", seconds(2)) is None
    assert (await _asked(stage)).splitlines()[:3] == [WORDS[language]["draft"], "", "Thank you for waiting"]


async def test_words_behind_close_of_a_closed_ticket_go_nowhere_and_that_is_said(stage: Stage, language: str) -> None:
    await stage.staff_closes(seconds(2))
    assert await stage.staff_writes("/close Thank you", seconds(3)) == WORDS[language]["closed"]


async def test_in_a_merged_topic_close_says_where_the_ticket_went(stage: Stage, language: str) -> None:
    await stage.customer_says("and another parcel", seconds(3))
    await stage.staff_writes("/split 1", seconds(4))
    await stage.staff_presses("1:merge:2:1", seconds(5))
    stage.topic = 1002
    assert await stage.staff_writes("/close Thank you", seconds(6)) == WORDS[language]["merged"]
