"""Windows measured against snapshots: where registry, training and reports meet."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import DriftgateError, InvalidData
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.payloads import Payload, Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import DriftMeter, Examiner, PayloadLog
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.versions import Version
from driftgate.service.monitoring.columns import entities
from driftgate.service.monitoring.limits import limits
from driftgate.service.monitoring.references import Reference, Snapshots, narrowed
from driftgate.service.settings import Settings, disclosed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

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
        from driftgate.reports.drift import evidently_report, measure
        from driftgate.reports.profiles.frame import profile

        asked = self._settings.models[version.model].drift
        reference = Reference(version, self._snapshots, self._examiner, self._settings)
        raw, logged = self._rows(version, current)
        hidden = self._hidden(version) if isinstance(current, Window) else frozenset()
        seen = [name for name in version.schema.features if name not in hidden]
        window = profile(raw, version.schema, seed=asked.seed)
        outputs, said = self._outputs(reference, raw, hidden, logged)
        predictions = None
        if outputs is not None and reference.profile.predictions is not None:
            predictions = reference.profile.predictions, _profiled(version, outputs, raw, asked.seed)
        measurement = measure.measure(
            version.model,
            version.number,
            narrowed(reference.profile.data, seen),
            narrowed(window, seen),
            predictions,
            level=asked.level,
            materiality=asked.materiality(),
            limits=limits(reference, version.schema, len(raw)),
            seed=asked.seed,
            problems=said,
        )
        folder = self._settings.state / "staging" / key
        files = evidently_report.write(
            measurement,
            reference.rows if html else raw,
            raw,
            version.schema,
            folder,
            html=html,
            holdout_outputs=reference.outputs if html and outputs is not None else None,
            current_outputs=outputs,
        )
        return measurement, str(folder), files

    def _rows(self, version: Version, current: Source | Window) -> "tuple[pd.DataFrame, Outputs | None]":
        """The raw rows, and the version's outputs for them where they were logged."""
        logged = None
        if isinstance(current, Window):
            self._payloads.ship()
            payloads = self._payloads.read(version.model, current)
            raw, logged = frame_of_payloads(payloads, current, version.schema.entity), logged_outputs(payloads, version)
        else:
            from driftgate.training import sources

            raw = sources.read(disclosed(current), self._settings.project)
        return raw.drop(columns=[name for name in self._apart(version) if name in raw.columns]), logged

    def _apart(self, version: Version) -> Sequence[str]:
        plan = self._settings.plan(version.model)
        kept = {*version.schema.features, version.schema.entity}
        return [name for name in (version.schema.target, version.schema.time, plan.time, *plan.drop) if name and name not in kept]

    def _hidden(self, version: Version) -> frozenset[str]:
        table = self._settings.models[version.model].payloads
        return frozenset({*table.redact, *table.hash})

    def _outputs(
        self, reference: Reference, raw: "pd.DataFrame", hidden: frozenset[str], logged: "Outputs | None"
    ) -> tuple[Any, tuple[str, ...]]:
        """The version's outputs for the rows, as logged or else scored; None, and why, where it cannot score them."""
        schema = reference.version.schema
        gone = [name for name in schema.features if name in hidden]
        said = (f"{', '.join(gone)}: not measured, because the log does not hold them as they were",) if gone else ()
        if logged is not None:
            return logged, said
        from driftgate.training.conform import conform_leniently

        lacking = [name for name in schema.features if name in gone or name not in raw.columns]
        if lacking:
            return None, (*said, f"prediction: not measured, because the rows lack {', '.join(lacking)}")
        try:
            return self._snapshots.scorer(reference.version).score(conform_leniently(raw, schema)[0][list(schema.features)]), said
        except DriftgateError as error:
            return None, (*said, f"prediction: not measured, because {error.message}")


def _profiled(version: Version, outputs: Any, raw: "pd.DataFrame", seed: int) -> Any:
    from driftgate.reports.profiles.frame import outputs_profile

    entity = version.schema.entity
    return outputs_profile(version.schema, outputs, entities=raw[entity] if entity in raw.columns else None, seed=seed)


def frame_of_payloads(payloads: Sequence[Payload], window: Window, entity: str | None = None) -> "pd.DataFrame":
    """The payloads' features as a raw frame, one row each. Raises InvalidData where there are none.

    `entity`: the column that says whose each payload is, where the version's schema names one.
    """
    import pandas as pd

    if not payloads:
        raise InvalidData(
            f"no payloads were logged between {window.start:%Y-%m-%d %H:%M} and {window.end:%Y-%m-%d %H:%M} UTC", field="since"
        )
    raw = pd.DataFrame([dict(payload.features) for payload in payloads])
    return raw if entity is None else raw.assign(**{entity: list(entities(payloads))})


def logged_outputs(payloads: Sequence[Payload], version: Version) -> "Outputs | None":
    """What the version answered, as it was logged: shape (rows, classes), of a regression (rows,).

    None where another version or the heuristic answered any of them, or a probability is not in the log: then all have to be scored.
    """
    import numpy as np

    if any(payload.version != version.number for payload in payloads):
        return None
    if version.schema.task is Task.REGRESSION:
        values = [payload.output.prediction for payload in payloads]
        return np.array(values, dtype=np.float64) if all(isinstance(value, int | float) for value in values) else None
    classes = len(version.schema.classes)
    if any(len(payload.output.probabilities) != classes for payload in payloads):
        return None
    return np.array([payload.output.probabilities for payload in payloads], dtype=np.float64)
