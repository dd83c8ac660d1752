"""Messages in the stand-in: what the bot sends, copies, changes and deletes, and what a person sees of it."""

from typing import Any

import pytest

from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Shopper, Staff

GROUP = -1001234567890
PHOTO = "https://shop.example/lamp.jpg"


@pytest.fixture
async def text(ada: Shopper, done: Any) -> int:
    return int((await done("sendMessage", chat_id=7, text="It comes on Monday"))["message_id"])


@pytest.fixture
async def photo(ada: Shopper, done: Any) -> int:
    return int((await done("sendPhoto", chat_id=7, photo=PHOTO, caption="The lamp"))["message_id"])


async def test_markup_becomes_entities(ada: Shopper, done: Any) -> None:
    sent = await done(
        "sendMessage", chat_id=7, text='😀 <b>on <i>it</i></b> <a href="https://x.y">x</a>', parse_mode="HTML"
    )
    assert sent["text"] == "😀 on it x"
    assert [(one["type"], one["offset"], one["length"]) for one in sent["entities"]] == [
        ("bold", 3, 5),
        ("italic", 6, 2),
        ("text_link", 9, 1),
    ]


async def test_a_reply_may_quote_and_may_do_without(ada: Shopper, text: int, done: Any) -> None:
    reply = {"message_id": text, "quote": "on Monday"}
    await done("sendMessage", chat_id=7, text="sure", reply_parameters=reply)
    assert (ada.received[-1].reply_to, ada.received[-1].quote) == (text, "on Monday")
    assert ada.received[-1].json["quote"]["position"] == 9
    gone = {"message_id": 99, "allow_sending_without_reply": True}
    await done("sendMessage", chat_id=7, text="sure", reply_parameters=gone)
    assert ada.received[-1].reply_to is None


async def test_a_reply_may_be_to_another_chat(telegram: Telegram, ada: Shopper, done: Any) -> None:
    reply = {"message_id": 2, "chat_id": 7, "quote": "hell"}
    sent = await done("sendMessage", chat_id=GROUP, text="look", reply_parameters=reply)
    assert sent["external_reply"]["message_id"] == 2 and "reply_to_message" not in sent


@pytest.mark.parametrize("kind", ["document", "voice", "video", "audio", "animation", "sticker", "video_note"])
async def test_a_file_id_is_valid_for_its_kind_only(ada: Shopper, done: Any, refused: Any, kind: str) -> None:
    file_id = ada.chat.messages[ada.sends(kind)].file_id
    name = "send" + "".join(part.capitalize() for part in kind.split("_"))
    sent = await done(name, chat_id=7, **{kind: file_id})
    assert sent[kind]["file_id"] == file_id and ada.received[-1].kind == kind
    assert "can't use file of type" in await refused("sendPhoto", chat_id=7, photo=file_id)


async def test_an_album_is_sent_as_one(ada: Shopper, done: Any) -> None:
    media = [{"type": "photo", "media": PHOTO, "caption": "Both"}, {"type": "video", "media": PHOTO}]
    sent = await done("sendMediaGroup", chat_id=7, media=media)
    assert len({one["media_group_id"] for one in sent}) == 1
    assert [(one.kind, one.text) for one in ada.received] == [("photo", "Both"), ("video", "")]


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (["photo"] * 11, "too many messages to send as an album"),
        (["photo", "document"], "Document can't be mixed with other media types"),
        (["sticker"], "invalid message content type"),
    ],
)
async def test_not_everything_is_an_album(ada: Shopper, refused: Any, kinds: list[str], words: str) -> None:
    media = [{"type": kind, "media": PHOTO} for kind in kinds]
    assert await refused("sendMediaGroup", chat_id=7, media=media) == f"Bad Request: {words}"


async def test_copies_of_an_album_stay_together_and_what_is_gone_is_passed_over(
    telegram: Telegram, ada: Shopper, done: Any
) -> None:
    numbers = ada.sends_album(3, "All the pieces", kinds=("photo", "video"))
    alone = ada.says("and a word")
    ada.deletes(numbers[1])
    made = await done("copyMessages", chat_id=GROUP, from_chat_id=7, message_ids=[*numbers, alone])
    copies = telegram.messages(GROUP)
    assert [one["message_id"] for one in made] == [one.message_id for one in copies]
    assert [one.copied_from for one in copies] == [(7, numbers[0]), (7, numbers[2]), (7, alone)]
    assert copies[0].album == copies[1].album != ada.chat.messages[numbers[0]].album and copies[2].album is None
    await done("copyMessages", chat_id=GROUP, from_chat_id=7, message_ids=numbers, remove_caption=True)
    assert telegram.messages(GROUP)[-2].text == ""


async def test_a_copy_keeps_its_caption_or_gets_another(ada: Shopper, photo: int, done: Any, refused: Any) -> None:
    copy = {"chat_id": 7, "from_chat_id": 7, "message_id": photo}
    for words in ({}, {"caption": "Another"}, {"caption": ""}):
        await done("copyMessage", **copy, **words)
    assert [one.text for one in ada.received[-3:]] == ["The lamp", "Another", ""]
    long = ada.sends_photo("x" * 1025)
    assert "message caption is too long" in await refused("copyMessage", **{**copy, "message_id": long})
    await done("copyMessage", **{**copy, "message_id": long}, caption="cut")


async def test_a_service_message_can_be_neither_copied_nor_forwarded(ada: Shopper, refused: Any) -> None:
    service = ada.pins(2)
    values = {"chat_id": 7, "from_chat_id": 7, "message_id": service}
    assert "message can't be copied" in await refused("copyMessage", **values)
    assert "message can't be forwarded" in await refused("forwardMessage", **values)


