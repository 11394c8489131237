"""Windows measured against snapshots: where registry, training and reports meet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import DriftMeter, Examiner, PayloadLog
from driftgate.lifecycle.versions import Version
from driftgate.service.measured_rows import FrameRows, LoggedRows, Rows, logged_outputs
from driftgate.service.monitoring.limits import limits
from driftgate.service.monitoring.references import Reference, Snapshots, narrowed
from driftgate.service.settings import Settings, disclosed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Outputs = npt.NDArray[np.float64]


class WindowMeter(DriftMeter):
    """Measures files, queries and logged payloads against a version's profile, and writes the report to a staging folder."""

    def __init__(self, settings: Settings, snapshots: Snapshots, payloads: PayloadLog, examiner: Examiner) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._payloads = payloads
        self._examiner = examiner

    def measure(
        self, version: Version, current: Source | Window, key: str, *, html: bool
    ) -> tuple[DriftMeasurement, str, Mapping[str, str]]:
        """The measurement, the folder of the report and its files by format. Snapshot rows are read for the page only."""
        from driftgate.reports.drift import measure

        asked = self._settings.models[version.model].drift
        reference = Reference(version, self._snapshots, self._examiner, self._settings)
        rows, logged = self._rows(version, current)
        hidden = self._hidden(version) if isinstance(current, Window) else frozenset()
        seen = [name for name in version.schema.features if name not in hidden]
        window = rows.profile(version.schema, asked.seed)
        outputs, said = self._outputs(reference, rows, hidden, logged)
        predictions = None
        if outputs is not None and reference.profile.predictions is not None:
            predictions = reference.profile.predictions, rows.outputs_profile(version.schema, outputs, asked.seed)
        measurement = measure.measure(
            version.model,
            version.number,
            narrowed(reference.profile.data, seen),
            narrowed(window, seen),
            predictions,
            level=asked.level,
            materiality=asked.materiality(),
            limits=limits(reference, version.schema, len(rows)),
            seed=asked.seed,
            problems=said,
        )
        folder = self._settings.state / "staging" / key
        return measurement, str(folder), self._written(measurement, reference, rows, outputs, folder, html=html)

    def _written(
        self, measurement: DriftMeasurement, reference: Reference, rows: Rows, outputs: "Outputs | None", folder: Path, *, html: bool
    ) -> Mapping[str, str]:
        if not html:
            from driftgate.reports.drift import document

            return document.write(measurement, folder)
        from driftgate.reports.drift import evidently_report

        return evidently_report.write(
            measurement,
            reference.rows,
            rows.frame,
            reference.version.schema,
            folder,
            holdout_outputs=None if outputs is None else reference.outputs,
            current_outputs=outputs,
        )

    def _rows(self, version: Version, current: Source | Window) -> "tuple[Rows, Outputs | None]":
        """The rows, and the version's outputs for them where they were logged."""
        if isinstance(current, Window):
            self._payloads.ship()
            payloads = self._payloads.read(version.model, current)
            return LoggedRows.of(payloads, current, version.schema.entity, self._apart(version)), logged_outputs(payloads, version)
        from driftgate.training import sources

        raw = sources.read(disclosed(current), self._settings.project)
        return FrameRows(raw.drop(columns=[name for name in self._apart(version) if name in raw.columns])), None

    def _apart(self, version: Version) -> Sequence[str]:
        plan = self._settings.plan(version.model)
        kept = {*version.schema.features, version.schema.entity}
        return [name for name in (version.schema.target, version.schema.time, plan.time, *plan.drop) if name and name not in kept]

    def _hidden(self, version: Version) -> frozenset[str]:
        table = self._settings.models[version.model].payloads
        return frozenset({*table.redact, *table.hash})

    def _outputs(
        self, reference: Reference, rows: Rows, hidden: frozenset[str], logged: "Outputs | None"
    ) -> "tuple[Outputs | None, tuple[str, ...]]":
        """The version's outputs for the rows, as logged or else scored; None, and why, where it cannot score them."""
        schema = reference.version.schema
        gone = [name for name in schema.features if name in hidden]
        said = (f"{', '.join(gone)}: not measured, because the log does not hold them as they were",) if gone else ()
        if logged is not None:
            return logged, said
        from driftgate.training.conform import conform_leniently

        lacking = [name for name in schema.features if name in gone or name not in rows.names]
        if lacking:
            return None, (*said, f"prediction: not measured, because the rows lack {', '.join(lacking)}")
        try:
            return self._snapshots.scorer(reference.version).score(conform_leniently(rows.frame, schema)[0][list(schema.features)]), said
        except DriftgateError as error:
            return None, (*said, f"prediction: not measured, because {error.message}")
