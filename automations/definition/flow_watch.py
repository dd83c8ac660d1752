"""Flow files that change while the program runs: a sound change is taken, a wrong one changes nothing and is told."""

from collections.abc import Sequence
from pathlib import Path

from automations.definition import flow_files
from automations.definition.flow_checks import Surroundings
from automations.definition.flow_files import Flows
from bot.base import logs
from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import marks

log = logs.get(__name__)


class FlowWatch:
    """Looks at the files' names, sizes and times of change; reads them only when one of these differs.

    `wrong` has what was found in the files as they stand, as long as the flows that run are older ones.
    """

    def __init__(self, folders: Sequence[Path], surroundings: Surroundings) -> None:
        """Make it before the flows are loaded: what changes after that is seen."""
        self.folders, self.surroundings = folders, surroundings
        self.wrong: tuple[Finding, ...] = ()
        self._seen = self._looking = self._mark()

    def look(self) -> Flows | None:
        """The flows of the files if these changed and are sound; None if there is nothing new to run.

        The same ones come again at the next look until `taken` says that they run.
        """
        mark = self._mark()
        if mark == self._seen:
            return None
        self._looking = mark
        try:
            found = flow_files.load(self.folders, self.surroundings)
        except FindingsError as error:
            self.wrong, self._seen = error.findings, mark
            for finding in error.findings:
                log.error("a changed flow is wrong, the flows from before go on", finding=str(finding))
            return None
        self.wrong = ()
        return found

    def taken(self) -> None:
        """What the last look found is published and runs."""
        self._seen = self._looking

    def _mark(self) -> frozenset[tuple[str, int, int]]:
        return marks(file for folder in self.folders for file in folder.glob("*.toml"))
