"""Errors that a person reads: each names the place and the mend."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """One thing wrong (or worth a warning) in a file a person wrote."""

    message: str
    file: Path | str | None = None
    line: int | None = None
    key: str | None = None
    warning: bool = False

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        words = f"{self.key}: {self.message}" if self.key else self.message
        return f"{place}: {words}" if place else words


class FindingsError(Exception):
    """Something a person wrote cannot be used. `findings` is never empty; the text is one line per finding."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        super().__init__("\n".join(str(finding) for finding in findings))


_MENDS = {
    "unable to open database file": "its folder must be there, and this user must be allowed to write in it",
    "readonly database": "this user must be allowed to write the file and its folder",
}


def with_mend(reason: str) -> str:
    """What a database says, and what to do about it where that is not plain."""
    mend = next((words for said, words in _MENDS.items() if said in reason), "")
    return f"{reason}: {mend}" if mend else reason
