"""Flow files that change while the program runs: a sound one is taken, a wrong one goes on as it was, and is told."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from automations.definition import flow, flow_files
from automations.definition.flow_checks import Surroundings
from automations.definition.flow_files import Flows
from bot.base import logs, paths
from bot.base.errors import Finding
from bot.base.toml_source import marks

log = logs.get(__name__)


class FlowWatch:
    """Looks at the files' names, sizes and times of change; reads them only when one of these differs.

    `running` are the flows in use. `wrong` has what was found in the files as they stand, as long as the flows that run
    are older ones, or off. `beside` are folders of what flows name: a change there may mend what is wrong here.
    """

    def __init__(self, folders: Sequence[Path], surroundings: Surroundings, beside: Sequence[Path] = ()) -> None:
        """Make it before the flows are loaded: what changes after that is seen."""
        self.folders, self.surroundings, self.beside = folders, surroundings, beside
        self.running = Flows()
        self.wrong: tuple[Finding, ...] = ()
        self._seen = self._looking = self._mark()
        self._found = self.running

    def begin(self, published: Mapping[str, dict[str, Any]]) -> None:
        """The first look. A flow whose file is wrong runs as it was `published`, or is off if it never was."""
        found, findings = flow_files.sound(self.folders, self.surroundings)
        for name in sorted(found.broken & published.keys()):
            try:
                found.keep(name, flow.from_definition(name, published[name]), published[name])
            except ValidationError:
                log.warning("the flow as it was published is no longer understood", flow=name)
        self.running.take(found)
        self._tell(findings)

    def look(self) -> Flows | None:
        """The flows to run from now on if something changed; None if there is nothing new to run.

        The same ones come again at the next look until `taken` says that they run.
        """
        mark = self._mark()
        if mark == self._seen:
            return None
        self._looking = mark
        found, findings = flow_files.sound(self.folders, self.surroundings)
        for name in found.broken & self.running.by_name.keys():
            found.keep(name, self.running.by_name[name], self.running.definitions[name])
        self._found = found
        if found.definitions != self.running.definitions:
            self._tell(findings, found)
            return found
        self.running.take_places(found)
        self._seen = mark
        self._tell(findings)
        return None

    def taken(self) -> None:
        """What the last look found is published and runs."""
        self.running.take(self._found)
        self._seen = self._looking

    def _tell(self, findings: Sequence[Finding], found: Flows | None = None) -> None:
        runs = self.running if found is None else found
        off = {paths.shown(runs.files[name]) for name in runs.broken - runs.by_name.keys()}
        for one in findings:
            if one not in self.wrong:
                goes_on = "it is off" if one.file in off else "as it was before it goes on"
                log.error(f"a flow is wrong, {goes_on}", finding=str(one))
        self.wrong = tuple(findings)

    def _mark(self) -> frozenset[tuple[str, int, int]]:
        return marks(self._files())

    def _files(self) -> Iterable[Path]:
        for folder in self.folders:
            yield from folder.glob("*.toml")
        for folder in self.beside if self.wrong else ():
            yield from (file for file in folder.rglob("*") if file.suffix in (".toml", ".mjml"))
