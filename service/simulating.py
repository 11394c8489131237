"""A simulation as people look at it: table, plot and JSON in a folder."""

import json
from collections.abc import Mapping
from pathlib import Path

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.measurements import Degradation
from driftgate.lifecycle.ports import Examiner, Simulator
from driftgate.lifecycle.versions import Version
from driftgate.service.settings import Settings


class ReportingSimulator(Simulator):
    """Simulates with the examiner, so that people see the very numbers that the gate judges."""

    def __init__(self, settings: Settings, examiner: Examiner) -> None:
        self._settings = settings
        self._examiner = examiner

    def simulate(self, version: Version, key: str) -> tuple[Degradation, str, Mapping[str, str]]:
        """The envelope, the folder it was written to, and the files by format."""
        from driftgate.reports import degradation_plot

        envelope = self._examiner.degradation(version, None)
        folder = Path(self._settings.state) / "staging" / key
        folder.mkdir(parents=True, exist_ok=True)
        degradation_plot.draw(envelope, folder / "envelope.png")
        (folder / "envelope.md").write_text(degradation_plot.markdown(envelope), encoding="utf-8")
        (folder / "envelope.json").write_text(json.dumps(plain(envelope), indent=1), encoding="utf-8")
        return envelope, str(folder), {"png": "envelope.png", "md": "envelope.md", "json": "envelope.json"}
