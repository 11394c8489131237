"""What loss to expect of a window that drifted, while its outcomes are not there yet: the readings, and what they come to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from driftgate.lifecycle.findings import Assumption, Finding, Reading
from driftgate.lifecycle.judging import expected_loss, shift
from driftgate.lifecycle.judging.expected_loss import Matured
from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement
from driftgate.lifecycle.measurements_live import LivePerformance
from driftgate.lifecycle.measurements_shift import ExpectedPerformance
from driftgate.service.monitoring.gathering import Gathered
from driftgate.service.monitoring.guarding import Guarded, Once
from driftgate.service.monitoring.references import Reference
from driftgate.service.settings_models import ModelTable

if TYPE_CHECKING:
    from driftgate.lifecycle.measurements_shift import EnvelopePoint

LACKING = "could not be had; what went wrong is among the problems of the pass"


class Expectation:
    """The readings of one look. Each is made when something drifted and it is first asked for; one that fails costs itself."""

    def __init__(self, found: Gathered, reference: Reference, table: ModelTable, guarded: Guarded, level: float) -> None:
        self._found = found
        self._reference = reference
        self._table = table
        self._guarded = guarded
        self._level = level

    def by_column(self, measured: DriftMeasurement) -> Mapping[str, Sequence[Reading]]:
        """Both readings of each column that drifted: if its values are corrupt, and if the population moved."""
        return {column.name: self._both([column]) for column in measured.columns if column.drifted}

    def of_prediction(self, measured: DriftMeasurement) -> Sequence[Reading]:
        """The readings of a drift of the outputs, which are not corrupt themselves: as far as the inputs explain them."""
        if measured.prediction is None or not measured.prediction.drifted:
            return ()
        return self._both([column for column in measured.columns if column.drifted])

    def findings(
        self, measured: DriftMeasurement, drift: Sequence[Finding], shifted: Sequence[Finding], matured: Matured | None
    ) -> Iterable[Finding]:
        """Whether the loss is to be expected above the holdout's by more than is tolerated."""
        drifted = [column for column in measured.columns if column.drifted]
        readings = (*self._both(drifted), *self._calibrated()) if any(finding.alarms for finding in drift) else ()
        tolerated = self._table.monitoring.loss_growth
        return (expected_loss.judged(drift, next(iter(shifted), None), readings, matured, tolerated=tolerated),)

    def _both(self, drifted: Sequence[ColumnDrift]) -> Sequence[Reading]:
        """A reading of each kind; one that could not be made is undecided and says so, so that no alarm is without the other."""
        points, moved = self.points, self.moved
        if not drifted:
            corrupt = Reading(Assumption.CORRUPT, None, "undecided: no input drifted, and the envelope knows the cost of inputs only")
        elif points is None:
            corrupt = Reading(Assumption.CORRUPT, None, f"undecided: the version's envelope {LACKING}")
        else:
            corrupt = self._corrupt(points, drifted)
        return corrupt, moved or Reading(Assumption.MOVED, None, f"undecided: the importance-weighted loss {LACKING}")

    def _calibrated(self) -> Sequence[Reading]:
        found = self._guarded.tried("what loss to expect by the version's own confidence", lambda: shift.calibrated(self.estimated))
        return () if found is None else (found,)

    def _corrupt(self, points: "Sequence[EnvelopePoint]", drifted: Sequence[ColumnDrift]) -> Reading:
        from driftgate.reports.shift import envelope

        return envelope.corrupt(points, drifted)

    @Once
    def estimated(self) -> ExpectedPerformance:
        """The performance to expect by the version's own outputs, calibrated on the holdout."""
        from driftgate.reports import losses
        from driftgate.reports.shift import unlabelled

        reference, own, schema = self._reference, self._found.own, self._found.schema
        entity = reference.version.schema.entity
        return unlabelled.estimate(
            schema,
            reference.outputs,
            losses.truth(reference.holdout[schema.target], schema),
            own.outputs,
            confidence=1.0 - self._level,
            seed=self._table.monitoring.seed,
            threshold=reference.version.threshold,
            frames=(reference.holdout, own.rows),
            entities=(reference.holdout[entity], own.entities) if entity else None,
        )

    @Once
    def points(self) -> "Sequence[EnvelopePoint] | None":
        """The version's envelope with the drift that each scenario would show as; None where there is none."""
        return self._guarded.tried("what loss to expect if values are corrupt", lambda: self._reference.points)

    @Once
    def moved(self) -> Reading | None:
        """The importance-weighted loss of the holdout."""
        from driftgate.reports.shift import expected

        found, reference, seed = self._found, self._reference, self._table.monitoring.seed
        return self._guarded.tried(
            "what loss to expect if the population moved",
            lambda: expected.moved(found.schema, reference.holdout, reference.losses, found.inputs.rows, seed=seed),
        )


def matured(performance: LivePerformance | None, *, drifted: bool | None) -> Matured | None:
    """What the matured outcomes say of the loss; None where they say nothing. `drifted`: whether their payloads had drifted as well."""
    if performance is None or performance.growth is None:
        return None
    return Matured(performance.growth, performance.rows, drifted)
