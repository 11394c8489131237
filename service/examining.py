"""Candidates measured: where registry, reports and the user's tests meet."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.measurements import Behaviour, Comparison, Degradation, Performance, SchemaCheck
from driftgate.lifecycle.plan import ROW_ORDER
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Evaluation, Examiner, Scorer
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import Training, Version
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


class Versions(Protocol):
    """Bound versions with their files, digest-checked: the registry."""

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded."""
        ...

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows, conformed."""
        ...

    def model_folder(self, version: Version) -> Path:
        """The local folder of its artifact."""
        ...


class MeasuringExaminer(Examiner):
    """Measures with `driftgate.reports`, on the snapshots that the registry keeps, by the seeds of the settings.

    `limits`: the policy that a version would be judged by now; by default the one that the settings propose.
    """

    def __init__(
        self, settings: Settings, versions: Versions, progress: Callable[[str], None], limits: Callable[[Version], Policy] | None = None
    ) -> None:
        self._settings = settings
        self._versions = versions
        self._progress = progress
        self._limits = limits or (lambda version: settings.policy(version.model))

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
            entities=_entities(staged.holdout, training.schema),
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
            entities=_entities(holdout, schema),
        )

    def comparison(self, candidate: Version, champion: Version) -> Comparison:
        """Both on the holdout rows of the later of the two that the other was not trained on.

        On the older one's holdout a version of a past regime would look superior on rows of that regime.
        """
        from driftgate.reports import comparison, losses

        self._progress(f"comparing with champion {champion.number}")
        later, earlier = (candidate, champion) if candidate.number > champion.number else (champion, candidate)
        schema, holdout = candidate.schema, self._versions.snapshot(later, "holdout")
        mask = comparison.unseen(holdout, self._versions.snapshot(earlier, "train"), later.schema)
        rows = holdout[mask]
        return comparison.compare(
            self._versions.scorer(candidate).score(shared(rows, candidate)),
            losses.align(self._versions.scorer(champion).score(shared(rows, champion)), champion.schema, schema),
            losses.truth(rows[later.schema.target], schema),
            schema,
            champion=champion.number,
            excluded=int((~mask).sum()),
            entities=_entities(rows, later.schema),
            ordered=self._ordered(later),
            confidence=self._limits(candidate).confidence,
            seed=self._seed(candidate.model),
        )

    def degradation(self, candidate: Version, champion: Version | None) -> Degradation:
        """The candidate's envelope, paired with the champion's where there is one that these rows have every feature of."""
        from driftgate.reports import degradation, losses, scenarios

        self._progress("simulating drift")
        asked = self._settings.models[candidate.model].simulation
        schema, holdout = candidate.schema, self._versions.snapshot(candidate, "holdout")
        rival = None if champion is None or _lacking(holdout, champion) else champion
        chosen = scenarios.standard(schema, len(holdout), magnitudes=asked.magnitudes, kinds=asked.kinds, extra=asked.extra())
        return degradation.simulate(
            self._versions.scorer(candidate),
            holdout,
            losses.truth(holdout[schema.target], schema),
            chosen,
            seed=asked.seed,
            confidence=self._limits(candidate).confidence,
            champion_scorer=None if rival is None else self._versions.scorer(rival),
            champion_frame=None if rival is None else shared(holdout, rival),
            break_limit=asked.break_limit,
            ordered=self._ordered(candidate),
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

    def _ordered(self, version: Version) -> bool:
        return version.schema.time is not None or self._settings.plan(version.model).time == ROW_ORDER


def shared(rows: "pd.DataFrame", version: Version) -> "pd.DataFrame":
    """Rows of another version's snapshot as this one takes them. Raises InvalidData where they lack a feature of it."""
    lacking = _lacking(rows, version)
    if lacking:
        raise InvalidData(
            f"version {version.number} cannot be compared on the other version's snapshot, which lacks its features {', '.join(lacking)}: "
            "name them in the model's features and retrain",
            field=lacking[0],
        )
    return rows[list(version.schema.features)]


def _lacking(rows: "pd.DataFrame", version: Version) -> Sequence[str]:
    return [name for name in version.schema.features if name not in rows.columns]


def _entities(rows: "pd.DataFrame", schema: Schema) -> Any:
    return None if schema.entity is None else rows[schema.entity]
