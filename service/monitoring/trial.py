"""Would a retrain help? A refit on what a retrain would use now, scored beside the champion on rows that neither saw, and thrown away."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.payloads import Outcome, Payload, Window
from driftgate.lifecycle.plan import ROW_ORDER
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Scorer, Trainer
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.triggers import Prospect, TrialResult
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from driftgate.service.staged import Staged

    Mask = npt.NDArray[np.bool_]

TRAINED_ROWS = 200_000
"""A trial is fitted on at most so many of the newest rows that a retrain would use."""

JUDGED_ROWS = 20_000
"""And scored on at most so many of the newest matured payloads."""

LOOK_BACK = timedelta(days=365)


class Versions(Protocol):
    """Bound versions with their files, digest-checked: the registry."""

    def version(self, model: str, number: int) -> Version:
        """One version."""
        ...

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded."""
        ...

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows, conformed."""
        ...


class Labels(Protocol):
    """The payload log's outcomes."""

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        """The payloads of the window whose outcome is known, each with it; `bare`: without features."""
        ...


class Trials:
    """Refits models on trial. Nothing of a trial reaches MLflow, and its staging folder is gone afterwards.

    `limits`: the policy that a model's versions would be judged by now; by default the one that the settings propose.
    """

    def __init__(
        self, settings: Settings, trainer: Trainer, versions: Versions, labels: Labels, limits: Callable[[str], Policy] | None = None
    ) -> None:
        self._settings = settings
        self._limits = limits or settings.policy
        self._trainer = trainer
        self._versions = versions
        self._labels = labels

    def trial(self, model: str, champion: int, at: datetime, key: str, about: Window | None = None) -> TrialResult:
        """Whether a retrain would have helped on the payloads that had matured at `at`. `key` names the staging folder.

        `about`: the window of the outcomes that alarmed, None where none did. Then only its payloads judge: those of the year before it are
        of the world that the champion still fits, and would outvote the change that a retrain is to mend.

        Where the payloads lack a feature as it was (hidden in the log, or new), the rows that a retrain would hold out judge instead.

        `HELPS` where the trial's loss is surely below the champion's, `DOES_NOT_HELP` where it is surely not lower by more than
        `gates.margin` of it, both at `gates.confidence`; else unknown. Unknown, too, where there are fewer than `gates.minimum_rows` rows
        that neither was trained on, or no trial could be made: never an error.
        """
        try:
            return self._result(self._versions.version(model, champion), at, key, about)
        except DriftgateError as error:
            return _unknown(f"the trial could not be made: {error.message}")

    def _result(self, version: Version, at: datetime, key: str, about: Window | None) -> TrialResult:
        table, policy = self._settings.models[version.model], self._limits(version.model)
        hidden = sorted(table.payloads.hidden & set(version.schema.features))
        until = at - timedelta(days=table.outcomes.maturity_days)
        first = until - LOOK_BACK if about is None else about.start
        known = () if hidden else self._matured(version.model, Window(first, until if about is None else min(until, about.end)))
        if not hidden and len(known) < policy.minimum_rows:
            return _unknown(f"there are {len(known)} matured payloads, and {policy.minimum_rows} are needed (gates.minimum_rows)")
        with self._fitted(version.model, key) as training:
            lacking = hidden or [name for name in training.schema.features if not any(name in payload.features for payload, _ in known)]
            compared = self._on_holdout(version, training) if lacking else self._compared(version, training, known)
        rows = "matured payloads"
        if lacking:
            rows = f"rows that a retrain would hold out (the payloads do not hold {', '.join(lacking)} as they were)"
        if compared.rows < policy.minimum_rows:
            said = f"there are {compared.rows} {rows} that neither was trained on"
            return _unknown(f"{said}, and {policy.minimum_rows} are needed (gates.minimum_rows)", compared.rows)
        return judged(compared, policy.margin, rows)

    def _matured(self, model: str, within: Window) -> Sequence[tuple[Payload, Outcome]]:
        """The newest labelled payloads of the window, oldest first: spans twice as long each time, until there are enough."""
        found: list[tuple[Payload, Outcome]] = []
        end, span = within.end, timedelta(days=1)
        while end > within.start and len(found) < JUDGED_ROWS:
            start = max(within.start, end - span)
            found = [*self._labels.joined(model, Window(start, end)), *found]
            end, span = start, span * 2
        return found[-JUDGED_ROWS:]

    @contextmanager
    def _fitted(self, model: str, key: str) -> Iterator[Training]:
        plan = self._settings.plan(model)
        rows = min(plan.window.rows or TRAINED_ROWS, TRAINED_ROWS)
        bounded = replace(plan, window=replace(plan.window, rows=rows))
        folders = [self._settings.state / "staging" / key]
        try:
            training = self._trainer.train(RetrainRequest(key, bounded, "driftgate", "trial"))
            folders.append(Path(training.folder))
            yield training
        finally:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    def _compared(self, version: Version, training: Training, known: Sequence[tuple[Payload, Outcome]]) -> Comparison:
        from driftgate.service.staged import load_staged

        staged = load_staged(training)
        schema = training.schema
        rows, times = labelled(known, schema)
        trained = [self._versions.snapshot(version, "train"), staged.train]
        fresh = unseen(rows, times, trained, [version.schema, schema])
        return self._scored(version, staged, rows[fresh], schema, excluded=int((~fresh).sum()), ordered=True)

    def _on_holdout(self, version: Version, training: Training) -> Comparison:
        """On the rows that the comparison gate would judge on, if this were the candidate."""
        from driftgate.reports import comparison
        from driftgate.service.staged import load_staged

        staged, schema = load_staged(training), training.schema
        lacking = [name for name in version.schema.features if name not in schema.features]
        if lacking:
            raise DriftgateError(f"a new version would not take {', '.join(lacking)}, which the champion takes")
        fresh = comparison.unseen(staged.holdout, self._versions.snapshot(version, "train"), schema)
        ordered = schema.time is not None or self._settings.plan(version.model).time == ROW_ORDER
        return self._scored(version, staged, staged.holdout[fresh], schema, excluded=int((~fresh).sum()), ordered=ordered)

    def _scored(
        self, version: Version, staged: "Staged", rows: "pd.DataFrame", schema: Schema, *, excluded: int, ordered: bool
    ) -> Comparison:
        from driftgate.reports import comparison, losses

        return comparison.compare(
            staged.scorer.score(rows[list(schema.features)]),
            losses.align(self._versions.scorer(version).score(conformed(rows, version.schema)), version.schema, schema),
            losses.truth(rows[schema.target], schema),
            schema,
            champion=version.number,
            excluded=excluded,
            entities=rows[schema.entity] if schema.entity else None,
            ordered=ordered,
            confidence=self._limits(version.model).confidence,
            seed=self._settings.models[version.model].seed,
        )


