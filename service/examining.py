"""Candidates measured: where registry, reports and the user's tests meet."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, Performance, SchemaCheck
from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.measurements_gates import Cost, DataQuality, Freshness, HoldoutCalibration, Replay, Slices
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Evaluation, Examiner
from driftgate.lifecycle.versions import Training, Version
from driftgate.service.former_champions import Judged, nobody
from driftgate.service.gate_measures import Asked, GateMeasures
from driftgate.service.judged_rows import Versions, entities_of, lacking, ordered, taken_by, unseen_by_both
from driftgate.service.settings import Settings


class MeasuringExaminer(Examiner):
    """Measures with `driftgate.reports`, on the snapshots that the registry keeps, by the seeds of the settings.

    `limits`: the policy that a version would be judged by now; by default the one that the settings propose. `former`: measures beside
    those that were champion before; by default nobody was.
    """

    def __init__(
        self,
        settings: Settings,
        versions: Versions,
        payloads: Asked,
        progress: Callable[[str], None],
        limits: Callable[[Version], Policy] | None = None,
        former: Callable[[Judged, Version, Policy], Sequence[FormerChampion]] = nobody,
    ) -> None:
        self._settings = settings
        self._versions = versions
        self._progress = progress
        self._limits = limits or (lambda version: settings.policy(version.model))
        self._former = former
        self._gates = GateMeasures(settings, versions, payloads, progress)

    def evaluate(self, training: Training) -> Evaluation:
        """Metrics and plots of a fresh training on its holdout."""
        from driftgate.reports import losses, performance, plots
        from driftgate.service.staged import load_staged

        self._progress(f"evaluating on {training.holdout_rows} holdout rows")
        staged = load_staged(training)
        outputs = staged.scorer.score(staged.holdout)
        measured = performance.measure(
            training.schema,
            staged.holdout[training.schema.target],
            outputs,
            train=performance.target_stats(staged.train[training.schema.target], training.schema),
            threshold=training.threshold,
            confidence=self._settings.policy(training.model).confidence,
            seed=self._seed(training.model),
            entities=entities_of(staged.holdout, training.schema),
        )
        drawn = plots.draw(
            staged.scorer,
            staged.holdout,
            losses.truth(staged.holdout[training.schema.target], training.schema),
            outputs,
            Path(training.folder) / "plots",
            threshold=training.threshold,
            seed=self._seed(training.model),
        )
        return Evaluation(measured, tuple(f"plots/{name}" for name in drawn))

    def schema(self, candidate: Version, champion: Version | None) -> SchemaCheck:
        """Whether the candidate can serve, and what a caller would notice."""
        from driftgate.reports import schema_check

        return schema_check.check(candidate.schema, None if champion is None else champion.schema)

    def performance(self, candidate: Version) -> Performance:
        """The candidate on its own holdout."""
        from driftgate.reports import performance

        self._progress("measuring performance")
        schema, holdout = candidate.schema, self._versions.snapshot(candidate, "holdout")
        return performance.measure(
            schema,
            holdout[schema.target],
            self._versions.scorer(candidate).score(holdout),
            train=performance.target_stats(self._versions.snapshot(candidate, "train")[schema.target], schema),
            threshold=candidate.threshold,
            confidence=self._limits(candidate).confidence,
            seed=self._seed(candidate.model),
            entities=entities_of(holdout, schema),
        )

    def comparison(self, candidate: Version, champion: Version) -> Comparison:
        """Both, and those that were champion before, on the holdout rows of the later of the two that the other was not trained on."""
        from driftgate.reports import comparison, losses

        self._progress(f"comparing with champion {champion.number}")
        shared, schema, limits = unseen_by_both(self._versions, candidate, champion), candidate.schema, self._limits(candidate)
        judged = Judged(
            candidate,
            shared,
            losses.truth(shared.rows[shared.later.schema.target], schema),
            self._versions.scorer(candidate).score(taken_by(shared.rows, candidate)),
            ordered(shared.later, self._settings),
        )
        compared = comparison.compare(
            judged.outputs,
            losses.align(self._versions.scorer(champion).score(taken_by(shared.rows, champion)), champion.schema, schema),
            judged.truth,
            schema,
            champion=champion.number,
            excluded=shared.excluded,
            entities=entities_of(shared.rows, shared.later.schema),
            ordered=judged.ordered,
            confidence=limits.confidence,
            seed=self._seed(candidate.model),
        )
        return replace(compared, best_of=limits.best_of, former=tuple(self._former(judged, champion, limits)))

    def data_quality(self, candidate: Version, champion: Version | None, policy: Policy) -> DataQuality:
        """What is wrong with the candidate's snapshot, by itself and beside the champion's."""
        return self._gates.data_quality(candidate, champion, policy)

    def calibration(self, candidate: Version, champion: Version | None, policy: Policy) -> HoldoutCalibration:
        """Whether the candidate's predictions mean what they say on its holdout, beside the champion's on the same rows."""
        return self._gates.calibration(candidate, champion, policy)

    def slices(self, candidate: Version, champion: Version, policy: Policy) -> Slices:
        """The comparison, segment by segment, on the rows of `comparison`."""
        return self._gates.slices(candidate, champion, policy)

    def freshness(self, candidate: Version, champion: Version | None, policy: Policy) -> Freshness:
        """How well the newest payloads can be told from the candidate's snapshot, and from the champion's."""
        return self._gates.freshness(candidate, champion, policy)

    def replay(self, candidate: Version, policy: Policy) -> Replay:
        """What the candidate says to the newest payloads."""
        return self._gates.replay(candidate, policy)

    def cost(self, candidate: Version, champion: Version | None) -> Cost:
        """What the candidate's answers cost, measured in turn with the champion's."""
        return self._gates.cost(candidate, champion)

    def degradation(self, candidate: Version, champion: Version | None) -> Degradation:
        """The candidate's envelope, paired with the champion's where there is one that these rows have every feature of."""
        from driftgate.reports import degradation, losses, scenarios

        self._progress("simulating drift")
        asked = self._settings.models[candidate.model].simulation
        schema, holdout = candidate.schema, self._versions.snapshot(candidate, "holdout")
        rival = None if champion is None or lacking(holdout, champion) else champion
        chosen = scenarios.standard(schema, len(holdout), magnitudes=asked.magnitudes, kinds=asked.kinds, extra=asked.extra())
        return degradation.simulate(
            self._versions.scorer(candidate),
            holdout,
            losses.truth(holdout[schema.target], schema),
            chosen,
            seed=asked.seed,
            confidence=self._limits(candidate).confidence,
            champion_scorer=None if rival is None else self._versions.scorer(rival),
            champion_frame=None if rival is None else taken_by(holdout, rival),
            break_limit=asked.break_limit,
            ordered=ordered(candidate, self._settings),
        )

    def behaviour(self, candidate: Version) -> Behaviour | None:
        """What the user's tests say; None where none are configured."""
        limits = self._limits(candidate)
        tests = [self._settings.project / path for path in limits.tests]
        if not tests:
            return None
        from driftgate.service.usertests import CandidateFiles, run

        self._progress(f"running the user tests ({', '.join(path.name for path in tests)})")
        with tempfile.TemporaryDirectory(prefix="driftgate-candidate-") as folder:
            files = CandidateFiles(
                model=candidate.model,
                version=candidate.number,
                artifact=self._versions.model_folder(candidate),
                flavour=candidate.flavour,
                schema=candidate.schema,
                threshold=candidate.threshold,
                train=self._written(candidate, "train", Path(folder)),
                holdout=self._written(candidate, "holdout", Path(folder)),
                metrics=candidate.metrics,
            )
            return run(tests, self._settings.project, files, limits.test_seconds)

    def _written(self, version: Version, part: str, folder: Path) -> Path:
        path = folder / f"{part}.parquet"
        self._versions.snapshot(version, part).to_parquet(path, index=False)
        return path

    def _seed(self, model: str) -> int:
        return self._settings.models[model].seed
