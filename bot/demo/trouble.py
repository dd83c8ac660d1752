"""What stops the demo, in words for whoever started it."""


class Trouble(Exception):  # noqa: N818 - it is told, never shown as a stack trace
    """`str()` is one sentence; `log` the last lines of the program's log, if they help."""

    def __init__(self, words: str, log: str = "") -> None:
        super().__init__(words)
        self.log = log
