"""The stand-in refuses what the real Bot API refuses, in its words; asked over plain HTTP, without aiogram."""

import asyncio
from typing import Any

import httpx
import pytest

from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Shopper, Staff

GROUP = -1001234567890


def keyboard(**button: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "x", **button}]]}


def reacting(*emojis: str) -> list[dict[str, str]]:
    return [{"type": "emoji", "emoji": emoji} for emoji in emojis]


WRITE = {"chat_id": 7, "text": "x"}


@pytest.mark.parametrize(
    ("method", "values", "words"),
    [
        ("sendMessage", {"text": "x"}, "Bad Request: chat_id is empty"),
        ("sendMessage", {"chat_id": 99, "text": "x"}, "Bad Request: chat not found"),
        ("sendMessage", {"chat_id": 7, "text": " "}, "Bad Request: message text is empty"),
        ("sendMessage", {"chat_id": 7, "text": "😀" * 2049}, "Bad Request: message is too long"),
        ("sendMessage", {**WRITE, "message_thread_id": 1}, "Bad Request: message thread not found"),
        ("sendMessage", {"chat_id": GROUP, "text": "x", "message_thread_id": 1}, "message thread not found"),
        ("sendMessage", {"chat_id": 7, "text": "<x>", "parse_mode": "HTML"}, "can't parse entities: Unsupported start"),
        ("sendMessage", {"chat_id": 7, "text": "<b>x", "parse_mode": "HTML"}, "Can't find end tag"),
        ("sendMessage", {"chat_id": 7, "text": "<b>x</i>", "parse_mode": "HTML"}, "Unmatched end tag at byte offset 4"),
        ("sendMessage", {**WRITE, "parse_mode": "Markdown"}, "the stand-in reads HTML only"),
        ("sendMessage", {**WRITE, "parse_mode": "Word"}, "unsupported parse_mode"),
        ("sendMessage", {**WRITE, "entities": [{"type": "bold", "offset": 0, "length": 2}]}, "after the end"),
        (
            "sendMessage",
            {**WRITE, "reply_markup": keyboard(callback_data="é" * 33)},
            "Bad Request: BUTTON_DATA_INVALID",
        ),
        ("sendMessage", {**WRITE, "reply_markup": keyboard(callback_data="")}, "Bad Request: BUTTON_DATA_INVALID"),
        ("sendMessage", {**WRITE, "reply_markup": keyboard(url="http://localhost/x")}, "is invalid: Wrong HTTP URL"),
        ("sendMessage", {**WRITE, "reply_markup": keyboard()}, "Text buttons are unallowed in the inline keyboard"),
        ("sendMessage", {**WRITE, "reply_markup": keyboard(text="", callback_data="x")}, 'Can\'t find field "text"'),
        ("sendMessage", {**WRITE, "reply_markup": {"inline_keyboard": [{}]}}, "must be an Array of Arrays"),
        ("sendMessage", {**WRITE, "reply_parameters": {"message_id": 99}}, "message to be replied not found"),
        ("sendMessage", {**WRITE, "reply_parameters": {"message_id": 2, "quote": "bye"}}, "QUOTE_TEXT_INVALID"),
        ("sendPhoto", {"chat_id": 7}, "there is no photo in the request"),
        ("sendPhoto", {"chat_id": 7, "photo": "made-up"}, "wrong remote file identifier specified"),
        ("sendPhoto", {"chat_id": 7, "photo": "https://x.y/z", "caption": "x" * 1025}, "message caption is too long"),
        ("sendMediaGroup", {"chat_id": 7, "media": []}, "there are no messages to send"),
        ("copyMessage", {"chat_id": 7, "from_chat_id": 7, "message_id": 99}, "Bad Request: message to copy not found"),
        ("copyMessages", {"chat_id": 7, "from_chat_id": 7, "message_ids": []}, "identifiers are not specified"),
        ("copyMessages", {"chat_id": 7, "from_chat_id": 7, "message_ids": [3, 2]}, "strictly increasing order"),
        ("copyMessages", {"chat_id": 7, "from_chat_id": 7, "message_ids": [99]}, "there are no messages to forward"),
        ("copyMessages", {"chat_id": 7, "from_chat_id": 7, "message_ids": [1] * 101}, "too many message identifiers"),
        ("forwardMessage", {"chat_id": 7, "from_chat_id": 7, "message_id": 99}, "message to forward not found"),
        ("editMessageText", {"chat_id": 7, "message_id": 99, "text": "x"}, "Bad Request: message to edit not found"),
        ("editMessageText", {"chat_id": 7, "message_id": 2, "text": "x"}, "Bad Request: message can't be edited"),
        ("deleteMessage", {"chat_id": 7, "message_id": 99}, "Bad Request: message to delete not found"),
        ("pinChatMessage", {"chat_id": 7, "message_id": 99}, "Bad Request: message to pin not found"),
        ("unpinChatMessage", {"chat_id": 7}, "Bad Request: message to unpin not found"),
        ("setMessageReaction", {"chat_id": 7, "message_id": 99}, "Bad Request: message to react not found"),
        ("setMessageReaction", {"chat_id": 7, "message_id": 2, "reaction": reacting("🔒")}, "REACTION_INVALID"),
        ("setMessageReaction", {"chat_id": 7, "message_id": 2, "reaction": reacting("👍", "🔥")}, "REACTIONS_TOO_MANY"),
        ("sendChatAction", {"chat_id": 7, "action": "dancing"}, "wrong parameter action in request"),
        ("getChatAdministrators", {"chat_id": 7}, "there are no administrators in the private chat"),
        ("getChatMember", {"chat_id": GROUP, "user_id": 12345}, "PARTICIPANT_ID_INVALID"),
        ("getFile", {"file_id": "made-up"}, "Bad Request: invalid file_id"),
        ("setMyCommands", {"commands": [{"command": "Not Good", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ("setMyCommands", {"commands": [{"command": "x", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ("setMyCommands", {"commands": [], "scope": {"type": "moon"}}, "can't parse BotCommandScope"),
        ("setMyCommands", {"commands": [], "scope": {"type": "chat", "chat_id": 99}}, "chat not found"),
        ("setWebhook", {"url": "http://127.0.0.1:9/x", "secret_token": "ä"}, "unallowed characters"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, "query is too old"),
        ("flyToTheMoon", {}, "Not Found"),
    ],
)
async def test_it_refuses_like_the_real_one(
    refused: Any, ada: Shopper, method: str, values: dict[str, Any], words: str
) -> None:
    assert words in await refused(method, **values)


@pytest.mark.parametrize(
    ("reach", "code", "words"),
    [
        ("fresh", 403, "Forbidden: bot can't initiate conversation with a user"),
        ("blocked", 403, "Forbidden: bot was blocked by the user"),
        ("gone", 403, "Forbidden: user is deactivated"),
    ],
)
async def test_who_cannot_be_reached_is_not_written_to(
    telegram: Telegram, ask: Any, reach: str, code: int, words: str
) -> None:
    telegram.shopper(8, "Ben").chat.reach = reach
    answer = await ask("sendMessage", chat_id=8, text="x")
    assert (answer["error_code"], answer["description"]) == (code, words)


@pytest.mark.parametrize(
    ("reach", "words"),
    [
        ("kicked", "Forbidden: bot was kicked from the supergroup chat"),
        ("left", "Forbidden: bot is not a member of the supergroup chat"),
        ("muted", "Bad Request: not enough rights to send text messages to the chat"),
    ],
)
async def test_a_group_without_us_is_not_written_to(telegram: Telegram, refused: Any, reach: str, words: str) -> None:
    telegram.group.reach = reach
    assert await refused("sendMessage", chat_id=GROUP, text="x") == words


async def test_a_group_that_became_another_one_names_it(telegram: Telegram, ask: Any) -> None:
    new = telegram.migrate_group()
    answer = await ask("sendMessage", chat_id=GROUP, text="x")
    assert (answer["error_code"], answer["parameters"]) == (400, {"migrate_to_chat_id": new.id})
    told = [update["message"] for update in telegram.updates.pending]
    assert [one.get("migrate_to_chat_id") or one.get("migrate_from_chat_id") for one in told] == [new.id, GROUP]


async def test_a_button_is_answered_once_and_in_time(telegram: Telegram, ada: Shopper, done: Any, refused: Any) -> None:
    await done("sendMessage", chat_id=7, text="Well?", reply_markup=keyboard(callback_data="1:yes"))
    query = ada.presses("x")
    await done("answerCallbackQuery", callback_query_id=query, text="Thanks", show_alert=True)
    assert (ada.toasts, ada.alerts) == (["Thanks"], ["Thanks"])
    assert "query is too old" in await refused("answerCallbackQuery", callback_query_id=query)
    late = ada.presses("x")
    telegram.clock.forward(telegram.chats.answer_within + 1)
    assert "query is too old" in await refused("answerCallbackQuery", callback_query_id=late)


async def test_updates_stay_until_they_are_acknowledged(ada: Shopper, done: Any) -> None:
    first = await done("getUpdates")
    again = await done("getUpdates")
    assert first == again and len(first) == 1
    assert await done("getUpdates", offset=first[0]["update_id"] + 1) == []


async def test_a_negative_offset_forgets_all_but_the_last(ada: Shopper, done: Any) -> None:
    ada.says("last")
    assert [one["message"]["text"] for one in await done("getUpdates", offset=-1)] == ["last"]
    assert len(await done("getUpdates")) == 1


async def test_an_update_tells_how_things_were_at_that_time(ada: Shopper, done: Any) -> None:
    ada.edits(2, "goodbye")
    message, edited = await done("getUpdates")
    assert (message["message"]["text"], edited["edited_message"]["text"]) == ("hello", "goodbye")


async def test_of_two_readers_the_older_is_told_to_go(telegram: Telegram, ask: Any) -> None:
    older = asyncio.create_task(ask("getUpdates", offset=10**9, timeout=5))
    await telegram.wait_for(lambda: telegram.called("getUpdates"))
    await asyncio.sleep(0.05)
    newer = asyncio.create_task(ask("getUpdates", offset=10**9, timeout=5))
    assert (await older)["error_code"] == 409
    newer.cancel()


async def test_the_bot_sees_who_is_in_the_group(telegram: Telegram, anna: Staff, done: Any) -> None:
    boss = telegram.staff(51, "Boss", status="creator")
    statuses = {one["user"]["id"]: one["status"] for one in await done("getChatAdministrators", chat_id=GROUP)}
    assert statuses == {424242: "administrator", boss.id: "creator"}
    assert await done("getChatMemberCount", chat_id=GROUP) == 3
    anna.leaves()
    assert (await done("getChatMember", chat_id=GROUP, user_id=anna.id))["status"] == "left"


async def test_each_person_sees_the_narrowest_menu_in_their_language(
    telegram: Telegram, ada: Shopper, anna: Staff, done: Any
) -> None:
    li = telegram.shopper(9, "Li", "zh")

    async def menu(name: str, scope: str, language: str = "", **more: Any) -> None:
        commands = [{"command": name, "description": "x"}]
        await done("setMyCommands", commands=commands, scope={"type": scope, **more}, language_code=language)

    await menu("everybody", "default")
    await menu("private", "all_private_chats")
    await menu("chinese", "all_private_chats", "zh")
    assert (ada.menu, li.menu, anna.menu) == (["private"], ["chinese"], ["everybody"])
    await menu("staff", "chat", chat_id=GROUP)
    assert anna.menu == ["staff"]
    await done("deleteMyCommands", scope={"type": "chat", "chat_id": GROUP})
    assert anna.menu == ["everybody"] and [one["command"] for one in await done("getMyCommands")] == ["everybody"]


async def test_files_of_people_can_be_fetched(telegram: Telegram, ada: Shopper, done: Any) -> None:
    number = ada.sends_file("bill.pdf", b"%PDF")
    path = (await done("getFile", file_id=ada.chat.messages[number].file_id))["file_path"]
    async with httpx.AsyncClient(base_url=telegram.url) as client:
        assert (await client.get(f"/file/bot{telegram.token}/{path}")).content == b"%PDF"
        assert (await client.get(f"/file/bot1:other/{path}")).status_code == 404


async def test_a_bot_uploads_files_as_forms_do(telegram: Telegram, ada: Shopper) -> None:
    async with httpx.AsyncClient(base_url=f"{telegram.url}/bot{telegram.token}/") as client:
        await client.post("sendDocument", data={"chat_id": "7"}, files={"document": ("a.txt", b"one")})
        attached = {"chat_id": "7", "document": "attach://part"}
        await client.post("sendDocument", data=attached, files={"part": ("b.txt", b"two")})
        stray = await client.post("sendDocument", data=attached, files={"part": b"x", "parts": b"y"})
    sent = [telegram.memory.files.known[str(one.file_id)] for one in ada.received]
    assert [(file.name, file.content) for file in sent] == [("a.txt", b"one"), ("b.txt", b"two")]
    assert "'parts'" in stray.json()["description"]