def labelled(known: Sequence[tuple[Payload, Outcome]], schema: Schema) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    """The payloads as labelled, conformed rows, in order, with their event times (naive UTC); without those whose outcome fits no class."""
    import pandas as pd

    from driftgate.service.monitoring.gathering import encoded

    told = encoded([outcome.value for _, outcome in known], schema)
    fitting = [(payload, value) for (payload, _), value in zip(known, told, strict=True) if value is not None]
    raw = pd.DataFrame.from_records([dict(payload.features) for payload, _ in fitting], index=range(len(fitting)))
    rows = conformed(raw, schema)
    labels = [schema.classes[int(value)] if schema.classes else float(value) for _, value in fitting]
    rows[schema.target] = pd.Series(labels, index=rows.index, dtype=object if schema.classes else "float64")
    if schema.entity:
        rows[schema.entity] = pd.Series([payload.entity_id for payload, _ in fitting], index=rows.index, dtype=object)
    times = [payload.event_time.astimezone(UTC).replace(tzinfo=None) for payload, _ in fitting]
    return rows, pd.Series(times, index=rows.index, dtype="datetime64[ns]")


def conformed(rows: "pd.DataFrame", schema: Schema) -> "pd.DataFrame":
    """The features that the schema takes, as it takes them."""
    from driftgate.training.conform import conform_leniently

    return conform_leniently(rows, schema)[0][list(schema.features)]


def unseen(rows: "pd.DataFrame", times: "pd.Series[Any]", trained: "Sequence[pd.DataFrame]", schemas: Sequence[Schema]) -> "Mask":
    """Which rows none of the versions was trained on, shape (n,).

    Where a version's rows are dated: those later than its last training row, and later than that row's day where its dates have no time
    of day. Else those that are no training row by features, target and entity (`reports.comparison.unseen`).
    """
    import numpy as np
    import pandas as pd

    from driftgate.reports import comparison

    fresh = np.ones(len(rows), dtype=np.bool_)
    for train, schema in zip(trained, schemas, strict=True):
        if schema.time is None:
            fresh &= comparison.unseen(rows, train, schema)
            continue
        dates = train[schema.time].dropna()
        last = dates.max()
        whole_days = bool((dates == dates.dt.normalize()).all())
        fresh &= (times >= last + pd.Timedelta(days=1) if whole_days else times > last).to_numpy()
    return fresh


def judged(compared: Comparison, margin: float, rows: str) -> TrialResult:
    """The verdict over a comparison of the trial (as candidate) with the champion on such `rows`: see `Trials.trial`."""
    difference = compared.difference
    lower, upper = difference.lower, difference.upper
    prospect = Prospect.UNKNOWN
    if upper is not None and upper < 0:
        prospect = Prospect.HELPS
    elif lower is not None and lower > -margin * compared.champion_loss:
        prospect = Prospect.DOES_NOT_HELP
    bounds = "no bounds" if lower is None or upper is None else f"{lower:+.4g} to {upper:+.4g} at {compared.confidence:.0%} each"
    words = (
        f"a trial refit has {compared.loss} {compared.candidate_loss:.4g}, the champion {compared.champion_loss:.4g} "
        f"(difference {difference.value:+.4g}, {bounds}) on {compared.rows:,} {rows} that neither was trained on"
    )
    return TrialResult(prospect, words, compared.rows, difference)


def _unknown(words: str, rows: int = 0) -> TrialResult:
    return TrialResult(Prospect.UNKNOWN, words, rows)
