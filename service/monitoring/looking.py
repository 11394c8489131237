"""One look at one window: each monitor's measurement and its judgement, side by side."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.budget import monitor_level
from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.judging import drift, inputs, live, shift
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.measurements_live import Calibration, ConceptShift, LivePerformance, OutputsMeasurement, PerformanceOverTime
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.monitoring.columns import Answers
from driftgate.service.monitoring.expecting import Expectation, matured
from driftgate.service.monitoring.gathering import Gathered
from driftgate.service.monitoring.guarding import Guarded, Once
from driftgate.service.monitoring.limits import limits
from driftgate.service.monitoring.references import Reference, narrowed
from driftgate.service.settings_models import ModelTable

if TYPE_CHECKING:
    from driftgate.reports.profiles.frame import FrameProfile


class Look:
    """A version's traffic, what it is held against, and the findings so far (in `guarded`).

    `level`: the chance of any false alarm that the whole look may have; each monitor spends its share.
    """

    def __init__(self, found: Gathered, reference: Reference, table: ModelTable, level: float, guarded: Guarded) -> None:
        self.found = found
        self.reference = reference
        self.version = reference.version
        self.table = table
        self.guarded = guarded
        self._level = level
        self._drifted: Sequence[Finding] = ()
        self._shifted: Sequence[Finding] = ()
        self._expected = Expectation(found, reference, table, guarded, monitor_level(level, Monitor.EXPECTED_PERFORMANCE))

    def at_inputs(self) -> None:
        """What needs no outcomes: the inputs as they came, drift of inputs and outputs, odd outputs, and rows that give the window away."""
        if not len(self.found.inputs):
            return
        self.guarded.ask(Monitor.INPUTS, self._inputs)
        self._drifted = (
            *self.guarded.ask(Monitor.DATA_DRIFT, lambda: drift.data_drift(self.drift, self._expected.by_column(self.drift))),
            *self.guarded.ask(Monitor.PREDICTION_DRIFT, self._prediction),
        )
        self.guarded.ask(Monitor.OUTPUTS, self._outputs)
        self._shifted = self.guarded.ask(Monitor.DOMAIN_SHIFT, self._domain)

    def at_outcomes(self) -> None:
        """What matured outcomes say of the version."""
        if not self.found.truths:
            return
        self.guarded.ask(Monitor.PERFORMANCE, self._performance)
        self.guarded.ask(Monitor.CALIBRATION, self._calibration)
        self.guarded.ask(Monitor.CONCEPT_SHIFT, self._concept)

    def at_expectations(self) -> None:
        """What loss to expect of the window, as far as matured outcomes do not say already."""
        if len(self.found.inputs):
            self.guarded.ask(Monitor.EXPECTED_PERFORMANCE, self._expectations)
            self.guarded.ask(Monitor.EXPECTED_PERFORMANCE, self._estimate)

    def _domain(self) -> Iterable[Finding]:
        from driftgate.reports.shift import domain

        asked, level = self.table.monitoring, monitor_level(self._level, Monitor.DOMAIN_SHIFT)
        measured = domain.measure(self.found.schema, self.reference.rows, self.found.inputs.rows, confidence=1.0 - level, seed=asked.seed)
        return (shift.domain(measured, asked.shift_auc, level),)

    def _estimate(self) -> Iterable[Finding]:
        level = monitor_level(self._level, Monitor.EXPECTED_PERFORMANCE)
        return (shift.expected_performance(self._expected.estimated, self.table.monitoring.loss_growth, level),)

    def _prediction(self) -> Iterable[Finding]:
        return drift.prediction_drift(self.drift, self.drift.level, self._expected.of_prediction(self.drift))

    def _expectations(self) -> Iterable[Finding]:
        # Asked of a drift only, and a measurement of its own.
        moved = any(finding.alarms for finding in self._drifted)
        known = matured(self.performance, drifted=self._drifted_then if moved else None) if self.found.truths else None
        return self._expected.findings(self.drift, self._drifted, self._shifted, known)

    @property
    def _drifted_then(self) -> bool | None:
        """Whether the payloads of the matured outcomes had drifted already; None where that cannot be told."""
        mature = self.found.mature
        then = self._measured(mature, self._profiled(mature))
        return None if then.verdict is Verdict.UNDECIDED else then.verdict is Verdict.FAIL

    @Once
    def window(self) -> "FrameProfile":
        """The profile of the champion arm's rows, as they came."""
        return self._profiled(self.found.inputs)

    @Once
    def drift(self) -> DriftMeasurement:
        """Drift of the inputs, and of the version's own outputs. Both spend their shares of the level together."""
        return self._measured(self.found.own, self.window)

    def _profiled(self, answers: Answers) -> "FrameProfile":
        from driftgate.reports.profiles.frame import profile

        return profile(answers.raw, self.found.schema, seed=self.table.drift.seed)

    def _measured(self, own: Answers, window: "FrameProfile") -> DriftMeasurement:
        import pandas as pd

        from driftgate.reports.drift import measure
        from driftgate.reports.profiles.frame import outputs_profile

        schema, asked = self.found.schema, self.table.drift
        known, predictions = self.reference.profile, None
        if known.predictions is not None and len(own):
            whom = pd.Series(own.entities, dtype=object) if schema.entity else None
            predictions = known.predictions, outputs_profile(schema, own.outputs, entities=whom, seed=asked.seed)
        return measure.measure(
            self.version.model,
            self.version.number,
            narrowed(known.data, schema.features),
            window,
            predictions,
            level=monitor_level(self._level, Monitor.DATA_DRIFT) + monitor_level(self._level, Monitor.PREDICTION_DRIFT),
            materiality=asked.materiality(),
            limits=self.guarded.tried("limits of its own", lambda: limits(self.reference, schema, window.rows)),
            seed=asked.seed,
        )

    def _inputs(self) -> Iterable[Finding]:
        columns = self.window.columns.values()
        retyped = {column.name: getattr(column, "retyped", 0) or getattr(column, "unreadable", 0) for column in columns}
        infinite = {column.name: getattr(column, "infinite", 0) for column in columns}
        return inputs.judged(inputs.Inputs(self.window.rows, self.window.lost, self.window.new, retyped, infinite))

    def _outputs(self) -> Iterable[Finding]:
        return live.outputs(self.outputs, monitor_level(self._level, Monitor.OUTPUTS), self.table.monitoring.minimum_rows)

    @Once
    def outputs(self) -> OutputsMeasurement:
        """What the version's own outputs look like beside the holdout's."""
        from driftgate.reports.live import outputs

        own, asked = self.found.own, self.table.monitoring
        return outputs.measure(
            self.found.schema,
            own.outputs,
            self.reference.outputs,
            low_confidence=asked.low_confidence,
            null_outputs=asked.null_outputs,
            seed=asked.seed,
            entities=self._entities(own),
            times=list(own.times),
        )

    @Once
    def performance(self) -> LivePerformance:
        """How the version did on the matured outcomes, held against its holdout."""
        from driftgate.reports.live import performance

        asked, mature = self.table.monitoring, self.found.mature
        holdout, entity = self.reference.holdout, self.version.schema.entity
        return performance.measure(
            self.found.schema,
            mature.outputs,
            self.found.truths,
            threshold=self.version.threshold,
            seed=asked.seed,
            entities=self._entities(mature),
            times=list(mature.times),
            limits=asked.limits,
            loss_growth=asked.loss_growth,
            reference_losses=self.reference.losses,
            reference_entities=holdout[entity] if entity else None,
        )

    def _performance(self) -> Iterable[Finding]:
        asked, level = self.table.monitoring, monitor_level(self._level, Monitor.PERFORMANCE)
        return live.performance(self.performance, self.reference.performance, asked.limits, asked.loss_growth, level, asked.minimum_rows)

    @Once
    def over_time(self) -> PerformanceOverTime:
        """The same by period, for the page only."""
        from driftgate.reports.live import performance

        mature = self.found.mature
        return performance.over_time(
            self.found.schema,
            mature.outputs,
            self.found.truths,
            times=list(mature.times),
            threshold=self.version.threshold,
            seed=self.table.monitoring.seed,
            entities=self._entities(mature),
        )

    def _calibration(self) -> Iterable[Finding]:
        return live.calibration(self.calibration, monitor_level(self._level, Monitor.CALIBRATION), self.table.monitoring.minimum_rows)

    @Once
    def calibration(self) -> Calibration:
        """Whether its outputs meant what they said, on the matured outcomes."""
        from driftgate.reports.live import calibration

        mature = self.found.mature
        return calibration.measure(
            self.found.schema,
            mature.outputs,
            self.found.truths,
            seed=self.table.monitoring.seed,
            entities=self._entities(mature),
            times=list(mature.times),
        )

    def _concept(self) -> Iterable[Finding]:
        return live.concept(self.concept, self.table.monitoring.loss_growth, monitor_level(self._level, Monitor.CONCEPT_SHIFT))

    @Once
    def concept(self) -> ConceptShift:
        """The growth of the loss in its parts."""
        from driftgate.reports import losses
        from driftgate.reports.live.matching import matched
        from driftgate.reports.shift import concept

        asked, mature, schema = self.table.monitoring, self.found.mature, self.found.schema
        rows = matched(schema, mature.outputs, self.found.truths)
        return concept.decompose(
            schema,
            self.reference.holdout,
            self.reference.losses,
            mature.rows[rows.kept],
            losses.per_row_loss(rows.outputs, rows.y, schema),
            seed=asked.seed,
            tolerated=live.CONCEPT_SHARE * asked.loss_growth,
        )

    def _entities(self, answers: Answers) -> Any:
        return answers.entities if self.version.schema.entity or len(set(answers.entities)) < len(answers) else None
