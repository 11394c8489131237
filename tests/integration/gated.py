"""Versions fitted by the real trainer and judged by the real optional gates, without a registry."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from driftgate.lifecycle.gates import Evidence, judge
from driftgate.lifecycle.payloads import Output, Payload
from driftgate.lifecycle.policy import OPTIONAL_GATES, Policy
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.verdicts import Gate
from driftgate.lifecycle.versions import RetrainRequest, Version
from driftgate.service.gate_measures import GateMeasures
from driftgate.service.settings import load
from driftgate.service.staged import Staged, load_staged
from driftgate.training.conform import conform
from driftgate.training.fit import LocalTrainer
from tests.builders import a_payload, a_version, passing_evidence
from tests.fakes import FakePayloadLog

MEASURED = tuple(name for name in OPTIONAL_GATES if name != "degradation")


@dataclass
class Workshop:
    """A project in which versions are fitted on frames of rows, kept by number, and gated."""

    folder: Path
    toml: str
    staged: dict[int, Staged] = field(default_factory=dict)
    folders: dict[int, Path] = field(default_factory=dict)
    log: FakePayloadLog = field(default_factory=FakePayloadLog)

    @property
    def model(self) -> str:
        return next(iter(self._settings().models))

    def _settings(self) -> Any:
        (self.folder / "driftgate.toml").write_text(self.toml, encoding="utf-8")
        return load(self.folder, {})

    def fit(self, rows: pd.DataFrame, number: int) -> Version:
        """A version of that number, fitted on the rows."""
        data = self.folder / f"rows-{number}.parquet"
        rows.to_parquet(data, index=False)
        plan = self._settings().plan(self.model, data)
        training = LocalTrainer(self.folder / "staging", self.folder).train(RetrainRequest(f"fit-{number}", plan, "ann"))
        self.staged[number], self.folders[number] = load_staged(training), Path(training.folder)
        return a_version(number, self.model, schema=training.schema, threshold=training.threshold)

    def asked(self, rows: pd.DataFrame, version: Version) -> None:
        """Logs the rows as payloads that the version answered."""
        rows = conform(rows, version.schema)
        outputs = self.staged[version.number].scorer.score(rows)
        classes = version.schema.classes
        for place, record in enumerate(rows[list(version.schema.features)].to_dict("records")):
            features = {name: None if pd.isna(value) else value for name, value in record.items()}
            said = outputs[place]
            output = Output(classes[int(said.argmax())], tuple(said.tolist())) if classes else Output(float(said))
            payload: Payload = a_payload(
                f"p{place:06d}", entity_id=f"c{place}", model=self.model, version=version.number, features=features, output=output
            )
            self.log.append([payload])
        self.log.ship()

    def measures(self) -> GateMeasures:
        return GateMeasures(self._settings(), self, self.log, lambda _: None)

    def gates(self, candidate: Version, champion: Version | None, policy: Policy) -> dict[str, Gate]:
        """The optional gates that need no simulation, by name."""
        measures = self.measures()
        evidence: Evidence = passing_evidence(
            candidate.number,
            None if champion is None else champion.number,
            data_quality=measures.data_quality(candidate, champion, policy),
            calibration=measures.calibration(candidate, champion, policy),
            slices=None if champion is None else measures.slices(candidate, champion, policy),
            freshness=measures.freshness(candidate, champion, policy),
            replay=measures.replay(candidate, policy),
            cost=measures.cost(candidate, champion),
        )
        return {gate.name: gate for gate in judge(evidence, policy) if gate.name in MEASURED}

    def scorer(self, version: Version) -> Scorer:
        return self.staged[version.number].scorer

    def loaded_anew(self, version: Version) -> Scorer:
        from driftgate.registry.scoring import load_pickle

        return load_pickle(self.folders[version.number] / "model.pkl", version.schema)

    def snapshot(self, version: Version, part: str) -> pd.DataFrame:
        return self.staged[version.number].train if part == "train" else self.staged[version.number].holdout

    def model_folder(self, version: Version) -> Path:
        return self.folders[version.number]


def blocking(gates: dict[str, Gate]) -> Sequence[tuple[str, str]]:
    """Name and first reason of every gate that blocks."""
    return [(name, gate.reasons[0]) for name, gate in gates.items() if gate.verdict.blocks]
