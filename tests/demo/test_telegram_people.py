"""What people do reaches the bot as the updates that Telegram sends, and only those."""

from typing import Any

from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Shopper, Staff

GROUP = -1001234567890


def kinds(updates: list[dict[str, Any]]) -> list[str]:
    return [next(name for name in one if name != "update_id") for one in updates]


async def test_words_files_and_captions_are_edited(ada: Shopper, done: Any) -> None:
    photo = ada.sends_photo("My lamp")
    ada.edits(2, "Hello")
    ada.edits(photo, "My broken lamp")
    ada.edits_media(photo, "video", "Look")
    updates = await done("getUpdates")
    assert kinds(updates) == ["message", "message", "edited_message", "edited_message", "edited_message"]
    assert [one["edited_message"].get("caption") for one in updates[2:]] == [None, "My broken lamp", "Look"]
    assert "photo" not in updates[4]["edited_message"] and updates[4]["edited_message"]["video"]
    assert updates[4]["edited_message"]["edit_date"] > updates[4]["edited_message"]["date"]


async def test_an_album_comes_as_several_updates_of_one_group(ada: Shopper, done: Any) -> None:
    ada.sends_album(3, "All", kinds=("photo", "video"))
    album = [one["message"] for one in (await done("getUpdates"))[1:]]
    assert len({one["media_group_id"] for one in album}) == 1
    assert [one.get("caption") for one in album] == ["All", None, None] and "video" in album[1]


async def test_a_reply_carries_the_message_and_the_quote(ada: Shopper, done: Any) -> None:
    sent = (await done("sendMessage", chat_id=7, text="It comes on Monday"))["message_id"]
    ada.replies_to(sent, "Which one?", quote="Monday")
    message = (await done("getUpdates"))[-1]["message"]
    assert message["reply_to_message"]["message_id"] == sent
    assert message["quote"] == {"text": "Monday", "position": 12, "is_manual": True}


async def test_in_a_topic_a_reply_to_nothing_is_one_to_its_first_message(
    telegram: Telegram, anna: Staff, done: Any
) -> None:
    thread = (await done("createForumTopic", chat_id=GROUP, name="#1"))["message_thread_id"]
    first = anna.says("a word", thread)
    anna.replies_to(first, "and another")
    replies = [one["message"]["reply_to_message"]["message_id"] for one in await done("getUpdates")]
    assert replies == [thread, first]
    assert telegram.messages(GROUP, thread)[-1].thread_id == thread


async def test_reactions_are_told_to_a_bot_that_asked(telegram: Telegram, ada: Shopper, done: Any) -> None:
    sent = (await done("sendMessage", chat_id=7, text="x"))["message_id"]
    ada.reacts(sent, "👍")
    assert kinds(await done("getUpdates", offset=-1)) == ["message"], "nobody asked"
    offset = (await done("getUpdates"))[-1]["update_id"] + 1
    await done("getUpdates", offset=offset, allowed_updates=["message", "message_reaction"])
    ada.reacts(sent, "🔥")
    ada.edits(2, "not asked for")
    (told,) = await done("getUpdates", offset=offset)
    reaction = told["message_reaction"]
    assert (reaction["message_id"], reaction["user"]["id"]) == (sent, 7)
    assert [one["emoji"] for one in reaction["old_reaction"] + reaction["new_reaction"]] == ["👍", "🔥"]
    assert ada.received[0].reacted == {7: ["🔥"]}
    ada.reacts(sent)
    assert ada.received[0].reacted == {}


async def test_an_empty_list_of_updates_is_the_usual_ones(telegram: Telegram, ada: Shopper, done: Any) -> None:
    await done("getUpdates", allowed_updates=["callback_query"])
    ada.says("not asked for")
    assert len(await done("getUpdates", allowed_updates=[])) == 1
    ada.says("asked for")
    assert len(await done("getUpdates")) == 2


async def test_who_blocks_the_bot_is_told_and_who_deletes_a_message_is_not(
    telegram: Telegram, ada: Shopper, done: Any, refused: Any
) -> None:
    ada.deletes(2)
    ada.blocks()
    assert "blocked by the user" in await refused("sendMessage", chat_id=7, text="x")
    ada.unblocks()
    await done("sendMessage", chat_id=7, text="x")
    updates = await done("getUpdates")
    assert kinds(updates) == ["message", "my_chat_member", "my_chat_member"]
    assert [one["my_chat_member"]["new_chat_member"]["status"] for one in updates[1:]] == ["kicked", "member"]


async def test_a_pin_by_hand_is_told_by_a_service_message(ada: Shopper, done: Any) -> None:
    ada.pins(2)
    message = (await done("getUpdates"))[-1]["message"]
    assert message["pinned_message"]["text"] == "hello" and ada.chat.messages[2].pinned


async def test_who_joins_and_leaves_is_told_to_all(telegram: Telegram, anna: Staff, done: Any) -> None:
    await done("getUpdates", allowed_updates=["message", "chat_member"])
    anna.leaves()
    anna.joins()
    updates = await done("getUpdates")
    assert kinds(updates) == ["chat_member", "message", "chat_member", "message"]
    assert updates[1]["message"]["left_chat_member"]["id"] == updates[3]["message"]["new_chat_members"][0]["id"] == 50
