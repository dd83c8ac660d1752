"""The ready answers: read from files, checked, and matched against what a customer wrote. Start at index.py."""

from bot.support.answers.files import Entry
from bot.support.answers.index import Index, Match, lint, load, say, sound

__all__ = ["Entry", "Index", "Match", "lint", "load", "say", "sound"]
