"""A promotion from its request to its verdict, beside the predictions that its gates cannot do without.

The project is real: MLflow, the ledger, snapshots and artifacts with their digests, payloads in the log, a former champion, every gate that
is on by default. What is asked for is refused each time (the version is as good as the champion, and superior is the standard), so
that it can be asked for again. The bare side calls the versions' own scorers: once for the holdout and once for each perturbation of it by
candidate and champion, once for the holdout by the former champion, once for the payloads, and the calls that `cost` times.
"""

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.flows.retraining import retrain
from driftgate.lifecycle.ledger import State
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.policy import Standard
from driftgate.lifecycle.versions import RetrainRequest, Version
from driftgate.reports import perturbing, scenarios
from driftgate.reports.gates.cost import BATCH_ROWS, CALLS, LOADS, ROUNDS, WARM_CALLS
from driftgate.reports.scenarios import Kind
from driftgate.service.bootstrap import Running, wire
from driftgate.service.settings import load

MODEL = "clients"
FORMER, CHAMPION, CANDIDATE = 1, 2, 3
PAYLOADS = 1_000
PROJECT = f"""\
[models.{MODEL}]
source = {{ path = "rows.parquet" }}
target = "churned"
positive = "yes"
holdout = 0.25
estimator = {{ name = "NAME" }}
"""


@dataclass
class Docket:
    """A project with a former champion, a champion and a candidate, all fitted on the same rows."""

    parts: Running
    candidate: Version
    frames: Sequence[pd.DataFrame]
    asked: Sequence[Any]

    def judged(self) -> None:
        """Ours: a promotion is asked for, judged and refused."""
        name = str(uuid.uuid4())
        app = self.parts.app
        promoting.request(PromotionRequest(name, MODEL, CANDIDATE, CHAMPION, "benchmark"), app.ledger)
        ended = promoting.promote(name, app.settings.policy(MODEL), app.desk)
        if ended.state is not State.REFUSED:
            raise DriftgateError(f"the promotion ended as {ended.state.value}: {'; '.join(ended.reasons)}")

    def predicted(self) -> None:
        """The bare calls."""
        registry, app = self.parts.registry, self.parts.app
        candidate, champion, former = (registry.scorer(app.registry.version(MODEL, number)) for number in (CANDIDATE, CHAMPION, FORMER))
        for frame in self.frames:
            candidate.score(frame)
            champion.score(frame)
        former.score(self.frames[0])
        candidate.score_rows(self.asked)
        batch = self.frames[0].head(BATCH_ROWS)
        for _ in range(WARM_CALLS + ROUNDS * CALLS + LOADS):
            candidate.score(batch)
            champion.score(batch)


@contextmanager
def docket(name: str, rows: pd.DataFrame, payloads: int = PAYLOADS) -> Iterator[Docket]:
    """The project of that estimator on those rows, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="driftgate-verdict-") as folder:
        rows.to_parquet(Path(folder) / "rows.parquet", index=False)
        (Path(folder) / "driftgate.toml").write_text(PROJECT.replace("NAME", name), encoding="utf-8")
        settings = load(Path(folder), {})
        parts = wire(settings, lambda _: None)
        try:
            app = parts.app
            for number in (FORMER, CHAMPION, CANDIDATE):
                retrain(RetrainRequest(f"retrain-{number}", settings.plan(MODEL), "benchmark"), app.trainer, app.examiner, app.registry)
            for number, before in ((FORMER, None), (CHAMPION, FORMER)):
                asked = PromotionRequest(f"p{number}", MODEL, number, before, "benchmark", standard=Standard.NON_INFERIOR)
                promoting.request(asked, app.ledger)
                ended = promoting.promote(asked.id, settings.policy(MODEL), app.desk)
                if ended.state is not State.PROMOTED:
                    raise DriftgateError(f"version {number} could not be promoted: {'; '.join(ended.reasons)}")
            yield _filled(parts, payloads)
        finally:
            parts.close()


def _filled(parts: Running, payloads: int) -> Docket:
    candidate = parts.app.registry.version(MODEL, CANDIDATE)
    holdout = parts.registry.snapshot(candidate, "holdout")
    asked = [dict(row) for row in holdout[list(candidate.schema.features)].head(payloads).to_dict("records")]
    outputs = parts.registry.scorer(candidate).score_rows(asked)
    now = datetime.now(UTC) - timedelta(hours=1)
    classes = candidate.schema.classes
    parts.payloads.append(
        [
            Payload(
                f"p{place:06d}",
                MODEL,
                CHAMPION,
                Arm.CHAMPION,
                f"c{place}",
                row,
                Output(classes[int(said.argmax())], tuple(said.tolist())),
                now,
                now,
            )
            for place, (row, said) in enumerate(zip(asked, outputs, strict=True))
        ]
    )
    parts.payloads.ship()
    return Docket(parts, candidate, _frames(candidate, holdout), asked)


def _frames(candidate: Version, holdout: pd.DataFrame) -> Sequence[pd.DataFrame]:
    """The holdout, and the rows that each default scenario touches, perturbed beforehand."""
    schema = candidate.schema
    source, order = perturbing.table(holdout, schema), np.random.default_rng(0).permutation(len(holdout))
    frames = [holdout[list(schema.features)]]
    for scenario in scenarios.standard(schema, len(holdout)):
        if scenario.kind is not Kind.REWEIGHT:
            touched = scenario.touched(len(holdout))
            rows = None if touched == len(holdout) else order[:touched]
            copy = perturbing.perturbed(source, scenario.kind, scenario.features, scenario.magnitude, rows)
            frames.append(perturbing.stacked(source, [copy]))
    return frames
