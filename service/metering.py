"""Windows measured against snapshots: where registry, training and reports meet."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from driftgate.lifecycle.errors import DriftgateError, InvalidData
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.payloads import Payload, Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import DriftMeter, PayloadLog, Scorer
from driftgate.lifecycle.versions import Version
from driftgate.service.settings import Settings, disclosed

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class Snapshots(Protocol):
    """Loaded versions and their snapshot rows: the registry."""

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded after its digest was checked."""
        ...

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows, digest-checked and conformed."""
        ...


class WindowMeter(DriftMeter):
    """Measures files, queries and logged payloads against a version's snapshot, and writes the report to a staging folder."""

    def __init__(self, settings: Settings, snapshots: Snapshots, payloads: PayloadLog) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._payloads = payloads

    def measure(
        self, version: Version, current: Source | Window, key: str, *, html: bool
    ) -> tuple[DriftMeasurement, str, Mapping[str, str]]:
        """The measurement, the folder of the report and its files by format."""
        import pandas as pd

        from driftgate.reports.drift import evidently_report, measure
        from driftgate.training.conform import conform_leniently

        raw = self._rows(version, current)
        rows, problems = conform_leniently(raw, version.schema)
        new = sorted(set(map(str, raw.columns)) - {*version.schema.features, *self._apart(version)})
        problems = (*problems, *(f"{name}: new column, not known to the version" for name in new))
        holdout = self._snapshots.snapshot(version, "holdout")
        reference = pd.concat([self._snapshots.snapshot(version, "train"), holdout], ignore_index=True)
        outputs, said = self._outputs(version, rows, holdout)
        asked = self._settings.models[version.model].drift
        measurement = measure.measure(
            version.model,
            version.number,
            version.schema,
            reference,
            outputs[0],
            rows,
            outputs[1],
            level=asked.level,
            materiality=asked.materiality(),
            seed=asked.seed,
            problems=(*problems, *said),
        )
        folder = self._settings.state / "staging" / key
        folder.mkdir(parents=True, exist_ok=True)
        files = evidently_report.write(
            measurement,
            reference,
            rows,
            version.schema,
            folder,
            html=html,
            holdout_outputs=outputs[0],
            current_outputs=outputs[1],
        )
        return measurement, str(folder), files

    def _rows(self, version: Version, current: Source | Window) -> "pd.DataFrame":
        if isinstance(current, Window):
            self._payloads.ship()
            return frame_of_payloads(self._payloads.read(version.model, current), current)
        from driftgate.training import sources

        return sources.read(disclosed(current), self._settings.project)

    def _apart(self, version: Version) -> Sequence[str]:
        plan = self._settings.plan(version.model)
        return [name for name in (version.schema.target, version.schema.entity, version.schema.time, plan.time, *plan.drop) if name]

    def _outputs(self, version: Version, rows: "pd.DataFrame", holdout: "pd.DataFrame") -> tuple[tuple[Any, Any], tuple[str, ...]]:
        missing = [name for name in version.schema.features if name not in rows.columns]
        if missing:
            return (None, None), (f"prediction: not measured, because the rows lack {', '.join(missing)}",)
        try:
            scorer = self._snapshots.scorer(version)
            return (scorer.score(holdout), scorer.score(rows)), ()
        except DriftgateError as error:
            return (None, None), (f"prediction: not measured, because {error.message}",)


def frame_of_payloads(payloads: Sequence[Payload], window: Window) -> "pd.DataFrame":
    """The payloads' features as a raw frame, one row each. Raises InvalidData where there are none."""
    import pandas as pd

    if not payloads:
        raise InvalidData(
            f"no payloads were logged between {window.start:%Y-%m-%d %H:%M} and {window.end:%Y-%m-%d %H:%M} UTC", field="since"
        )
    return pd.DataFrame([dict(payload.features) for payload in payloads])
