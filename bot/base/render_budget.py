"""What one rendering may spend: steps, characters, depth and processor time, counted while it runs.

A template is written by people of the shop, and one line of it can ask for gigabytes or for ever. Steps are counted in
every block that runs (`render_code`), characters wherever text is made; the clock is the net below both.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import TemplateRuntimeError

LONGEST = 300_000
"""Characters of one rendered part, and of every text on the way to it."""
STEPS = 300_000
CHARACTERS = 2_000_000
"""Of all texts that one rendering makes."""
SECONDS = 0.3
"""Of processor time: a busy machine does not make a template wrong."""
DEEPEST = 30
"""Macros inside macros, pages inside pages."""
LARGEST = 2**63
_CLOCK_EVERY = 2_000  # steps
_CHARACTERS_PER_STEP = 64
_DEAR = 1_000


class TooMuchError(TemplateRuntimeError):
    """The template wants more than a rendering may spend; the text says what of, and the mend."""


class Budget:
    """What is left of one rendering."""

    __slots__ = ("characters", "depth", "look_at", "steps", "until")

    def __init__(self) -> None:
        self.steps = STEPS
        self.characters = CHARACTERS
        self.depth = 0
        self.look_at = STEPS - _CLOCK_EVERY
        self.until = time.thread_time() + SECONDS


_current: ContextVar[Budget | None] = ContextVar("rendering_budget", default=None)


@contextmanager
def begun() -> Iterator[None]:
    """One rendering (or compiling) with a budget of its own; inside another one it spends of that."""
    if _current.get() is not None:
        yield
        return
    token = _current.set(Budget())
    try:
        yield
    finally:
        _current.reset(token)


def spend(steps: int, characters: int = 0) -> None:
    """Raises TooMuchError. Outside of a rendering nothing is counted."""
    left = _current.get()
    if left is not None:
        left.steps -= steps
        left.characters -= characters
        if left.steps < left.look_at or left.characters < 0:
            _look(left)


def text(length: int) -> None:
    """Pay for a text of that length, made or about to be. Raises TooMuchError."""
    if length > LONGEST:
        raise TooMuchError(f"makes a text longer than {LONGEST:,} characters; show less of it")
    left = _current.get()
    if left is not None:  # as spend(), which a mail would call a hundred times more
        left.steps -= 1 + length // _CHARACTERS_PER_STEP
        left.characters -= length
        if left.steps < left.look_at or left.characters < 0:
            _look(left)


def _look(left: Budget) -> None:
    if left.steps < 0:
        raise TooMuchError(f"takes more than {STEPS:,} steps; loop over fewer things, or not inside another loop")
    if left.characters < 0:
        raise TooMuchError(f"makes more than {CHARACTERS:,} characters on its way; show fewer things, or shorter ones")
    if time.thread_time() > left.until:
        raise TooMuchError(f"takes longer than {SECONDS} s; loop over fewer things, or make less of each")
    left.look_at = max(left.steps - _CLOCK_EVERY, 0)


def enter() -> None:
    """One call inside others; `leave` must follow. Raises TooMuchError."""
    left = _current.get()
    if left is not None:
        if left.depth >= DEEPEST:
            raise TooMuchError(f"calls itself more than {DEEPEST} times deep; a macro must not call itself without end")
        left.depth += 1


def leave() -> None:
    left = _current.get()
    if left is not None:
        left.depth -= 1


def made(value: Any) -> Any:
    """Something that a filter or a call gave, paid for: text by its length, a list by its items, others as they go."""
    if isinstance(value, str):
        text(len(value))
    elif isinstance(value, int):
        number(value)
    elif isinstance(value, list | tuple | Mapping):
        spend(len(value))
    elif hasattr(value, "__next__"):
        return _as_they_go(value)
    return value


def number(value: float) -> None:
    if isinstance(value, int) and not -LARGEST < value < LARGEST:
        raise TooMuchError("makes a number of more than 19 digits; no price or count is that large")


def whole(value: Any) -> None:
    """Pay for looking at everything inside a value: for what compares, prints or hashes it."""
    waiting, seen, length = [value], 0, 0
    while waiting:
        one = waiting.pop()
        seen += 1
        if isinstance(one, str):
            length += len(one)
        elif isinstance(one, Mapping):
            waiting += one.keys()
            waiting += one.values()
        elif isinstance(one, Sequence):
            waiting += one
        elif isinstance(one, int):
            number(one)
        if seen >= _DEAR or length > LONGEST:
            spend(seen, length)
            seen = length = 0
    spend(seen, length)


def _as_they_go(values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        spend(1)
        yield value
