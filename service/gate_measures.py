"""What the optional gates ask of a candidate, measured on snapshots and logged payloads."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from driftgate.lifecycle.measurements_gates import Cost, DataQuality, Freshness, HoldoutCalibration, Replay, Slices
from driftgate.lifecycle.measurements_shift import DomainShift
from driftgate.lifecycle.payloads import Payload
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import Version
from driftgate.service.judged_rows import Versions, entities_of, lacking, ordered, taken_by, unseen_by_both
from driftgate.service.monitoring.columns import entities
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.reports.gates.calibration import Rival
    from driftgate.reports.gates.cost import Subject

SHIFT_ROWS = 2_000
"""Rows of a side that the classifier between payloads and snapshot is fitted to."""


class Asked(Protocol):
    """What was asked of a model last: the payload log."""

    def ship(self) -> int:
        """Moves what was logged to where it can be read."""
        ...

    def recent(self, model: str, limit: int) -> Sequence[Payload]:
        """The newest shipped answers of versions, at most so many."""
        ...


class GateMeasures:
    """Measures with `driftgate.reports.gates`, as the policy asks and by the seeds of the settings."""

    def __init__(self, settings: Settings, versions: Versions, payloads: Asked, progress: Callable[[str], None]) -> None:
        self._settings = settings
        self._versions = versions
        self._payloads = payloads
        self._progress = progress

    def data_quality(self, candidate: Version, champion: Version | None, policy: Policy) -> DataQuality:
        """What is wrong with the candidate's snapshot, by itself and beside the champion's."""
        from driftgate.reports.gates import data_quality

        self._progress("looking at the data")
        return data_quality.measure(
            candidate.schema,
            self._versions.snapshot(candidate, "train"),
            self._versions.snapshot(candidate, "holdout"),
            champion=None if champion is None else champion.number,
            champion_rows=None if champion is None else self._rows(champion),
            level=policy.refusal_level,
        )

    def calibration(self, candidate: Version, champion: Version | None, policy: Policy) -> HoldoutCalibration:
        """Whether the candidate's predictions mean what they say on its holdout, beside the champion's on the same rows."""
        from driftgate.reports.gates import calibration

        schema, holdout = candidate.schema, self._versions.snapshot(candidate, "holdout")
        return calibration.measure(
            schema,
            self._versions.scorer(candidate).score(holdout),
            holdout[schema.target].to_numpy(),
            calibration.Limits(policy.calibration_intercept, policy.calibration_slope),
            rival=None if champion is None else self._rival(candidate, champion, holdout),
            entities=entities_of(holdout, schema),
            ordered=ordered(candidate, self._settings),
            confidence=policy.confidence,
            seed=self._seed(candidate),
        )

    def _rival(self, candidate: Version, champion: Version, holdout: "pd.DataFrame") -> "Rival | None":
        from driftgate.reports import comparison, losses
        from driftgate.reports.gates.calibration import Rival

        if lacking(holdout, champion) or champion.schema.task is not candidate.schema.task:
            return None
        rows = comparison.unseen(holdout, self._versions.snapshot(champion, "train"), candidate.schema)
        outputs = self._versions.scorer(champion).score(taken_by(holdout[rows], champion))
        return Rival(champion.number, losses.align(outputs, champion.schema, candidate.schema), rows)

    def slices(self, candidate: Version, champion: Version, policy: Policy) -> Slices:
        """The comparison, segment by segment."""
        from driftgate.reports import losses
        from driftgate.reports.gates import slices

        self._progress(f"comparing with champion {champion.number} in segments")
        shared, schema = unseen_by_both(self._versions, candidate, champion), candidate.schema
        return slices.measure(
            self._versions.scorer(candidate).score(taken_by(shared.rows, candidate)),
            losses.align(self._versions.scorer(champion).score(taken_by(shared.rows, champion)), champion.schema, schema),
            losses.truth(shared.rows[shared.later.schema.target], schema),
            schema,
            shared.rows,
            champion=champion.number,
            margin=policy.slice_margin,
            entities=entities_of(shared.rows, shared.later.schema),
            ordered=ordered(shared.later, self._settings),
            confidence=policy.confidence,
        )

    def freshness(self, candidate: Version, champion: Version | None, policy: Policy) -> Freshness:
        """How well the newest payloads can be told from the candidate's snapshot, and from the champion's."""
        payloads = self._newest(candidate, policy)
        level = policy.refusal_level
        if not payloads:
            return Freshness(policy.recent_rows, 0, level)
        self._progress(f"comparing the snapshot with {len(payloads)} payloads")
        shift = self._shift(candidate, payloads, level)
        number = None if champion is None else champion.number
        found = Freshness(policy.recent_rows, len(payloads), level, shift, number)
        # What is usual matters only where the candidate is over its own limit.
        if shift.auc is None or shift.auc.lower is None or shift.auc.lower <= policy.freshness_auc:
            return found
        if champion is not None:
            return replace(found, champion_auc=self._shift(champion, payloads, level).auc)
        if not ordered(candidate, self._settings):
            return found
        rows = self._rows(candidate)
        newest, rest = rows[-len(payloads) :], rows[: -len(payloads)]
        return replace(found, own_auc=self._told(self._shown(candidate), rest, newest, level).auc)

    def _newest(self, candidate: Version, policy: Policy) -> Sequence[Payload]:
        """What was really asked last, with what still waited on this host."""
        self._payloads.ship()
        return self._payloads.recent(candidate.model, policy.recent_rows)

    def _shift(self, version: Version, payloads: Sequence[Payload], level: float) -> DomainShift:
        import pandas as pd

        from driftgate.training.conform import conform_leniently

        schema = self._shown(version)
        raw = pd.DataFrame.from_records([dict(payload.features) for payload in payloads], index=range(len(payloads)))
        present = [name for name in schema.features if name in raw.columns]
        current = conform_leniently(raw[present], schema)[0][present]
        if schema.entity is not None:
            current = current.assign(**{schema.entity: list(entities(payloads))})
        return self._told(schema, self._rows(version), current, level)

    def _told(self, schema: Schema, reference: "pd.DataFrame", current: "pd.DataFrame", level: float) -> DomainShift:
        from driftgate.reports.shift import domain

        return domain.measure(schema, reference, current, confidence=1.0 - level, most_rows=SHIFT_ROWS)

    def _shown(self, version: Version) -> Schema:
        """The version's schema without what the log hides."""
        hidden = self._settings.models[version.model].payloads.hidden
        return replace(version.schema, columns=tuple(column for column in version.schema.columns if column.name not in hidden))

    def replay(self, candidate: Version, policy: Policy) -> Replay:
        """What the candidate says to the newest payloads."""
        from driftgate.reports.gates import replay

        payloads = self._newest(candidate, policy)
        if not payloads:
            return Replay(policy.recent_rows, 0)
        problem = self._no_replay(candidate, payloads)
        if problem is not None:
            return Replay(policy.recent_rows, len(payloads), problem=problem)
        self._progress(f"scoring {len(payloads)} payloads again")
        return replay.measure(self._versions.scorer(candidate), payloads, asked=policy.recent_rows, threshold=candidate.threshold)

    def _no_replay(self, candidate: Version, payloads: Sequence[Payload]) -> str | None:
        """Why nothing can be told of the payloads: what the log hides, and what callers could not send to the versions before."""
        kept_out = self._settings.models[candidate.model].payloads.hidden
        hidden = [name for name in candidate.schema.features if name in kept_out]
        if hidden:
            return f"the payloads cannot be scored again: the log does not hold {', '.join(hidden)} as they were"
        sent = set().union(*(payload.features for payload in payloads))
        needed = [column.name for column in candidate.schema.columns if not column.nullable and column.name not in sent]
        if needed:
            return f"the payloads cannot be scored again: none holds {', '.join(needed)}, which callers must send from now on"
        return None

    def cost(self, candidate: Version, champion: Version | None) -> Cost:
        """What the candidate's answers cost, measured in turn with the champion's, each on rows of its own holdout."""
        from driftgate.reports.gates import cost

        self._progress("timing")
        return cost.measure(self._subject(candidate), None if champion is None else self._subject(champion))

    def _subject(self, version: Version) -> "Subject":
        from driftgate.reports.gates.cost import BATCH_ROWS, Subject

        holdout = self._versions.snapshot(version, "holdout")[list(version.schema.features)]
        rows = holdout.iloc[[place % len(holdout) for place in range(BATCH_ROWS)]].reset_index(drop=True)
        scorer, folder = self._versions.scorer(version), self._versions.model_folder(version)
        return Subject(version.number, scorer, lambda: self._versions.loaded_anew(version), folder, rows)

    def _rows(self, version: Version) -> "pd.DataFrame":
        import pandas as pd

        return pd.concat([self._versions.snapshot(version, part) for part in ("train", "holdout")], ignore_index=True)

    def _seed(self, version: Version) -> int:
        return self._settings.models[version.model].seed
