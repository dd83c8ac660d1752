"""The names of parameters of the Bot API (10.3), by method, so that a misspelt one is refused.

The real Bot API ignores what it does not know: a typo there is silence.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bot.demo.telegram_faults import bad

_PLACE = "chat_id business_connection_id message_thread_id direct_messages_topic_id "
_QUIETLY = "disable_notification protect_content "
_HOW = _QUIETLY + "allow_paid_broadcast message_effect_id suggested_post_parameters "
_REPLY = "reply_parameters reply_to_message_id allow_sending_without_reply "
_ALONE = "ephemeral_message_parameters receiver_user_id callback_query_id "
_SEND = _PLACE + _HOW + _REPLY + _ALONE + "reply_markup "
_CAPTION = "caption parse_mode caption_entities "
_SEEN = "show_caption_above_media has_spoiler "
_FROM = "chat_id message_thread_id direct_messages_topic_id from_chat_id "
_FORWARD = _FROM + _QUIETLY
_EDIT = "business_connection_id chat_id message_id inline_message_id reply_markup "
_TOPIC = "chat_id message_thread_id"
_MENU = "scope language_code"

_TABLE = {
    "answerCallbackQuery": "callback_query_id text show_alert url cache_time",
    "closeForumTopic": _TOPIC,
    "closeGeneralForumTopic": "chat_id",
    "copyMessage": _FROM
    + _HOW
    + _REPLY
    + _CAPTION
    + "message_id video_start_timestamp show_caption_above_media reply_markup",
    "copyMessages": _FORWARD + "message_ids remove_caption",
    "createForumTopic": "chat_id name icon_color icon_custom_emoji_id",
    "deleteForumTopic": _TOPIC,
    "deleteMessage": "chat_id message_id",
    "deleteMessages": "chat_id message_ids",
    "deleteMyCommands": _MENU,
    "deleteWebhook": "drop_pending_updates",
    "editForumTopic": _TOPIC + " name icon_custom_emoji_id",
    "editGeneralForumTopic": "chat_id name",
    "editMessageCaption": _EDIT + _CAPTION + "show_caption_above_media",
    "editMessageMedia": _EDIT + "media",
    "editMessageReplyMarkup": _EDIT,
    "editMessageText": _EDIT + "text parse_mode entities link_preview_options rich_message disable_web_page_preview",
    "forwardMessage": _FORWARD + "message_id video_start_timestamp message_effect_id suggested_post_parameters",
    "forwardMessages": _FORWARD + "message_ids",
    "getChat": "chat_id",
    "getChatAdministrators": "chat_id return_bots",
    "getChatMember": "chat_id user_id",
    "getChatMemberCount": "chat_id",
    "getFile": "file_id",
    "getForumTopicIconStickers": "",
    "getMe": "",
    "getMyCommands": _MENU,
    "getUpdates": "offset limit timeout allowed_updates",
    "getWebhookInfo": "",
    "hideGeneralForumTopic": "chat_id",
    "pinChatMessage": "chat_id message_id business_connection_id disable_notification",
    "reopenForumTopic": _TOPIC,
    "reopenGeneralForumTopic": "chat_id",
    "sendAnimation": _SEND + _CAPTION + _SEEN + "animation duration width height thumbnail",
    "sendAudio": _SEND + _CAPTION + "audio duration performer title thumbnail",
    "sendChatAction": "chat_id action business_connection_id message_thread_id",
    "sendDocument": _SEND + _CAPTION + "document thumbnail disable_content_type_detection",
    "sendMediaGroup": _PLACE + _QUIETLY + _REPLY + "media allow_paid_broadcast message_effect_id",
    "sendMessage": _SEND + "text parse_mode entities link_preview_options disable_web_page_preview",
    "sendPhoto": _SEND + _CAPTION + _SEEN + "photo",
    "sendSticker": _SEND + "sticker emoji",
    "sendVideo": _SEND
    + _CAPTION
    + _SEEN
    + "video duration width height thumbnail cover start_timestamp supports_streaming",
    "sendVideoNote": _SEND + "video_note duration length thumbnail",
    "sendVoice": _SEND + _CAPTION + "voice duration",
    "setMessageReaction": "chat_id message_id reaction is_big",
    "setMyCommands": _MENU + " commands",
    "setWebhook": "url certificate ip_address max_connections allowed_updates drop_pending_updates secret_token",
    "unhideGeneralForumTopic": "chat_id",
    "unpinAllChatMessages": "chat_id",
    "unpinAllForumTopicMessages": _TOPIC,
    "unpinAllGeneralForumTopicMessages": "chat_id",
    "unpinChatMessage": "chat_id business_connection_id message_id",
}
NAMES = {method: frozenset(names.split()) for method, names in _TABLE.items()}
"""Every method that the stand-in speaks. Deprecated names that the real one still reads are among them."""

_REPLY_NAMES_AS_WORDS = (
    "message_id chat_id ephemeral_message_id allow_sending_without_reply quote quote_parse_mode quote_entities "
    "quote_position checklist_task_id poll_option_id"
)
REPLY_NAMES = frozenset(_REPLY_NAMES_AS_WORDS.split())
_BUTTON_NAMES_AS_WORDS = (
    "text icon_custom_emoji_id style url callback_data web_app login_url switch_inline_query "
    "switch_inline_query_current_chat switch_inline_query_chosen_chat copy_text callback_game pay disabled"
)
BUTTON_NAMES = frozenset(_BUTTON_NAMES_AS_WORDS.split())


def check(method: str, values: Mapping[str, Any]) -> None:
    """Raises Refused (400) with the name that the method does not have."""
    _check(values, NAMES[method], method)
    reply = values.get("reply_parameters")
    if isinstance(reply, dict):
        _check(reply, REPLY_NAMES, f"reply_parameters of {method}")


def check_button(button: Mapping[str, Any]) -> None:
    _check(button, BUTTON_NAMES, "InlineKeyboardButton")


def _check(given: Iterable[str], known: frozenset[str], place: str) -> None:
    if unknown := sorted(set(given) - known):
        raise bad(f"unknown parameter {unknown[0]!r} of {place}; the real Bot API would ignore it")
