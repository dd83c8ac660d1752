"""Questions that a flow may ask about a person, and the facts behind them."""

from automations.asking import questions

__all__ = ["questions"]
