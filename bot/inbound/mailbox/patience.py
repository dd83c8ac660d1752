"""How long a mail may take to read: asked between its parts, so that no text holds a thread for ever."""

from time import monotonic


class OutOfPatience(Exception):  # noqa: N818 - a property of the mail, not a failure of ours
    """It took too long: what it means is not looked for, its words are shown as they came."""


class Patience:
    """`seconds` from now on."""

    def __init__(self, seconds: float) -> None:
        self._until = monotonic() + seconds

    def check(self) -> None:
        """Raises OutOfPatience when the time is up."""
        if monotonic() > self._until:
            raise OutOfPatience
