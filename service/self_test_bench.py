"""Versions that exist for the length of a self-test: in a scratch folder, in no registry."""

import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.plan import ModelPlan
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.versions import Snapshot, Version

if TYPE_CHECKING:
    import pandas as pd

ARTIFACT = """\
flavors:
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
metadata:
  driftgate_labels: index
"""
"""As much of an MLmodel file as loading a version reads."""


@dataclass
class Bench:
    """The versions of one self-test, with their artifacts below `scratch` and their rows in memory. `base`: the project's folder.

    They are pickled and loaded as registered ones are, so that what a gate measures of size, time and memory is what it would measure.
    """

    plan: ModelPlan
    scratch: Path
    base: Path
    _versions: dict[int, Version] = field(default_factory=dict)
    _rows: dict[int, Mapping[str, "pd.DataFrame"]] = field(default_factory=dict)
    _scorers: dict[int, Scorer] = field(default_factory=dict)

    def put(self, number: int, model: Any, schema: Schema, train: "pd.DataFrame", holdout: "pd.DataFrame") -> Version:
        """The version of that number from now on: the fitted model, what it was trained on and what it is to be judged on."""
        import cloudpickle

        from driftgate.training.factories import carried_in_pickles

        folder = self.scratch / str(number)
        folder.mkdir()
        (folder / "MLmodel").write_text(ARTIFACT, encoding="utf-8")
        # Only an estimator of the project's own needs its modules in the pickle; to look for them takes a while.
        with carried_in_pickles(self.base) if ":" in self.plan.estimator.name else nullcontext():
            (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))
        self._rows[number] = {"train": train, "holdout": holdout}
        name = f"self-test {number}"
        version = Version(
            model=self.plan.model,
            number=number,
            run_id=name,
            schema=schema,
            snapshot=Snapshot(name, name, name, len(train), len(holdout)),
            artifact_sha256=name,
            flavour="sklearn",
            threshold=self._threshold(model, schema, holdout),
            created=datetime.now(UTC),
        )
        self._versions[number] = version
        return version

    def _threshold(self, model: Any, schema: Schema, holdout: "pd.DataFrame") -> float | None:
        if schema.task is not Task.BINARY:
            return None
        from driftgate.reports import losses
        from driftgate.training import thresholds

        probability = model.predict_proba(holdout[list(schema.features)])[:, 1]
        return thresholds.choose(self.plan.threshold, losses.encode(holdout[schema.target], schema), probability)[0]

    def version(self, _model: str, number: int) -> Version:
        """The version of that number."""
        return self._versions[number]

    def verify(self, version: Version) -> None:
        """Nothing: what was made a moment ago in a folder of one's own has no digest to hold."""

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded."""
        if version.number not in self._scorers:
            self._scorers[version.number] = self.loaded_anew(version)
        return self._scorers[version.number]

    def loaded_anew(self, version: Version) -> Scorer:
        """The version, loaded once more."""
        from driftgate.registry.scoring import load_scorer

        return load_scorer(self.model_folder(version), version.flavour, version.schema)

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows."""
        return self._rows[version.number][part]

    def model_folder(self, version: Version) -> Path:
        """The folder of its artifact."""
        return self.scratch / str(version.number)

    def forget(self, number: int) -> None:
        """Lets go of the version, its rows and its artifact."""
        self._rows.pop(number)
        self._scorers.pop(number, None)
        shutil.rmtree(self.model_folder(self._versions.pop(number)))
