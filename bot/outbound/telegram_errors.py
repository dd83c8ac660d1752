"""What a refusal of the Bot API means for the outbox: try again when, or never and why."""

import aiohttp
from aiogram.exceptions import (
    AiogramError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)

from bot.outbound.sender import DeliveryError

_LOOK_AGAIN = 60.0  # seconds between tries while only the operator can mend it
_GROUP_MENDS = ("chat not found", "not enough rights", "not a forum", "chat_write_forbidden", "forbidden", "kicked")


def to_person(error: AiogramError) -> DeliveryError:
    """For a message to a private chat.

    Reasons of a permanent one: `blocked`, `deactivated`, `bad_address`, `too_large`, `rejected`.
    """
    words = str(error)
    if isinstance(error, TelegramRetryAfter):
        return DeliveryError(words, retry_after=float(error.retry_after))
    if isinstance(error, TelegramEntityTooLarge):
        return DeliveryError(words, permanent=True, reason="too_large")
    if isinstance(error, TelegramNetworkError):
        # Without a connection nothing was handed over; after that the answer may just be lost.
        return DeliveryError(words, uncertain=not isinstance(error.__cause__, aiohttp.ClientConnectorError))
    if isinstance(error, TelegramForbiddenError):
        return DeliveryError(words, permanent=True, reason="deactivated" if "deactivated" in words else "blocked")
    if isinstance(error, TelegramUnauthorizedError | TelegramNotFound):
        return DeliveryError(f"the bot token is not accepted: {words}", retry_after=_LOOK_AGAIN)
    if isinstance(error, TelegramBadRequest):
        reason = "bad_address" if says(error, "chat not found") else "rejected"
        return DeliveryError(words, permanent=True, reason=reason)
    return DeliveryError(words)  # 5xx, also as an HTML page: Telegram did not do it


def to_group(error: AiogramError) -> DeliveryError:
    """For the staff group: what its admins can mend is never given up, so that no customer's message is lost."""
    if group_mends(error):
        return DeliveryError(f"the staff group does not let us write: {error}", retry_after=_LOOK_AGAIN)
    return to_person(error)


def group_mends(error: AiogramError) -> bool:
    """Whether the admins of the group can change that."""
    of_somebody = says(error, "by the user", "user is deactivated")  # what we copy from, not where we write
    refused = isinstance(error, TelegramBadRequest | TelegramForbiddenError)
    return refused and says(error, *_GROUP_MENDS) and not of_somebody


def topic_is_gone(error: AiogramError) -> bool:
    """Somebody deleted the topic (no update tells of it), or Telegram lost it."""
    return says(error, "message thread not found", "topic_deleted", "topic_id_invalid", "topic not found")


def says(error: AiogramError, *words: str) -> bool:
    """Whether the refusal has one of these words (lower case)."""
    text = error.message.lower() if isinstance(error, TelegramAPIError) else str(error).lower()
    return any(word in text for word in words)
