"""A parameter that a method does not have is refused, so that a typo is no silence."""

import inspect
from typing import Any

import pytest
from aiogram import methods, types
from aiogram.methods import TelegramMethod

from bot.demo import telegram_parameters
from bot.demo.telegram import Telegram
from bot.demo.telegram_people import Shopper

_KEYBOARD = {"inline_keyboard": [[{"text": "x", "callback_dat": "y"}]]}
_MODELS = {
    one.__api_method__: frozenset(one.model_fields)
    for _, one in inspect.getmembers(methods, inspect.isclass)
    if issubclass(one, TelegramMethod) and one is not TelegramMethod
}


@pytest.mark.parametrize("method", sorted(telegram_parameters.NAMES))
def test_the_names_are_those_of_the_bot_api(method: str) -> None:
    assert telegram_parameters.NAMES[method] == _MODELS[method]


def test_so_are_the_names_inside_replies_and_buttons() -> None:
    replies, buttons = types.ReplyParameters.model_fields, types.InlineKeyboardButton.model_fields
    assert frozenset(replies) == telegram_parameters.REPLY_NAMES
    assert frozenset(buttons) == telegram_parameters.BUTTON_NAMES


def test_every_method_of_the_stand_in_has_its_names() -> None:
    assert set(Telegram().methods) == set(telegram_parameters.NAMES)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"reply_to": 2}, "unknown parameter 'reply_to' of sendMessage; the real Bot API would ignore it"),
        ({"reply_parameters": {"id": 2}}, "unknown parameter 'id' of reply_parameters of sendMessage"),
        ({"reply_markup": _KEYBOARD}, "unknown parameter 'callback_dat' of InlineKeyboardButton"),
    ],
)
async def test_a_misspelt_one_is_named(refused: Any, ada: Shopper, values: dict[str, Any], words: str) -> None:
    assert words in await refused("sendMessage", chat_id=7, text="x", **values)
    assert ada.received == []


async def test_it_can_be_as_silent_as_the_real_one(telegram: Telegram, done: Any, ada: Shopper) -> None:
    telegram.strict_parameters = False
    await done("sendMessage", chat_id=7, text="x", reply_to=2)
    assert ada.received[0].reply_to is None