async def test_a_forwarded_message_says_where_it_is_from(ada: Shopper, done: Any, refused: Any) -> None:
    sent = await done("forwardMessage", chat_id=GROUP, from_chat_id=7, message_id=2)
    assert sent["forward_origin"]["sender_user"]["id"] == 7 and sent["text"] == "hello"
    more = await done("forwardMessages", chat_id=GROUP, from_chat_id=7, message_ids=[2])
    assert len(more) == 1
    kept = (await done("sendMessage", chat_id=7, text="secret", protect_content=True))["message_id"]
    assert "can't be forwarded" in await refused("forwardMessage", chat_id=7, from_chat_id=7, message_id=kept)


async def test_what_the_bot_sent_can_be_changed(ada: Shopper, text: int, photo: int, done: Any) -> None:
    await done("editMessageText", chat_id=7, message_id=text, text="It comes on Tuesday")
    await done("editMessageCaption", chat_id=7, message_id=photo, caption="The other lamp")
    assert [one.text for one in ada.received] == ["It comes on Tuesday", "The other lamp"]
    media = {"type": "document", "media": PHOTO, "caption": "The bill"}
    await done("editMessageMedia", chat_id=7, message_id=photo, media=media)
    assert (ada.received[1].kind, ada.received[1].text, ada.received[1].edited) == ("document", "The bill", True)
    keyboard = {"inline_keyboard": [[{"text": "Pay", "url": "shop.example/pay"}]]}
    await done("editMessageReplyMarkup", chat_id=7, message_id=text, reply_markup=keyboard)
    assert [one["text"] for one in ada.received[0].buttons] == ["Pay"] and ada.received[0].text
    await done("editMessageReplyMarkup", chat_id=7, message_id=text)
    assert ada.received[0].buttons == []


@pytest.mark.parametrize(
    ("method", "of", "values", "words"),
    [
        ("editMessageText", "text", {"text": "It comes on Monday"}, "message is not modified: specified new message"),
        ("editMessageReplyMarkup", "text", {}, "message is not modified"),
        ("editMessageText", "photo", {"text": "x"}, "there is no text in the message to edit"),
        ("editMessageCaption", "text", {"caption": "x"}, "there is no caption in the message to edit"),
        ("editMessageCaption", "photo", {"caption": "x" * 1025}, "message caption is too long"),
        ("editMessageText", "text", {"text": "x", "reply_markup": {"force_reply": True}}, "inline keyboard expected"),
        ("editMessageMedia", "photo", {"media": {"type": "voice", "media": PHOTO}}, "is unsupported"),
        ("editMessageMedia", "photo", {"media": {"typ": "photo"}}, "unknown parameter 'typ' of InputMedia"),
    ],
)
async def test_a_change_must_be_one_and_must_fit(
    text: int, photo: int, refused: Any, method: str, of: str, values: dict[str, Any], words: str
) -> None:
    number = text if of == "text" else photo
    assert words in await refused(method, chat_id=7, message_id=number, **values)


async def test_messages_are_deleted_for_two_days(
    telegram: Telegram, ada: Shopper, anna: Staff, text: int, done: Any, refused: Any
) -> None:
    old = anna.says("to stay")
    telegram.clock.forward(47 * 3600)
    await done("deleteMessage", chat_id=7, message_id=text)
    young = anna.says("to go")
    telegram.clock.forward(2 * 3600)
    assert "can't be deleted for everyone" in await refused("deleteMessage", chat_id=7, message_id=2)
    assert await refused("deleteMessages", chat_id=GROUP, message_ids=[old, young]) == (
        "Bad Request: message can't be deleted"
    )
    await done("deleteMessages", chat_id=GROUP, message_ids=[young, 99])
    assert [one.text for one in telegram.messages(GROUP)] == ["to stay"]


async def test_rights_are_asked_for_in_groups(telegram: Telegram, anna: Staff, refused: Any, done: Any) -> None:
    telegram.group.bot_deletes = telegram.group.bot_pins = False
    number = anna.says("x")
    assert await refused("deleteMessage", chat_id=GROUP, message_id=number) == "Bad Request: message can't be deleted"
    words = await refused("pinChatMessage", chat_id=GROUP, message_id=number)
    assert words == "Bad Request: not enough rights to manage pinned messages in the chat"
    mine = (await done("sendMessage", chat_id=GROUP, text="x"))["message_id"]
    await done("deleteMessage", chat_id=GROUP, message_id=mine)


async def test_the_newest_pin_goes_first(ada: Shopper, text: int, photo: int, done: Any) -> None:
    for number in (text, photo):
        await done("pinChatMessage", chat_id=7, message_id=number)
    await done("unpinChatMessage", chat_id=7)
    assert [one.pinned for one in ada.received] == [True, False]
    await done("unpinAllChatMessages", chat_id=7)
    assert not any(one.pinned for one in ada.received)


async def test_a_group_may_allow_few_reactions(telegram: Telegram, anna: Staff, done: Any, refused: Any) -> None:
    number, react = anna.says("x"), "setMessageReaction"
    telegram.group.allowed_reactions = frozenset({"🔥"})
    place = {"chat_id": GROUP, "message_id": number}
    assert "REACTION_INVALID" in await refused(react, **place, reaction=[{"type": "emoji", "emoji": "👍"}])
    await done(react, **place, reaction=[{"type": "emoji", "emoji": "🔥"}])
    assert telegram.group.messages[number].reactions == ["🔥"]
    await done(react, **place)
    assert telegram.group.messages[number].reactions == []
