"""Questions that a flow may ask about a person, and the facts behind them."""

from automations.asking import chats, questions, service

__all__ = ["chats", "questions", "service"]
