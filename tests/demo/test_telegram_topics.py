"""Forum topics in the stand-in: names, icons, open and closed, deleted, and General."""

from typing import Any

import pytest

from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Staff

GROUP = -1001234567890


@pytest.fixture
async def thread(done: Any) -> int:
    return int((await done("createForumTopic", chat_id=GROUP, name="#1"))["message_thread_id"])


@pytest.mark.parametrize(
    ("method", "values", "words"),
    [
        ("createForumTopic", {"name": ""}, "name must be non-empty"),
        ("createForumTopic", {"name": "x" * 129}, "invalid forum topic name specified"),
        ("createForumTopic", {"name": "x", "icon_custom_emoji_id": "1"}, "DOCUMENT_INVALID"),
        ("createForumTopic", {"name": "x", "icon_color": 1}, "invalid icon color specified"),
        ("editForumTopic", {"message_thread_id": "thread", "name": "#1"}, "TOPIC_NOT_MODIFIED"),
        ("editForumTopic", {"message_thread_id": 99, "name": "x"}, "TOPIC_ID_INVALID"),
        ("closeForumTopic", {"message_thread_id": 1}, "TOPIC_ID_INVALID"),
        ("reopenForumTopic", {"message_thread_id": "thread"}, "TOPIC_NOT_MODIFIED"),
        ("sendMessage", {"message_thread_id": 99, "text": "x"}, "message thread not found"),
        ("pinChatMessage", {"message_id": "thread"}, "service messages can't be pinned"),
        ("deleteMessage", {"message_id": "thread"}, "message can't be deleted"),
    ],
)
async def test_it_refuses_like_the_real_one(
    refused: Any, thread: int, method: str, values: dict[str, Any], words: str
) -> None:
    values = {name: thread if value == "thread" else value for name, value in values.items()}
    assert await refused(method, chat_id=GROUP, **values) == f"Bad Request: {words}"


async def test_a_topic_has_a_name_and_an_icon(telegram: Telegram, thread: int, done: Any) -> None:
    icons = {one["emoji"]: one["custom_emoji_id"] for one in await done("getForumTopicIconStickers")}
    await done("editForumTopic", chat_id=GROUP, message_thread_id=thread, icon_custom_emoji_id=icons["✅"])
    topic = telegram.group.topics[thread]
    assert (topic.name, topic.emoji) == ("#1", "✅")
    await done("editForumTopic", chat_id=GROUP, message_thread_id=thread, name="#1 Ada", icon_custom_emoji_id="")
    assert (topic.name, topic.emoji) == ("#1 Ada", "")


@pytest.mark.parametrize(
    ("method", "values", "words"),
    [
        ("sendMessage", {"text": "x"}, "message thread not found"),
        ("copyMessage", {"from_chat_id": GROUP, "message_id": 1}, "TOPIC_DELETED"),
        ("editForumTopic", {"name": "x"}, "TOPIC_DELETED"),
        ("closeForumTopic", {}, "TOPIC_DELETED"),
        ("deleteForumTopic", {}, "TOPIC_DELETED"),
    ],
)
async def test_a_deleted_topic_is_refused_and_no_update_tells_of_it(
    telegram: Telegram, anna: Staff, thread: int, refused: Any, method: str, values: dict[str, Any], words: str
) -> None:
    before = len(telegram.updates.pending)
    anna.deletes_topic(thread)
    assert len(telegram.updates.pending) == before
    assert await refused(method, chat_id=GROUP, message_thread_id=thread, **values) == f"Bad Request: {words}"


async def test_a_chat_action_is_no_probe_for_a_deleted_topic(anna: Staff, thread: int, done: Any) -> None:
    anna.deletes_topic(thread)
    assert await done("sendChatAction", chat_id=GROUP, message_thread_id=thread, action="typing")


