"""Where a bot's message goes, what it replies to, and its way into the chat."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.demo import telegram_checks, telegram_markup
from bot.demo.telegram_faults import bad
from bot.demo.telegram_memory import BOT, GENERAL, Chat, Json, Memory, Posted, Topic, shallow

Method = Callable[[Mapping[str, Any]], Awaitable[Any]]
_LONGEST_QUOTE = 1024


def number(values: Mapping[str, Any], name: str) -> int:
    """A whole number; 0 when it is not given."""
    try:
        return int(values.get(name) or 0)
    except (TypeError, ValueError):
        raise bad(f"{name} must be a number") from None


def numbers(values: Mapping[str, Any], name: str = "message_ids") -> list[int]:
    """Up to a hundred ids."""
    given = values.get(name) or []
    if not isinstance(given, list):
        raise bad("expected an Array of message identifiers")
    if not given:
        raise bad("message identifiers are not specified")
    if len(given) > 100:
        raise bad("too many message identifiers specified")
    try:
        return [int(one) for one in given]
    except (TypeError, ValueError):
        raise bad("message identifier must be a Number") from None


def place(memory: Memory, values: Mapping[str, Any], gone: str = "message thread not found") -> tuple[Chat, int | None]:
    """The chat and topic to write into. General is written into by naming no topic; its number is refused.

    In a chat that is no forum a thread is not looked at, as the real one does.
    """
    chat = memory.writable(values.get("chat_id"))
    thread = number(values, "message_thread_id") or None
    if thread is not None and not chat.is_forum and chat.kind != "private":
        thread = None
    topic = _topic(chat, thread, gone)
    if topic and topic.closed and not chat.bot_posts_in_closed:
        raise bad("TOPIC_CLOSED")
    return chat, thread


def _topic(chat: Chat, thread: int | None, gone: str) -> Topic | None:
    if thread is None:
        return chat.general if chat.is_forum else None
    if thread == GENERAL or thread not in chat.topics:
        raise bad(gone if thread in chat.gone_topics else "message thread not found")
    return chat.topics[thread]


def found(chat: Chat, values: Mapping[str, Any], what: str) -> Posted:
    """The message that a call is about."""
    posted = chat.messages.get(number(values, "message_id"))
    if posted is None:
        raise bad(f"message to {what} not found")
    return posted


def post(memory: Memory, chat: Chat, thread: int | None, values: Mapping[str, Any], content: Json) -> Posted:
    """A message of the bot, with what every message may have."""
    content = {**content, **telegram_checks.markup(values), **replied(memory, chat, values)}
    if values.get("protect_content"):
        content["has_protected_content"] = True
    return memory.post(chat, BOT, content, thread)


def replied(memory: Memory, chat: Chat, values: Mapping[str, Any]) -> Json:
    """The part of a message that says what it replies to. A quote must be in there, word for word."""
    reply = _reply_parameters(values)
    if not number(reply, "message_id"):
        return {}
    other = memory.readable(reply["chat_id"]) if reply.get("chat_id") else chat
    original = other.messages.get(number(reply, "message_id"))
    if original is None:
        if reply.get("allow_sending_without_reply"):
            return {}
        raise bad("message to be replied not found")
    if other is chat:
        content: Json = {"reply_to_message": shallow(original.json)}
    else:
        origin = {"type": "user", "sender_user": original.json["from"], "date": original.json["date"]}
        content = {
            "external_reply": {"origin": origin, "chat": other.json, "message_id": original.message_id},
        }
    return {**content, **_quote(reply, original)}


def _reply_parameters(values: Mapping[str, Any]) -> Mapping[str, Any]:
    reply = values.get("reply_parameters") or {}
    if not isinstance(reply, dict):
        raise bad("object expected as reply parameters")
    if not reply and values.get("reply_to_message_id"):
        names = ("allow_sending_without_reply",)
        return {"message_id": values["reply_to_message_id"], **{name: values.get(name) for name in names}}
    return reply


def _quote(reply: Mapping[str, Any], original: Posted) -> Json:
    words, _ = telegram_markup.read(
        str(reply.get("quote") or ""), reply.get("quote_parse_mode"), reply.get("quote_entities")
    )
    if not words:
        return {}
    if words not in original.text or telegram_markup.units(words) > _LONGEST_QUOTE:
        raise bad("QUOTE_TEXT_INVALID")
    return quoted(words, original)


def quoted(words: str, original: Posted) -> Json:
    """The part of a message that quotes these words of another one."""
    position = telegram_markup.units(original.text.partition(words)[0])
    return {"quote": {"text": words, "position": position, "is_manual": True}}
