"""Do the gates refuse what they should? Known-bad candidates of the project's own data, judged by the real gates; nothing is registered."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.flows.promoting import Desk, gather
from driftgate.lifecycle.gates import judge, verdict_over
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.ports import Ledger, PayloadLog, Registry
from driftgate.lifecycle.verdicts import Gate, Verdict
from driftgate.lifecycle.versions import Version
from driftgate.service.examining import MeasuringExaminer
from driftgate.service.judged_rows import entities_of, ordered
from driftgate.service.self_test_bench import Bench
from driftgate.service.self_test_candidates import REFIT, SHOULD_BLOCK, Made, Parts, divided, made
from driftgate.service.settings import Settings, disclosed

if TYPE_CHECKING:
    import pandas as pd

CHAMPION = 1
WORSE, HARMLESS, UNCLEAR = "worse", "harmless", "unclear"


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate: what it does, what the gates said, and whether they should have.

    `problem`: why there is none of this kind here; then there is nothing else. `harm`: candidate against champion on the rows kept aside.
    `truth`: `worse` by more than the margin, `harmless`, or `unclear`. `verdict`: by the policy in force; `non_inferior`: the same
    evidence by that standard, which asks for less, and `blocking` the gates that refuse it then.
    """

    kind: str
    problem: str | None = None
    about: str = ""
    harm: Comparison | None = None
    line: float = float("nan")
    truth: str = UNCLEAR
    verdict: Verdict = Verdict.UNDECIDED
    non_inferior: Verdict = Verdict.UNDECIDED
    blocking: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()

    @property
    def as_it_should(self) -> bool:
        """A refit is not failed; one that is truly worse is refused, by a gate that is there for it. Of others nothing is asked."""
        if self.problem is not None:
            return True
        if self.kind == REFIT:
            return self.non_inferior is not Verdict.FAIL
        if self.truth != WORSE:
            return True
        return self.verdict.blocks and self.non_inferior.blocks and bool(set(self.blocking) & set(SHOULD_BLOCK[self.kind]))


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What came of it. `train`, `judged`, `aside`: how many rows each."""

    model: str
    policy: Policy
    train: int
    judged: int
    aside: int
    trials: tuple[Trial, ...]

    @property
    def passed(self) -> bool:
        """Whether every candidate was dealt with as it should."""
        return all(trial.as_it_should for trial in self.trials)


def run(
    settings: Settings,
    model: str,
    policy: Policy,
    payloads: PayloadLog,
    progress: Callable[[str], None],
    kinds: Sequence[str] = tuple(SHOULD_BLOCK),
) -> SelfTest:
    """The self-test of the model's gates under the policy, on the rows that a retrain would use now.

    The champion is the project's own estimator, fitted on the training rows. Its candidates are fitted and judged in turn, as promotions
    are; no level is spent, and no former champion is looked at. Raises InvalidData where the rows cannot be used.
    """
    from driftgate.training import sources

    plan = settings.plan(model)
    progress("reading the data")
    parts = divided(sources.read(disclosed(plan.source), settings.project), plan)
    with tempfile.TemporaryDirectory(prefix="driftgate-self-test-") as scratch:
        bench = Bench(plan, Path(scratch), settings.project)
        session = _Session(settings, policy, payloads, bench, parts)
        progress(f"fitting the champion on {len(parts.train)} rows")
        session.install(made(REFIT, plan, parts, settings.project))
        trials = []
        for place, kind in enumerate(kinds, start=1):
            progress(f"{place} of {len(kinds)}: {words(kind)}")
            trials.append(session.trial(kind, CHAMPION + place))
    return SelfTest(model, policy, len(parts.train), len(parts.judged), len(parts.aside), tuple(trials))


def words(kind: str) -> str:
    """The kind as people read it."""
    return kind.replace("_", " ")


class _Session:
    """One champion, and what is held against it."""

    def __init__(self, settings: Settings, policy: Policy, payloads: PayloadLog, bench: Bench, parts: Parts) -> None:
        self._settings = settings
        self._policy = policy
        self._bench = bench
        self._parts = parts
        examiner = MeasuringExaminer(settings, bench, payloads, lambda _: None, lambda _: policy)
        # Gathering evidence asks a registry for versions and for their digests, and a ledger for nothing.
        self._desk = Desk(cast("Ledger", None), cast("Registry", bench), examiner)

    def install(self, champion: Made) -> None:
        """Makes it the champion."""
        self._champion = self._bench.put(CHAMPION, champion.model, champion.schema, champion.train, champion.judged)

    def trial(self, kind: str, number: int) -> Trial:
        """The candidate of that kind, made, judged and let go of."""
        try:
            candidate = made(kind, self._bench.plan, self._parts, self._settings.project)
        except DriftgateError as error:
            return Trial(kind, problem=error.message)
        version = self._bench.put(number, candidate.model, candidate.schema, candidate.train, candidate.judged)
        found = self._judged(Trial(kind, about=candidate.about), version, self._harm(version, candidate))
        self._bench.forget(number)
        return found

    def _judged(self, trial: Trial, version: Version, harm: Comparison) -> Trial:
        evidence = gather(version.model, version.number, CHAMPION, self._desk, self._policy)
        gates = judge(evidence, self._policy)
        eased = judge(evidence, replace(self._policy, standard=Standard.NON_INFERIOR))
        line = self._policy.margin * harm.champion_loss
        return replace(
            trial,
            harm=harm,
            line=line,
            truth=_truth(harm, line),
            verdict=verdict_over(gates),
            non_inferior=verdict_over(eased),
            blocking=tuple(gate.name for gate in eased if gate.verdict.blocks),
            gates=gates,
        )

    def _harm(self, version: Version, candidate: Made) -> Comparison:
        """Candidate against champion on the rows that were kept aside, as they will be asked."""
        from driftgate.reports import comparison, losses

        rows, schema = candidate.aside, candidate.schema
        return comparison.compare(
            self._bench.scorer(version).score(_features(rows, version)),
            losses.align(self._bench.scorer(self._champion).score(_features(rows, self._champion)), self._champion.schema, schema),
            losses.truth(rows[schema.target], schema),
            schema,
            champion=CHAMPION,
            excluded=0,
            entities=entities_of(rows, schema),
            ordered=ordered(version, self._settings),
            confidence=self._policy.confidence,
            seed=self._bench.plan.seed,
        )


def _features(rows: "pd.DataFrame", version: Version) -> "pd.DataFrame":
    return rows[list(version.schema.features)]


def _truth(harm: Comparison, line: float) -> str:
    lower, upper = harm.difference.lower, harm.difference.upper
    if lower is not None and lower > line:
        return WORSE
    return HARMLESS if upper is not None and upper <= line else UNCLEAR