async def test_a_closed_topic_takes_messages_of_admins_only(
    telegram: Telegram, thread: int, done: Any, refused: Any
) -> None:
    await done("closeForumTopic", chat_id=GROUP, message_thread_id=thread)
    await done("sendMessage", chat_id=GROUP, message_thread_id=thread, text="of an admin")
    telegram.group.bot_posts_in_closed = False
    words = await refused("sendMessage", chat_id=GROUP, message_thread_id=thread, text="x")
    assert words == "Bad Request: TOPIC_CLOSED"


async def test_without_the_right_only_topics_of_its_own_can_be_changed(
    telegram: Telegram, anna: Staff, thread: int, done: Any, refused: Any
) -> None:
    telegram.group.bot_manages_topics = False
    assert "not enough rights to create a topic" in await refused("createForumTopic", chat_id=GROUP, name="x")
    await done("editForumTopic", chat_id=GROUP, message_thread_id=thread, name="mine")
    theirs = anna.creates_topic("Lunch")
    words = await refused("editForumTopic", chat_id=GROUP, message_thread_id=theirs, name="Dinner")
    assert words == "Bad Request: not enough rights to edit the topic"
    assert "not enough rights" in await refused("closeGeneralForumTopic", chat_id=GROUP)


async def test_general_has_methods_of_its_own(telegram: Telegram, done: Any, refused: Any) -> None:
    await done("editGeneralForumTopic", chat_id=GROUP, name="Lobby")
    await done("hideGeneralForumTopic", chat_id=GROUP)
    assert (telegram.group.general.name, telegram.group.general.closed) == ("Lobby", True)
    telegram.group.bot_posts_in_closed = False
    assert "TOPIC_CLOSED" in await refused("sendMessage", chat_id=GROUP, text="x")
    await done("unhideGeneralForumTopic", chat_id=GROUP)
    await done("reopenGeneralForumTopic", chat_id=GROUP)
    await done("sendMessage", chat_id=GROUP, text="x")
    await done("closeGeneralForumTopic", chat_id=GROUP)
    assert "TOPIC_NOT_MODIFIED" in await refused("closeGeneralForumTopic", chat_id=GROUP)


async def test_all_pins_of_a_topic_go_at_once(telegram: Telegram, thread: int, done: Any) -> None:
    places: list[dict[str, int]] = [{"message_thread_id": thread}, {}]
    for place in places:
        sent = (await done("sendMessage", chat_id=GROUP, text="x", **place))["message_id"]
        await done("pinChatMessage", chat_id=GROUP, message_id=sent)
    await done("unpinAllForumTopicMessages", chat_id=GROUP, message_thread_id=thread)
    assert [one.thread_id for one in telegram.messages(GROUP) if one.pinned] == [None]
    assert (await done("getChat", chat_id=GROUP))["pinned_message"]["text"] == "x"
    await done("unpinAllGeneralForumTopicMessages", chat_id=GROUP)
    assert not [one for one in telegram.messages(GROUP) if one.pinned]


async def test_a_group_without_topics_has_none(telegram: Telegram, done: Any, refused: Any) -> None:
    telegram.group.is_forum = False
    assert await refused("createForumTopic", chat_id=GROUP, name="x") == "Bad Request: the chat is not a forum"
    sent = await done("sendMessage", chat_id=GROUP, text="x", message_thread_id=77)
    assert "message_thread_id" not in sent


async def test_people_make_and_change_topics_and_updates_tell_of_it(telegram: Telegram, anna: Staff, done: Any) -> None:
    thread = anna.creates_topic("Lunch")
    anna.edits_topic(thread, "Dinner", "5312241539987020022")
    anna.closes(thread)
    anna.reopens(thread)
    updates = [one["message"] for one in await done("getUpdates")]
    assert all(one["message_thread_id"] == thread and one["is_topic_message"] for one in updates)
    kinds = ["forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"]
    assert [next(kind for kind in kinds if kind in one) for one in updates] == kinds
    topic = telegram.group.topics[thread]
    assert (topic.name, topic.emoji, topic.closed) == ("Dinner", "🔥", False)
